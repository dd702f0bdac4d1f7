//! The reader shell over a real pcscd with the virtual reader, tapped by the software phone.

use std::sync::Arc;

use jiff::tz::TimeZone;
use stampd::base::clock::{Clock, Trust};
use stampd::pure::domain::{Claim, FeedbackProfile, Medium, TapProblem, TillId};
use stampd::pure::tap::Release;
use stampd::shop::reader::light::{self, Signal};
use stampd::shop::reader::pcsc::{Access, Limits, OwnSignals, light_and_sound};
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
    let feedback = Box::new(move |reader: &str, _: &ReaderConfig| {
        Box::new(RecordingFeedback { reader: reader.to_owned(), counter: recorder.clone() }) as Box<_>
    });
    let readers = Readers::start(config, Arc::new(keyring()), clock(), counter.clone(), feedback).expect("threads");
    Shop { counter, readers }
}

/// A section for every reader, with nothing of its own.
fn section() -> ReaderConfig {
    ReaderConfig {
        pattern: regex::Regex::new("").expect("a pattern"),
        usb: None,
        till: TillId::new("till-1").expect("a till"),
        protocols: vec![Medium::AppleVas],
        release_override: None,
        access: Access::Shared,
        escape_start: Vec::new(),
        feedback: FeedbackProfile::None,
        signals: OwnSignals::default(),
        originality: false,
    }
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
fn a_reader_that_refuses_escapes_is_told_through_the_chip_before_that_is_let_go() {
    with_pcscd("reader::a_reader_that_refuses_escapes_is_told_through_the_chip_before_that_is_let_go", |pcscd| {
        pcscd.restart();
        let counter = Arc::new(Counter::default());
        let lit = ReaderConfig { feedback: FeedbackProfile::Acr122u, ..section() };
        let config = ReadersConfig { readers: vec![lit], ..config() };
        let keys = Arc::new(keyring());
        let lights = light_and_sound(clock());
        let readers = Readers::start(config, keys, clock(), counter.clone(), lights).expect("threads");
        let shop = Shop { counter, readers };
        let awarded = light::chip_commands(FeedbackProfile::Acr122u, Signal::Awarded);
        // It is asked for escapes while the first tap may be under way.
        for count in 1.. {
            assert!(count < 20, "never shown through the chip");
            let presence = present(pcscd.port(0), &[]);
            shop.counter.wait("a commit", |happened| {
                happened.iter().filter(|one| **one == Happened::Committed).count() >= count
            });
            check_mark(&presence);
            let sent: Vec<Vec<u8>> = presence.exchanges().into_iter().map(|exchange| exchange.0).collect();
            lift(&shop, presence, &pcscd.reader(0));
            if sent.len() > 2 {
                assert_eq!(sent[2..], awarded);
                break;
            }
        }
        assert!(shop.counter.taps().iter().all(|tap| tap.timing.apdus == 2), "its commands are none of the tap");
        shop.readers.stop();
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
            protocols: vec![Medium::SmartTap, Medium::AppleVas],
            release_override: Some(Release::Leave),
            access: Access::Exclusive,
            // The virtual reader refuses them, and works.
            escape_start: vec![vec![0xE0, 0x00, 0x00, 0x18, 0x00]],
            ..section()
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

#[test]
fn a_chip_that_lay_there_at_start_is_read_once_it_was_lifted() {
    with_pcscd("reader::a_chip_that_lay_there_at_start_is_read_once_it_was_lifted", |pcscd| {
        pcscd.restart();
        // The daemon is restarted while a phone that it has read lies on the reader.
        let before = open(config());
        let forgotten = present(pcscd.port(0), &[]);
        before.counter.wait_taps(1);
        check_mark(&forgotten);
        before.readers.stop();
        let shop = open(config());
        let states: Vec<ReaderState> = shop.readers.statuses().iter().map(|status| status.state).collect();
        assert_eq!(states, [ReaderState::LiftFirst, ReaderState::Ready], "known before start returns");
        // A customer at the other reader is served, and the forgotten phone is not.
        let other = present(pcscd.port(1), &[]);
        assert_eq!(shop.counter.wait_taps(1)[0].reader, pcscd.reader(1));
        assert_eq!(forgotten.exchanges().len(), 2, "by the one before only");
        drop((forgotten, other));
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Ready);
        let _back = present(pcscd.port(0), &[]);
        assert_eq!(shop.counter.wait_taps(2)[1].reader, pcscd.reader(0));
        shop.readers.stop();
    });
}

#[test]
fn a_phone_pulled_mid_exchange_is_told_once_and_books_nothing() {
    with_pcscd("reader::a_phone_pulled_mid_exchange_is_told_once_and_books_nothing", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let mut expected = Vec::new();
        // Pulled: the virtual reader says success with no bytes. Torn: success with a cut answer.
        for fault in ["pulled=1", "pulled=2", "torn=2", "gone=1", "short=1"] {
            let presence = present(pcscd.port(0), &[fault]);
            expected.push(Some(TapProblem::HoldStill));
            assert_eq!(results(&shop.counter.wait_taps(expected.len())), expected, "{fault}");
            lift(&shop, presence, &pcscd.reader(0));
        }
        let presence = present(pcscd.port(0), &[]);
        expected.push(None);
        assert_eq!(results(&shop.counter.wait_taps(expected.len())), expected);
        drop(presence);
        shop.readers.stop();
    });
}

#[test]
fn a_phone_that_leaves_after_its_last_answer_is_booked() {
    with_pcscd("reader::a_phone_that_leaves_after_its_last_answer_is_booked", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let _presence = present(pcscd.port(0), &["gone=2"]);
        assert_eq!(results(&shop.counter.wait_taps(1)), [None]);
        shop.readers.stop();
    });
}

#[test]
fn a_mute_chip_is_told_and_the_next_one_is_read() {
    with_pcscd("reader::a_mute_chip_is_told_and_the_next_one_is_read", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let mute = present(pcscd.port(0), &["mute"]);
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Mute);
        assert_eq!(results(&shop.counter.wait_taps(1)), [Some(TapProblem::ChipError)]);
        assert_eq!(mute.exchanges().len(), 0);
        lift(&shop, mute, &pcscd.reader(0));
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Ready);
        let _presence = present(pcscd.port(0), &[]);
        assert_eq!(results(&shop.counter.wait_taps(2))[1], None);
        shop.readers.stop();
    });
}

