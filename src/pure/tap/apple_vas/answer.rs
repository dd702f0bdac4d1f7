//! What a phone answers to SELECT and to GET VAS DATA, parsed once into an enum (apple-vas.md sections 4, 6 and 7).

use crate::pure::apdu::{RESPONSE_MAX, Response, StatusWord, tlv};

/// The wallet label of a phone that speaks Apple VAS.
const LABEL_APPLE_PAY: &[u8] = b"ApplePay";

/// The only major version of VAS that we know (9F21, first byte).
const VERSION_MAJOR: u8 = 0x01;

/// Mobile capabilities 9F23, last byte: VAS may be performed.
const CAPABILITY_VAS: u8 = 0x08;

/// The answer to SELECT OSE.VAS.01 (apple-vas.md section 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SelectAnswer {
    /// 9000 with the label of Apple's wallet. `vas_possible` is its own word on whether VAS may be performed.
    ApplePay { vas_possible: bool },
    /// 9000 with another label (`AndroidPay`: Google's wallet), or without the template that a wallet answers; 93xx, by
    /// which Google's wallet asks something of its owner (google-smart-tap.md section 10).
    OtherWallet,
    /// 6A82: no such application, so no Apple device.
    NotThere,
    /// 6A81: an Apple device that offers no VAS.
    NoVas,
    /// 6700, 6A80, 6B00, 61xx: no way on from here.
    Fault(StatusWord),
    /// Any other status word: the state is lost, and one more SELECT may find it.
    Lost(StatusWord),
    /// 9000 with data that no VAS phone sends.
    Malformed(&'static str),
    /// Fewer than two bytes: the phone left.
    Left,
}

impl SelectAnswer {
    pub(super) fn parse(bytes: &[u8]) -> Self {
        let Some(Response { data, status }) = Response::split(bytes) else { return SelectAnswer::Left };
        match status {
            StatusWord::Success if bytes.len() > RESPONSE_MAX => SelectAnswer::Malformed(TOO_LONG),
            StatusWord::Success => Self::parse_template(data),
            StatusWord::Other(0x9300..=0x93FF) => SelectAnswer::OtherWallet,
            StatusWord::NotFound => SelectAnswer::NotThere,
            StatusWord::NotSupported => SelectAnswer::NoVas,
            StatusWord::WrongLength
            | StatusWord::WrongData
            | StatusWord::WrongParameters
            | StatusWord::BytesWaiting(_) => SelectAnswer::Fault(status),
            StatusWord::Deactivated
            | StatusWord::SecurityStatus
            | StatusWord::ReferenceNotUsable
            | StatusWord::ConditionsOfUse
            | StatusWord::RecordNotFound
            | StatusWord::UnknownInstruction
            | StatusWord::UnknownClass
            | StatusWord::Other(_) => SelectAnswer::Lost(status),
        }
    }

    /// The file control information 6F: label 50, version 9F21, mobile capabilities 9F23. The device nonce 9F24 is used by
    /// nothing and may be missing.
    fn parse_template(data: &[u8]) -> Self {
        // A chip that says 9000 to every SELECT is no wallet; a wallet's template that is cut off is one that failed.
        if data.first() != Some(&0x6F) {
            return SelectAnswer::OtherWallet;
        }
        const CUT: &str = "the answer to SELECT is cut off or no TLV";
        let Ok(Some(template)) = tlv::find(data, 0x6F) else { return SelectAnswer::Malformed(CUT) };
        let fields = (tlv::find(template, 0x50), tlv::find(template, 0x9F21), tlv::find(template, 0x9F23));
        let (Ok(label), Ok(version), Ok(capabilities)) = fields else { return SelectAnswer::Malformed(CUT) };
        if label != Some(LABEL_APPLE_PAY) {
            return SelectAnswer::OtherWallet;
        }
        if version.and_then(|version| version.first()) != Some(&VERSION_MAJOR) {
            return SelectAnswer::Malformed("the phone speaks another major version of VAS than 1");
        }
        let vas_possible = capabilities.and_then(|bytes| bytes.last()).is_none_or(|byte| byte & CAPABILITY_VAS != 0);
        SelectAnswer::ApplePay { vas_possible }
    }
}

/// The answer to GET VAS DATA (apple-vas.md sections 6 and 7).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum DataAnswer<'a> {
    /// 9000 with a cryptogram 9F27, of any length; [`super::open`] judges it.
    Cryptogram(&'a [u8]),
    /// 6A83: no pass of that type, or another pass is on the screen.
    NoSuchPass,
    /// 6287, 6982: the pass is there, its owner has to confirm.
    Unconfirmed,
    /// 6984: the owner has to choose a pass.
    Unchosen,
    /// 6A81: the device offers no VAS.
    NoVas,
    /// 6700, 6A80, 6B00: it dislikes our command; 61xx: it gives no data.
    Fault(StatusWord),
    /// Any other status word: the state is lost, and one more SELECT may find it.
    Lost(StatusWord),
    /// 9000 with data that no VAS phone sends.
    Malformed(&'static str),
    /// Fewer than two bytes: the phone left.
    Left,
}

impl<'a> DataAnswer<'a> {
    pub(super) fn parse(bytes: &'a [u8]) -> Self {
        let Some(Response { data, status }) = Response::split(bytes) else { return DataAnswer::Left };
        match status {
            StatusWord::Success if bytes.len() > RESPONSE_MAX => DataAnswer::Malformed(TOO_LONG),
            StatusWord::Success => Self::parse_template(data),
            StatusWord::RecordNotFound => DataAnswer::NoSuchPass,
            StatusWord::Deactivated | StatusWord::SecurityStatus => DataAnswer::Unconfirmed,
            StatusWord::ReferenceNotUsable => DataAnswer::Unchosen,
            StatusWord::NotSupported => DataAnswer::NoVas,
            StatusWord::WrongLength
            | StatusWord::WrongData
            | StatusWord::WrongParameters
            | StatusWord::BytesWaiting(_) => DataAnswer::Fault(status),
            StatusWord::NotFound
            | StatusWord::ConditionsOfUse
            | StatusWord::UnknownInstruction
            | StatusWord::UnknownClass
            | StatusWord::Other(_) => DataAnswer::Lost(status),
        }
    }

    /// The template 70 with the cryptogram 9F27; the mobile token 9F2A is skipped whatever its length.
    fn parse_template(data: &'a [u8]) -> Self {
        let template = match tlv::find(data, 0x70) {
            Ok(Some(template)) => template,
            Ok(None) => return DataAnswer::Malformed("success without the template that holds the data"),
            Err(_) => return DataAnswer::Malformed("the answer to GET VAS DATA is cut off or no TLV"),
        };
        match tlv::find(template, 0x9F27) {
            Ok(Some(cryptogram)) => DataAnswer::Cryptogram(cryptogram),
            Ok(None) => DataAnswer::Malformed("success without a cryptogram"),
            Err(_) => DataAnswer::Malformed("the answer to GET VAS DATA is cut off or no TLV"),
        }
    }
}

const TOO_LONG: &str = "an answer longer than a short APDU can be";
