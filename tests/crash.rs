//! The daemon is killed at random points while four tills post: whatever was acknowledged is there, once, and the books
//! are whole. `STAMPD_TEST_KILLS` raises the number of kills, `STAMPD_TEST_SEED` repeats a run.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::support::http::{Answer, Ask};
use crate::support::shop::{By, Shop, Start};

const KILLS: u64 = 40;
const TILLS: usize = 4;

/// One request with the answer that its till got.
struct Acknowledged {
    ask: Ask,
    answer: Answer,
}

/// xorshift64*: the same seed, the same points.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % bound
    }
}

fn number(variable: &str) -> Option<u64> {
    std::env::var(variable).ok().map(|text| text.parse().unwrap_or_else(|_| panic!("{variable} is no number")))
}

/// Posts one after the other until `stop`, and sends what got no answer again. Returns what was acknowledged, and the
/// request that still waits for its answer.
fn till_posts(
    asks: impl Iterator<Item = Ask>,
    unanswered: Option<Ask>,
    stop: &AtomicBool,
) -> (Vec<Acknowledged>, Option<Ask>) {
    let mut acknowledged = Vec::new();
    for ask in unanswered.into_iter().chain(asks) {
        if stop.load(Ordering::Relaxed) {
            return (acknowledged, Some(ask));
        }
        match ask.try_send() {
            Ok(answer) if answer.status == 201 => acknowledged.push(Acknowledged { ask, answer }),
            Ok(answer) => panic!("{answer}"),
            Err(_) => return (acknowledged, Some(ask)),
        }
    }
    (acknowledged, None)
}

/// The same request again is the same answer, and no second posting.
fn is_there(one: &Acknowledged) {
    let again = one.ask.send();
    assert_eq!((again.status, again.header("Idempotency-Hit")), (201, Some("true")), "{again}");
    assert_eq!(again.body, one.answer.body);
}

#[test]
fn what_was_acknowledged_is_there_once_after_every_kill() {
    let seed = number("STAMPD_TEST_SEED").unwrap_or_else(|| u64::from(std::process::id()) | 1 << 32);
    println!("STAMPD_TEST_SEED={seed}");
    let mut dice = Dice(seed);
    let mut shop = Shop::open();
    let cards: Vec<String> =
        (0..TILLS).map(|index| shop.card("points", index)["serial"].as_str().expect("a serial").to_owned()).collect();
    let mut waiting: Vec<Option<Ask>> = vec![None; TILLS];
    let (mut expected, mut count) = (BTreeMap::new(), 0);
    for kill in 0..number("STAMPD_TEST_KILLS").unwrap_or(KILLS) {
        let stop = AtomicBool::new(false);
        let life = Duration::from_micros(dice.below(150_000));
        let (shop_now, stop_now) = (&shop, &stop);
        let booked: Vec<(Vec<Acknowledged>, Option<Ask>)> = std::thread::scope(|scope| {
            let tills: Vec<_> = cards
                .iter()
                .zip(waiting.drain(..))
                .enumerate()
                .map(|(till, (card, unanswered))| {
                    let path = format!("/v1/cards/{card}/entries");
                    let asks = (0..).map(move |index: u64| {
                        let body = json!({ "kind": "adjust", "value": 1 });
                        shop_now.ask(By::Manager, "POST", &path).key(&format!("{kill}-{till}-{index}")).json(&body)
                    });
                    scope.spawn(move || till_posts(asks, unanswered, stop_now))
                })
                .collect();
            // The point of the kill is random on purpose; nothing is waited for.
            let begun = Instant::now();
            while begun.elapsed() < life {
                std::thread::yield_now();
            }
            shop_now.signal(rustix::process::Signal::KILL);
            stop.store(true, Ordering::Relaxed);
            tills.into_iter().map(|till| till.join().expect("a till")).collect()
        });
        shop.killed();
        shop.start(Start::Run);
        for (card, (acknowledged, unanswered)) in cards.iter().zip(booked) {
            acknowledged.iter().for_each(is_there);
            count += acknowledged.len();
            *expected.entry(card.clone()).or_insert(0) += acknowledged.len();
            waiting.push(unanswered);
        }
    }
    // What was never answered is answered now, whether it was booked or not.
    for (card, ask) in cards.iter().zip(waiting) {
        if let Some(ask) = ask {
            let answer = ask.send();
            answer.expect(201);
            is_there(&Acknowledged { ask, answer });
            *expected.entry(card.clone()).or_insert(0) += 1;
        }
    }
    println!("{count} postings were acknowledged");
    assert!(count > 0, "no posting was acknowledged before a kill: every life was too short");
    for (card, postings) in &expected {
        let standing = shop.standing(card);
        assert_eq!((&standing["balance"], &standing["earned"]), (&json!(postings), &json!(postings)), "{card}");
    }
    let total: usize = expected.values().sum();
    assert_eq!(shop.verify()["entries"], Value::from(total));
}
