//! A till that works while the daemon fails under it, and keeps every answer: postings by hand, sales, refunds of them,
//! scans, one after the other. What got no answer is asked again with the same key before anything else.

use std::sync::atomic::{AtomicBool, Ordering};

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Value, json};

use super::http::{Answer, Ask};
use super::shop::{By, Shop};

/// One till with a points card and a stamp card of its own.
pub struct Counting {
    name: usize,
    points: String,
    barcode: String,
    number: u64,
    /// The last sale that was asked for.
    sold: Option<String>,
    unanswered: Option<Ask>,
    answered: Vec<Answered>,
    /// So many of them were asked again and hold.
    checked: usize,
    /// Answers that said that nothing was booked.
    refused: Vec<String>,
}

struct Answered {
    ask: Ask,
    answer: Answer,
}

impl Counting {
    /// Till number `index` of a shop.
    pub fn new(shop: &Shop, index: usize) -> Self {
        let text = |programme: &str, name: &str| shop.card(programme, index)[name].as_str().expect("text").to_owned();
        Self {
            name: index,
            points: text("points", "serial"),
            barcode: text("cafe10", "barcode"),
            number: 0,
            sold: None,
            unanswered: None,
            answered: Vec::new(),
            checked: 0,
            refused: Vec::new(),
        }
    }

    /// Works until `stop`, or until the daemon gives no answer. What a fault of the storage refused waits to be asked
    /// again.
    pub fn work(&mut self, shop: &Shop, stop: &AtomicBool) {
        while !stop.load(Ordering::Relaxed) {
            let ask = self.unanswered.take().unwrap_or_else(|| self.next(shop));
            match ask.try_send() {
                Ok(answer) if answer.status == 503 => {
                    let code = answer.json()["code"].as_str().expect("a code").to_owned();
                    self.refused.push(code);
                    self.unanswered = Some(ask);
                    return;
                }
                Ok(answer) => self.keep(ask, answer),
                Err(_) => {
                    self.unanswered = Some(ask);
                    return;
                }
            }
        }
    }

    /// So many requests, all of which must be answered.
    #[track_caller]
    pub fn some(&mut self, shop: &Shop, count: usize) {
        for _ in 0..count {
            let ask = self.next(shop);
            let answer = ask.send();
            self.keep(ask, answer);
        }
    }

    /// The codes of answers that said that nothing was booked, since the last call.
    pub fn refusals(&mut self) -> Vec<String> {
        std::mem::take(&mut self.refused)
    }

    /// Asks what still waits for its answer; it must be taken.
    #[track_caller]
    pub fn finish(&mut self) {
        if let Some(ask) = self.unanswered.take() {
            let answer = ask.send();
            self.keep(ask, answer);
        }
    }

    /// Each answer since the last call is answered again, word for word, from what the books keep.
    #[track_caller]
    pub fn answers_hold(&mut self) {
        self.answers_hold_from(self.checked);
    }

    /// Every answer that was ever given is answered again.
    #[track_caller]
    pub fn all_answers_hold(&mut self) {
        self.answers_hold_from(0);
    }

    #[track_caller]
    fn answers_hold_from(&mut self, first: usize) {
        for one in &self.answered[first..] {
            let again = one.ask.send();
            assert_eq!((again.status, again.header("Idempotency-Hit")), (one.answer.status, Some("true")), "{again}");
            assert_eq!(again.body, one.answer.body);
        }
        self.checked = self.answered.len();
    }

    /// The serial of its points card.
    pub fn points(&self) -> String {
        self.points.clone()
    }

    /// What the answers together changed on the balance of a card.
    pub fn changes(&self, serial: &str) -> i64 {
        let entries: BTreeMap<String, Value> =
            self.entries().into_iter().map(|entry| (entry["id"].to_string(), entry)).collect();
        let of_card = entries.values().filter(|entry| entry["serial"] == serial);
        of_card.map(|entry| entry["change"].as_i64().expect("a change")).sum()
    }

    /// The entries that the answers named, with repetitions.
    pub fn entries(&self) -> Vec<Value> {
        let entries = |one: &Answered| one.answer.json()["entries"].as_array().cloned().unwrap_or_default();
        self.answered.iter().flat_map(entries).collect()
    }

    #[track_caller]
    fn keep(&mut self, ask: Ask, answer: Answer) {
        // A refusal by the rules is an answer that is kept like any other.
        assert!([200, 201, 409].contains(&answer.status), "{answer}");
        self.answered.push(Answered { ask, answer });
    }

    fn next(&mut self, shop: &Shop) -> Ask {
        let (name, number) = (self.name, self.number);
        self.number += 1;
        let txn = format!("t{name}-{number}");
        let (path, body) = match number % 6 {
            1 => {
                self.sold = Some(txn.clone());
                let amount_minor = 1_000 + number as i64;
                let sale =
                    json!({ "till": "till-1", "txn_id": txn, "amount_minor": amount_minor, "serial": self.points });
                ("/v1/sales".to_owned(), sale)
            }
            3 if self.sold.is_some() => {
                let sold = self.sold.take().expect("just looked at");
                (format!("/v1/sales/{sold}/refund"), json!({ "amount_minor": 500 }))
            }
            5 => ("/v1/scans".to_owned(), json!({ "till": "till-1", "text": self.barcode })),
            _ => (format!("/v1/cards/{}/entries", self.points), json!({ "kind": "adjust", "value": 1 })),
        };
        shop.ask(By::Manager, "POST", &path).key(&format!("{txn}-key")).json(&body)
    }
}

/// Every entry that any answer named is in the books, no other is, balances are what the entries change, and the books
/// verify. Answers how many entries of each kind there are.
#[track_caller]
pub fn books_hold(shop: &Shop, tills: &[Counting]) -> BTreeMap<String, usize> {
    let mut entries: BTreeSet<String> = BTreeSet::new();
    let mut balances: BTreeMap<String, i64> = BTreeMap::new();
    let mut kinds: BTreeMap<String, usize> = BTreeMap::new();
    for entry in tills.iter().flat_map(Counting::entries) {
        let text = |name: &str| entry[name].as_str().expect("text").to_owned();
        if entries.insert(text("id")) {
            *balances.entry(text("serial")).or_default() += entry["change"].as_i64().expect("a change");
            *kinds.entry(text("kind")).or_default() += 1;
        }
    }
    for (serial, balance) in &balances {
        assert_eq!(shop.standing(serial)["balance"], json!(balance), "{serial}");
    }
    assert_eq!(shop.verify()["entries"], Value::from(entries.len()));
    kinds
}
