//! Both wallets over a real pcscd with the virtual reader: how many commands each costs, what Google's wallet gives, and
//! when a phone is asked again.

use std::sync::Arc;

use jiff::tz::TimeZone;
use stampd::base::clock::{Clock, Trust};
use stampd::pure::domain::{Claim, Grade, Medium, TapProblem, TillId};
use stampd::shop::reader::{ReaderConfig, ReaderTap, Readers, ReadersConfig};
use stampd::tools::phone::Presence;

use crate::support::counter::{CREDENTIAL, Counter, RecordingFeedback, android, keyring, phone, present_handset};
use crate::support::pcscd::with_pcscd;
use crate::support::wait_until;

/// A counter with its readers.
struct Shop {
    counter: Arc<Counter>,
    readers: Readers,
}

fn open() -> Shop {
    let counter = Arc::new(Counter::default());
    let recorder = counter.clone();
    let feedback = Box::new(move |reader: &str, _: &ReaderConfig| {
        Box::new(RecordingFeedback { reader: reader.to_owned(), counter: recorder.clone() }) as Box<_>
    });
    let config = ReadersConfig::new(TillId::new("till-1").expect("a till"));
    let clock = Clock::new(TimeZone::UTC, Trust::Always).expect("a clock");
    let readers = Readers::start(config, Arc::new(keyring()), clock, counter.clone(), feedback).expect("threads");
    Shop { counter, readers }
}

/// Takes the phone away and waits until the presence is over.
fn lift(shop: &Shop, presence: Presence) {
    drop(presence);
    wait_until("the presence is over", || shop.readers.statuses().iter().all(|status| !status.occupied));
}

/// Medium and grade of a tap that gave a token of ours, or its problem.
fn outcome(tap: &ReaderTap) -> Result<(Medium, Grade), Option<TapProblem>> {
    let opened = tap.result.as_ref().map_err(|problem| Some(*problem))?;
    let token = opened[0].as_ref().map_err(|problem| problem.tap_problem())?;
    assert_eq!(token.claim, Claim::Credential(CREDENTIAL));
    Ok((token.medium, token.grade))
}

#[test]
fn one_select_serves_both_wallets_and_none_pays_for_the_other() {
    with_pcscd("wallets::one_select_serves_both_wallets_and_none_pays_for_the_other", |pcscd| {
        pcscd.restart();
        let shop = open();
        let cases = [
            (phone(&[]), Medium::AppleVas, 2),
            (android(&[]), Medium::SmartTap, 3),
            (android(&["second-select"]), Medium::SmartTap, 4),
            (android(&[]), Medium::SmartTap, 3),
        ];
        let mut proofs = Vec::new();
        for (index, (handset, medium, commands)) in cases.into_iter().enumerate() {
            let presence = present_handset(pcscd.port(0), handset);
            let tap = shop.counter.wait_taps(index + 1)[index].clone();
            assert_eq!((outcome(&tap), tap.timing.apdus), (Ok((medium, Grade::A)), commands));
            assert_eq!(presence.exchanges().len(), commands as usize);
            let token = tap.result.expect("read")[0].clone().expect("a token");
            proofs.push(token.freshness.expect("a proof").proof);
            lift(&shop, presence);
        }
        proofs.sort();
        proofs.dedup();
        assert_eq!(proofs.len(), 4, "a fresh session each time");
        shop.readers.stop();
    });
}

#[test]
fn a_google_phone_that_must_be_unlocked_is_asked_again_once_it_was_lifted() {
    with_pcscd("wallets::a_google_phone_that_must_be_unlocked_is_asked_again_once_it_was_lifted", |pcscd| {
        pcscd.restart();
        let shop = open();
        let asked = [("locked=always", TapProblem::UnlockPhone), ("choose=always", TapProblem::ChoosePass)];
        let mut count = 0;
        for (fault, problem) in asked {
            let presence = present_handset(pcscd.port(0), android(&[fault]));
            let taps = shop.counter.wait_taps(count + 1);
            assert_eq!(outcome(&taps[count]), Err(Some(problem)));
            let asked_once = taps[count].timing.apdus as usize;
            // An iPhone at the other reader is asked, waits its half second and is read meanwhile.
            let other = present_handset(pcscd.port(1), phone(&["locked=1"]));
            let taps = shop.counter.wait_taps(count + 3);
            assert_eq!(outcome(&taps[count + 1]), Err(Some(TapProblem::UnlockPhone)));
            assert_eq!(outcome(&taps[count + 2]), Ok((Medium::AppleVas, Grade::A)));
            assert_eq!(presence.exchanges().len(), asked_once, "the phone that stays is left alone");
            drop(other);
            lift(&shop, presence);
            let presence = present_handset(pcscd.port(0), android(&[]));
            let taps = shop.counter.wait_taps(count + 4);
            assert_eq!(outcome(&taps[count + 3]), Ok((Medium::SmartTap, Grade::A)));
            lift(&shop, presence);
            count += 4;
        }
        shop.readers.stop();
    });
}