#[test]
fn a_hung_transmit_marks_the_reader_stuck_until_it_returns() {
    with_pcscd("reader::a_hung_transmit_marks_the_reader_stuck_until_it_returns", |pcscd| {
        pcscd.restart();
        let limits = Limits { stuck_ns: 300_000_000, ..Limits::DEFAULT };
        let shop = open(ReadersConfig { limits, ..config() });
        let hung = present(pcscd.port(0), &["hung=2"]);
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Stuck);
        // The watchdog reports it; there is no feedback, which is the stuck thread's matter.
        shop.counter.wait("its report", |happened| happened.contains(&Happened::Committed));
        assert_eq!(results(&shop.counter.taps()), [Some(TapProblem::ChipError)]);
        lift(&shop, hung, &pcscd.reader(0));
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Ready);
        let presence = present(pcscd.port(0), &[]);
        shop.counter.wait_taps(1);
        assert_eq!(results(&shop.counter.taps()), [Some(TapProblem::ChipError), None], "and the end is told once");
        lift(&shop, presence, &pcscd.reader(0));

        let _hung = present(pcscd.port(0), &["hung=1"]);
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Stuck);
        shop.readers.stop();
    });
}

#[test]
fn an_answer_that_comes_late_ends_the_tap() {
    with_pcscd("reader::an_answer_that_comes_late_ends_the_tap", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let slow = present(pcscd.port(0), &["slow=1100"]);
        assert_eq!(results(&shop.counter.wait_taps(1)), [Some(TapProblem::HoldStill)]);
        assert_eq!(slow.lift().exchanges().len(), 1, "nothing is asked after it");
        shop.readers.stop();
    });
}

#[test]
fn a_locked_phone_is_asked_again_while_it_stays() {
    with_pcscd("reader::a_locked_phone_is_asked_again_while_it_stays", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let presence = present(pcscd.port(0), &["locked=2"]);
        let expected = [Some(TapProblem::UnlockPhone), None];
        assert_eq!(results(&shop.counter.wait_taps(2)), expected, "told once, then read, in one presence");
        check_mark(&presence);
        assert_eq!(presence.exchanges().len(), 6, "three times from SELECT");
        let fields = presence.seen_from(0);
        let resets = fields.iter().filter(|one| one.sight == Sight::Field(Field::Reset)).count();
        assert!(resets >= 2, "reset between the attempts");
        lift(&shop, presence, &pcscd.reader(0));

        // Lifted while the reader waits: nothing more comes of it.
        let limits = Limits { retry_every_ns: 60_000_000_000, retry_ns: 600_000_000_000, ..Limits::DEFAULT };
        shop.readers.stop();
        let shop = open(ReadersConfig { limits, ..config() });
        let presence = present(pcscd.port(0), &["choose=always"]);
        assert_eq!(results(&shop.counter.wait_taps(1)), [Some(TapProblem::ChoosePass)]);
        lift(&shop, presence, &pcscd.reader(0));
        let _presence = present(pcscd.port(0), &[]);
        assert_eq!(results(&shop.counter.wait_taps(2)), [Some(TapProblem::ChoosePass), None]);
        shop.readers.stop();
    });
}

#[test]
fn a_chip_of_another_kind_shows_no_pass() {
    with_pcscd("reader::a_chip_of_another_kind_shows_no_pass", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        for (index, fault) in ["not-apple", "no-pass"].into_iter().enumerate() {
            let presence = present(pcscd.port(0), &[fault]);
            assert_eq!(results(&shop.counter.wait_taps(index + 1))[index], Some(TapProblem::NoPass), "{fault}");
            lift(&shop, presence, &pcscd.reader(0));
        }
        shop.readers.stop();
    });
}

