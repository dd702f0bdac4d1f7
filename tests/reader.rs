//! The reader shell over a real pcscd with the virtual reader, tapped by the software phone.

use std::sync::Arc;
use std::time::Duration;

use jiff::tz::TimeZone;
use stampd::base::clock::{Clock, Trust};
use stampd::pure::domain::{Claim, Medium, TapProblem, TillId};
use stampd::pure::tap::Release;
use stampd::shop::reader::pcsc::{Limits, Protocol};
use stampd::shop::reader::{Decision, ReaderConfig, ReaderState, ReaderTap, Readers, ReadersConfig, ServiceStatus};
use stampd::tools::phone::vpcd::Sight;
use stampd::tools::phone::{Ended, Field, Phone, Presence};

use crate::support::counter::{CREDENTIAL, Counter, Happened, RecordingFeedback, Trick, keyring, phone, present};
use crate::support::pcscd::{Pcscd, with_pcscd};
use crate::support::{DEADLINE, wait_until};

/// A counter with its readers.
struct Shop {
    counter: Arc<Counter>,
    readers: Readers,
}

fn config() -> ReadersConfig {
    ReadersConfig::new(TillId::new("till-1").expect("a till"))
}

fn clock() -> Clock {
    Clock::new(TimeZone::UTC, Trust::Always).expect("a clock")
}

fn open(config: ReadersConfig) -> Shop {
    let counter = Arc::new(Counter::default());
    let recorder = counter.clone();
    let feedback = Box::new(move |reader: &str| {
        Box::new(RecordingFeedback { reader: reader.to_owned(), counter: recorder.clone() }) as Box<_>
    });
    let readers = Readers::start(config, Arc::new(keyring()), clock(), counter.clone(), feedback).expect("threads");
    Shop { counter, readers }
}

/// The problem of each tap, `None` for a token of ours.
fn results(taps: &[ReaderTap]) -> Vec<Option<TapProblem>> {
    taps.iter()
        .map(|tap| match &tap.result {
            Ok(opened) => {
                let token = opened[0].as_ref().expect("a token");
                assert_eq!(
                    (opened.len(), token.medium, &token.claim),
                    (1, Medium::AppleVas, &Claim::Credential(CREDENTIAL))
                );
                None
            }
            Err(problem) => Some(*problem),
        })
        .collect()
}

/// Waits until the reader dropped the field after the last command: the phone's check mark.
fn check_mark(presence: &Presence) {
    let dropped = presence.wait(DEADLINE, |seen, _| {
        let last_command = seen.iter().rposition(|one| matches!(one.sight, Sight::Exchange { .. }));
        last_command.is_some_and(|at| seen[at..].iter().any(|one| one.sight == Sight::Field(Field::Off)))
    });
    assert!(dropped, "the field was not dropped");
}

fn power(presence: &Presence) {
    let on = presence.wait(DEADLINE, |seen, _| seen.iter().any(|one| one.sight == Sight::Field(Field::On)));
    assert!(on, "the reader gives no power");
}

/// Takes the phone away and waits until the presence is over.
fn lift(shop: &Shop, presence: Presence, reader: &str) {
    drop(presence);
    wait_until("the presence is over", || {
        shop.readers.statuses().iter().any(|status| status.name == reader && !status.occupied)
    });
}

#[test]
fn one_tap_is_two_commands_one_report_and_then_feedback() {
    with_pcscd("reader::one_tap_is_two_commands_one_report_and_then_feedback", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        assert_eq!(shop.readers.service(), Some(ServiceStatus::Up));
        let names: Vec<String> = shop.readers.statuses().into_iter().map(|status| status.name).collect();
        assert_eq!(names, [pcscd.reader(0), pcscd.reader(1)]);

        let presence = present(pcscd.port(0), &[]);
        let taps = shop.counter.wait_taps(1);
        check_mark(&presence);
        assert_eq!(presence.exchanges().len(), 2, "SELECT and GET VAS DATA");
        assert_eq!((results(&taps), &taps[0].reader), (vec![None], &pcscd.reader(0)));
        let timing = taps[0].timing;
        assert_eq!((timing.apdus, taps[0].till.as_str()), (2, "till-1"));
        assert!(timing.chip_seen_ns > 0 && timing.chip_to_first_apdu_us < timing.chip_to_token_us, "{timing:?}");
        println!(
            "chip seen to first APDU {} us, to token {} us",
            timing.chip_to_first_apdu_us, timing.chip_to_token_us
        );
        let last: Vec<Happened> = shop.counter.happened().split_off(shop.counter.happened().len() - 3);
        let shown = Happened::Shown(pcscd.reader(0), Decision::Awarded);
        assert_eq!(last, [Happened::Tap(taps[0].clone()), Happened::Committed, shown], "feedback after the commit");
        shop.readers.stop();
        assert_eq!(shop.counter.taps().len(), 1);
    });
}

#[test]
fn two_readers_work_at_once_and_a_long_presence_books_once() {
    with_pcscd("reader::two_readers_work_at_once_and_a_long_presence_books_once", |pcscd| {
        pcscd.restart();
        let till_2 = TillId::new("till-2").expect("a till");
        let section = ReaderConfig {
            pattern: regex::Regex::new(" 01$").expect("a pattern"),
            till: till_2.clone(),
            protocols: vec![Protocol::AppleVas],
            release_override: Some(Release::Leave),
        };
        let shop = open(ReadersConfig { readers: vec![section], ..config() });
        let first = present(pcscd.port(0), &[]);
        for count in 2..=4 {
            // The other reader's customers come and go meanwhile.
            let second = present(pcscd.port(1), &[]);
            shop.counter.wait_taps(count);
            lift(&shop, second, &pcscd.reader(1));
        }
        let taps = shop.counter.taps();
        let of_till = |till: &TillId| taps.iter().filter(|tap| tap.till == *till).count();
        assert_eq!((of_till(&till_2), taps.len()), (3, 4));
        assert_eq!((first.exchanges().len(), first.ended()), (2, None), "still there, and not asked again");
        shop.readers.stop();
    });
}
