//! Both wallets in one presence: a single SELECT tells Apple's from Google's (apple-vas.md section 4, google-smart-tap.md
//! section 4), so that neither costs the other a command.

use super::apple_vas::AppleVas;
use super::smart_tap::SmartTap;
use super::{Exchange, Found, Machine, Note, Release, Step};

/// The machine of a shop that takes one wallet or both.
pub struct Wallet {
    apple: Option<AppleVas>,
    google: Option<SmartTap>,
    speaking: Speaking,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Speaking {
    Apple,
    Google,
    Nobody,
}

impl Wallet {
    /// An exchange with whichever of these wallets the phone has.
    pub fn new(apple: Option<AppleVas>, google: Option<SmartTap>) -> Self {
        let speaking = match (&apple, &google) {
            (Some(_), _) => Speaking::Apple,
            (None, Some(_)) => Speaking::Google,
            (None, None) => Speaking::Nobody,
        };
        Self { apple, google, speaking }
    }

    fn speaker(&mut self) -> Option<&mut dyn Machine> {
        match self.speaking {
            Speaking::Apple => self.apple.as_mut().map(|machine| machine as &mut dyn Machine),
            Speaking::Google => self.google.as_mut().map(|machine| machine as &mut dyn Machine),
            Speaking::Nobody => None,
        }
    }
}

/// What comes of an exchange in which no machine has anything to say.
fn nobody() -> Step {
    Step::Done(Exchange { found: Found::OtherProtocol, release: Release::Leave })
}

impl Machine for Wallet {
    fn start(&mut self) -> Step {
        let step = self.speaker().map_or_else(nobody, |machine| machine.start());
        if !matches!(&step, Step::Done(exchange) if exchange.found == Found::OtherProtocol) {
            return step;
        }
        // Apple's machine has no pass type to ask for.
        match (self.speaking, &mut self.google) {
            (Speaking::Apple, Some(google)) => {
                self.speaking = Speaking::Google;
                google.start()
            }
            _ => step,
        }
    }

    fn feed(&mut self, response: &[u8]) -> Step {
        let step = self.speaker().map_or_else(nobody, |machine| machine.feed(response));
        let other_wallet = matches!(&step, Step::Done(exchange) if exchange.found == Found::OtherProtocol);
        match (&mut self.google, self.speaking) {
            (Some(google), Speaking::Apple) if other_wallet => {
                self.speaking = Speaking::Google;
                // Both begin with the same SELECT, so its answer serves the second as well.
                match google.start() {
                    Step::Transmit(_) => google.feed(response),
                    over => over,
                }
            }
            _ => step,
        }
    }

    fn wait_ms_max(&self) -> u64 {
        match (self.speaking, &self.apple, &self.google) {
            (Speaking::Apple, Some(apple), _) => apple.wait_ms_max(),
            (Speaking::Google, _, Some(google)) => google.wait_ms_max(),
            _ => 0,
        }
    }

    fn exchange_ms_max(&self) -> u64 {
        match (self.speaking, &self.apple, &self.google) {
            (Speaking::Apple, Some(apple), _) => apple.exchange_ms_max(),
            (Speaking::Google, _, Some(google)) => google.exchange_ms_max(),
            _ => u64::MAX,
        }
    }

    fn notes(&self) -> &[Note] {
        match (self.speaking, &self.apple, &self.google) {
            (Speaking::Apple, Some(apple), _) => apple.notes(),
            (Speaking::Google, _, Some(google)) => google.notes(),
            _ => &[],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::pure::tap::Sealed;
    use crate::pure::tap::TapProblem;
    use crate::pure::tap::apple_vas::PassType;
    use crate::pure::tap::smart_tap::tests::Phone;

    const APPLE_SELECTED: &[u8] = b"\x6F\x12\x50\x08ApplePay\x9F\x21\x02\x01\x00\x9F\x24\x00\x90\x00";

    fn apple() -> AppleVas {
        AppleVas::new(&[PassType::new("pass.com.example.loyalty").unwrap()], [1; 32])
    }

    /// Runs to the end and counts the commands.
    fn run(mut wallet: Wallet, mut answer: impl FnMut(&[u8]) -> Vec<u8>) -> (usize, Exchange) {
        let (mut step, mut commands) = (wallet.start(), 0);
        while let Step::Transmit(command) = &step {
            assert!(wallet.wait_ms_max() > 0);
            commands += 1;
            step = wallet.feed(&answer(command));
        }
        let Step::Done(exchange) = step else { unreachable!() };
        (commands, exchange)
    }

    fn iphone(command: &[u8]) -> Vec<u8> {
        match command[1] {
            0xA4 => APPLE_SELECTED.to_vec(),
            _ => [&[0x70, 0x04, 0x9F, 0x27, 0x01, 0x07][..], &[0x90, 0x00]].concat(),
        }
    }

    #[test]
    fn one_select_tells_the_wallets_apart() {
        let both = || Wallet::new(Some(apple()), Some(Phone::machine()));
        let (commands, exchange) = run(both(), iphone);
        assert_eq!((commands, exchange.release), (2, Release::Unpower));
        let mut android = Phone::new();
        let (commands, exchange) = run(both(), |command| android.answer(command));
        assert!(matches!(&exchange.found, Found::Sealed(sealed) if matches!(sealed[..], [Sealed::SmartTap(_)])));
        assert_eq!(commands, 3);
        let (commands, exchange) = run(both(), |_| vec![0x6A, 0x82]);
        assert_eq!((commands, exchange.found), (1, Found::OtherProtocol));
        let (commands, exchange) = run(both(), |_| Vec::new());
        assert_eq!((commands, exchange.found), (1, Found::Problem(TapProblem::HoldStill)));
        // A locked Android phone may say so at once, and it is no Apple device in another state.
        for (status, problem) in [
            ([0x93, 0x00], TapProblem::UnlockPhone),
            ([0x93, 0x02], TapProblem::ChoosePass),
            ([0x93, 0xFF], TapProblem::UnlockPhone),
        ] {
            let (commands, exchange) = run(both(), |_| status.to_vec());
            assert_eq!((commands, exchange.found), (1, Found::Problem(problem)), "{status:02X?}");
        }
        // A lost state is selected again before the other wallet shows.
        let mut answers = 0;
        let mut android = Phone::new();
        let (commands, exchange) = run(both(), |command| {
            answers += 1;
            if answers == 1 { vec![0x69, 0x85] } else { android.answer(command) }
        });
        assert!(matches!(exchange.found, Found::Sealed(_)));
        assert_eq!(commands, 4);
    }

    #[test]
    fn a_shop_with_one_wallet_asks_for_that_one_only() {
        let (commands, exchange) = run(Wallet::new(Some(apple()), None), |command| Phone::new().answer(command));
        assert_eq!((commands, exchange.found), (1, Found::OtherProtocol));
        let (commands, exchange) = run(Wallet::new(None, Some(Phone::machine())), iphone);
        assert_eq!((commands, exchange.found), (1, Found::OtherProtocol));
        let mut android = Phone::new();
        let no_types = AppleVas::new(&[], [0; 32]);
        let (commands, _) = run(Wallet::new(Some(no_types), Some(Phone::machine())), |command| android.answer(command));
        assert_eq!(commands, 3);
        assert_eq!(run(Wallet::new(None, None), |_| Vec::new()), (0, exchange_with_nobody()));
    }

    fn exchange_with_nobody() -> Exchange {
        Exchange { found: Found::OtherProtocol, release: Release::Leave }
    }
}
