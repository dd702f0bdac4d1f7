//! Smart Tap's own status words (google-smart-tap.md section 10). The first byte decides; second bytes that the list does
//! not have mean nothing of their own.

/// What a status word asks of the terminal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// 9000, and 90xx that the list does not have.
    Success,
    /// 9001, 9102: all well, and there is no pass of ours.
    NoPass,
    /// 9002: authenticated by a signature made beforehand, which we never send.
    PreSigned,
    /// 9100: the next piece waits.
    MoreData,
    /// 9101, 91xx: success with a pass, only a payment would not be ready.
    SuccessWithoutPayment,
    /// 92xx: a passing failure; the same command again.
    Passing(u16),
    /// 9997 to 9999: a word that never should have left the phone; tried again once.
    Placeholder(u16),
    /// 9300: the phone is locked.
    Unlock,
    /// 9302: the phone shows a choice of passes.
    Choose,
    /// 93xx: the phone wants something else of its owner.
    SeePhone,
    /// 9500: it does not know our collector, key or signature; every phone without a pass of ours may say so.
    NotAuthenticated,
    /// 6A82: no such application.
    NotThere,
    /// 94xx, 95xx and all others: no way on.
    Fault(u16),
}

impl From<u16> for Status {
    fn from(code: u16) -> Self {
        match code {
            0x9001 | 0x9102 => Status::NoPass,
            0x9002 => Status::PreSigned,
            0x9000..=0x90FF => Status::Success,
            0x9100 => Status::MoreData,
            0x9101..=0x91FF => Status::SuccessWithoutPayment,
            0x9200..=0x92FF => Status::Passing(code),
            0x9300 => Status::Unlock,
            0x9302 => Status::Choose,
            0x9301..=0x93FF => Status::SeePhone,
            0x9500 => Status::NotAuthenticated,
            0x9997..=0x9999 => Status::Placeholder(code),
            0x6A82 => Status::NotThere,
            other => Status::Fault(other),
        }
    }
}

impl Status {
    /// A code that stands for it: the one that came, where it says more than its kind does.
    pub fn code(self) -> u16 {
        match self {
            Status::Success => 0x9000,
            Status::NoPass => 0x9001,
            Status::PreSigned => 0x9002,
            Status::MoreData => 0x9100,
            Status::SuccessWithoutPayment => 0x9101,
            Status::Unlock => 0x9300,
            Status::Choose => 0x9302,
            Status::SeePhone => 0x93FF,
            Status::NotAuthenticated => 0x9500,
            Status::NotThere => 0x6A82,
            Status::Passing(code) | Status::Placeholder(code) | Status::Fault(code) => code,
        }
    }
}