#[test]
fn a_killed_service_comes_back_and_nothing_is_booked_twice() {
    with_pcscd("reader::a_killed_service_comes_back_and_nothing_is_booked_twice", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let clock = clock();
        let mut expected = Vec::new();
        for round in 0..3 {
            let presence = present(pcscd.port(0), &[]);
            expected.push(None);
            assert_eq!(results(&shop.counter.wait_taps(expected.len())), expected);
            drop(presence);
            // Between taps, and in the middle of one.
            if round > 0 {
                let hung = present(pcscd.port(1), &["hung=2"]);
                hung.wait(DEADLINE, |seen, _| seen.iter().filter(|one| is_exchange(&one.sight)).count() == 2);
                pcscd.kill();
                expected.push(Some(TapProblem::HoldStill));
                assert_eq!(results(&shop.counter.wait_taps(expected.len())), expected);
                hung.wait(DEADLINE, |_, ended| ended == Some(Ended::ReaderGone));
            }
            pcscd.kill();
            shop.counter.wait_state(&pcscd.reader(0), ReaderState::NoService);
            assert!(matches!(shop.readers.service(), Some(ServiceStatus::Down { .. })));
            pcscd.restart();
            let back_ns = clock.boot_ns();
            shop.counter.wait_state(&pcscd.reader(1), ReaderState::Ready);
            let recovered_ms = (clock.boot_ns() - back_ns) / 1_000_000;
            println!("round {round}: recovered {recovered_ms} ms after pcscd was back");
            assert!(recovered_ms < 20_000, "{recovered_ms} ms; it should be under 2000");
            wait_until("both readers are free", || shop.readers.statuses().iter().all(|status| !status.occupied));
        }
        shop.readers.stop();
    });
}

fn is_exchange(sight: &Sight) -> bool {
    matches!(sight, Sight::Exchange { .. })
}

#[test]
fn readers_that_are_gone_after_a_restart_are_reported_and_new_ones_work() {
    with_pcscd("reader::readers_that_are_gone_after_a_restart_are_reported_and_new_ones_work", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        let old = [pcscd.reader(0), pcscd.reader(1)];
        pcscd.restart_as("Other Reader");
        for reader in &old {
            shop.counter.wait_state(reader, ReaderState::Gone);
        }
        shop.counter.wait_state(&pcscd.reader(1), ReaderState::Ready);
        let names: Vec<String> = shop.readers.statuses().into_iter().map(|status| status.name).collect();
        assert_eq!(names, [pcscd.reader(0), pcscd.reader(1)]);
        let _presence = present(pcscd.port(1), &[]);
        assert_eq!(shop.counter.wait_taps(1)[0].reader, pcscd.reader(1));
        shop.readers.stop();
    });
}

#[test]
fn a_shop_opens_without_a_service_and_readers_work_once_there_is_one() {
    with_pcscd("reader::a_shop_opens_without_a_service_and_readers_work_once_there_is_one", |pcscd: &mut Pcscd| {
        let shop = open(config());
        assert_eq!(shop.readers.statuses(), []);
        let Some(ServiceStatus::Down { reason, remedy }) = shop.readers.service() else { panic!("there is none") };
        assert!(reason.contains("pcscd") && remedy.contains("pcscd.socket"), "{reason}: {remedy}");
        pcscd.restart();
        shop.counter.wait_state(&pcscd.reader(0), ReaderState::Ready);
        assert_eq!(shop.readers.service(), Some(ServiceStatus::Up));
        let _presence = present(pcscd.port(0), &[]);
        assert_eq!(results(&shop.counter.wait_taps(1)), [None]);
        shop.readers.stop();
    });
}

#[test]
fn a_panic_ends_the_presence_and_not_the_reader() {
    with_pcscd("reader::a_panic_ends_the_presence_and_not_the_reader", |pcscd| {
        pcscd.restart();
        let shop = open(config());
        shop.counter.trick(Trick::Panic);
        let presence = present(pcscd.port(0), &[]);
        shop.counter.wait("the tap", |happened| happened.iter().any(|one| matches!(one, Happened::Tap(_))));
        lift(&shop, presence, &pcscd.reader(0));
        let _presence = Phone::connect(pcscd.port(0)).present(phone(&[])).expect("a reader");
        shop.counter.wait_taps(1);
        assert_eq!(results(&shop.counter.taps()), [None, None]);
        shop.readers.stop();
    });
}

#[test]
fn services_of_ones_own_live_and_die_side_by_side() {
    let (mut first, second) = (Pcscd::start(), Pcscd::start());
    let answers = |pcscd: &Pcscd| std::os::unix::net::UnixStream::connect(pcscd.env().1).is_ok();
    assert!(answers(&first) && answers(&second) && first.port(0) != second.port(0));
    first.kill();
    assert!(!answers(&first) && answers(&second));
    first.restart();
    assert!(answers(&first));
}
