//! A shop counter on a clock that the test moves, and cards at it: what the worked cases of the books are played with.

use std::cell::Cell;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::http::{Answer, Ask};
use super::shop::{By, Shop};

/// Seconds of a day.
pub const DAY_S: i64 = 86_400;

/// A shop in Berlin at a moment that only this test moves.
pub struct Desk {
    /// The shop.
    pub shop: Shop,
    moment: Cell<Timestamp>,
}

/// A card of a customer of its own.
pub struct Card<'d> {
    desk: &'d Desk,
    /// Its serial.
    pub serial: String,
    /// Whose it is.
    pub customer: String,
    barcode: String,
}

impl Desk {
    /// A shop made at that moment.
    pub fn open(moment: &str) -> Self {
        let moment: Timestamp = moment.parse().expect("a moment");
        let shop = Shop::made_at(&moment.strftime("%F %T").to_string());
        Self { shop, moment: Cell::new(moment) }
    }

    /// Moves the clock to that moment.
    pub fn at(&self, moment: &str) {
        self.moment.set(moment.parse().expect("a moment"));
        self.shop.clock_set(&self.moment.get().strftime("%F %T").to_string());
    }

    /// Moves the clock on, or back.
    pub fn pass(&self, seconds: i64) {
        let moment = self.moment.get() + SignedDuration::from_secs(seconds);
        self.at(&moment.to_string());
    }

    /// Ten in Berlin on the next day.
    pub fn next_morning(&self) {
        let next = self.moment.get() + SignedDuration::from_hours(24);
        self.at(&next.strftime("%FT09:00:00Z").to_string());
    }

    /// A `cafe10` card of a new customer.
    pub fn card(&self, customer: Value) -> Card<'_> {
        self.card_of("cafe10", customer)
    }

    /// The moment that the clock shows.
    pub fn now(&self) -> Timestamp {
        self.moment.get()
    }

    /// A request that books, by the till's own program, with a key that no other has.
    pub fn till(&self, path: &str, body: &Value) -> Ask {
        self.shop.post(path, body).token(&self.shop.token(By::Till))
    }

    /// A refund of a sale by the till, of a part or of all that is left.
    pub fn refund(&self, number: &str, amount_minor: Option<i64>) -> Answer {
        let body = amount_minor.map_or(json!({}), |amount_minor| json!({ "amount_minor": amount_minor }));
        self.till(&format!("/v1/sales/{number}/refund"), &body).send()
    }

    /// A card by its serial.
    pub fn card_known(&self, serial: &str) -> Card<'_> {
        let standing = self.shop.standing(serial);
        let customer = standing["customer_id"].as_str().expect("an id").to_owned();
        Card { desk: self, serial: serial.to_owned(), customer, barcode: self.barcode(serial) }
    }

    fn barcode(&self, serial: &str) -> String {
        let media = self.shop.get(&format!("/v1/cards/{serial}/credentials")).expect(200);
        let mut media = media["credentials"].as_array().expect("a list").iter();
        let barcode = media.find(|medium| medium["medium"] == "barcode").expect("a barcode");
        barcode["text"].as_str().expect("its text").to_owned()
    }

    /// A card of that programme of a new customer.
    pub fn card_of(&self, programme: &str, customer: Value) -> Card<'_> {
        let customer = self.shop.post("/v1/customers", &customer).send().expect(201);
        let request = json!({ "customer_id": customer["id"], "programme": programme });
        let card = self.shop.post("/v1/cards", &request).send().expect(201);
        let serial = card["serial"].as_str().expect("a serial").to_owned();
        let customer = customer["id"].as_str().expect("an id").to_owned();
        let barcode = self.barcode(&serial);
        Card { desk: self, serial, customer, barcode }
    }

    /// A `cafe10` card of a new customer without data, on the next morning.
    pub fn new_card(&self) -> Card<'_> {
        self.next_morning();
        self.card(json!({}))
    }
}

impl Card<'_> {
    /// One visit on each of the coming days, with so many stamps each.
    pub fn visits(&self, stamps: &[i64]) {
        for count in stamps {
            self.desk.pass(DAY_S);
            self.earn(*count);
        }
    }

    /// Stamps by hand; they must be taken.
    #[track_caller]
    pub fn earn(&self, count: i64) -> Value {
        self.post(json!({ "kind": "stamps", "count": count })).expect(201)
    }

    /// Posts by hand.
    pub fn post(&self, body: Value) -> Answer {
        self.desk.shop.post(&format!("/v1/cards/{}/entries", self.serial), &body).send()
    }

    /// One reward is used.
    pub fn redeem(&self) -> Answer {
        self.post(json!({ "kind": "reward_remove", "count": 1, "amount_minor": 0, "why": "redeem" }))
    }

    /// The card is shown: its barcode is scanned at the till.
    pub fn show(&self) -> Answer {
        self.desk.shop.scan(&self.barcode).send()
    }

    /// The whole standing.
    pub fn standing(&self) -> Value {
        self.desk.shop.standing(&self.serial)
    }

    /// The first page of history, newest first.
    pub fn history(&self) -> Vec<Value> {
        let page = self.desk.shop.get(&format!("/v1/cards/{}/history", self.serial)).expect(200);
        page["rows"].as_array().expect("rows").clone()
    }

    /// A sale at the till, by its own program, put together and not yet sent.
    pub fn sale(&self, txn_id: &str, amount_minor: i64, redeem: Value) -> Ask {
        self.sale_at("/v1/sales", txn_id, amount_minor, redeem, None)
    }

    fn sale_at(&self, path: &str, txn_id: &str, amount_minor: i64, redeem: Value, state: Option<&str>) -> Ask {
        let mut body =
            json!({ "till": "till-1", "txn_id": txn_id, "amount_minor": amount_minor, "serial": self.serial });
        if !redeem.is_null() {
            body["redeem"] = redeem;
        }
        if let Some(state) = state {
            body["state"] = state.into();
        }
        self.desk.till(path, &body)
    }

    /// A quote of the same sale.
    pub fn quote(&self, txn_id: &str, amount_minor: i64, redeem: Value) -> Ask {
        self.sale_at("/v1/sales/quote", txn_id, amount_minor, redeem, None)
    }

    /// Opens a sale, to be completed or cancelled.
    pub fn opens(&self, txn_id: &str, amount_minor: i64, redeem: Value) -> Answer {
        self.sale_at("/v1/sales", txn_id, amount_minor, redeem, Some("open")).send()
    }

    /// A sale that must be taken.
    #[track_caller]
    pub fn buys(&self, txn_id: &str, amount_minor: i64) -> Value {
        self.sale(txn_id, amount_minor, Value::Null).send().expect(201)
    }

    /// The level's name.
    pub fn tier(&self) -> String {
        self.standing()["tier"].as_str().expect("a level").to_owned()
    }

    /// Changes the last valid day.
    #[track_caller]
    pub fn expires(&self, on: &str) {
        let path = format!("/v1/cards/{}", self.serial);
        let revision = self.standing()["revision"].to_string();
        let ask = self.desk.shop.ask(By::Manager, "PATCH", &path).header("If-Match", &format!("\"{revision}\""));
        let card = ask.json(&json!({ "expires_on": on })).send().expect(200);
        assert_eq!(card["expires_at"], on);
    }

    /// The figures of CASES.md that a case names, each by its letter.
    #[track_caller]
    pub fn has(&self, figures: &[(&str, i64)]) {
        let standing = self.standing();
        let found: Vec<(&str, Option<i64>)> =
            figures.iter().map(|(letter, _)| (*letter, standing[field(letter)].as_i64())).collect();
        let expected: Vec<(&str, Option<i64>)> =
            figures.iter().map(|(letter, value)| (*letter, Some(*value))).collect();
        assert_eq!(found, expected, "{standing:#}");
    }
}

/// The field of a letter of CASES.md.
pub fn field(letter: &str) -> &str {
    match letter {
        "B" => "balance",
        "E" => "earned",
        "V" => "visits",
        "LTV" => "ltv_minor",
        "RA" => "rewards_available",
        "RE" => "rewards_earned",
        "RR" => "rewards_redeemed",
        "R" => "redeemed",
        "T" => "tx_amount_minor",
        "Q" => "qualifying",
        "P" => "pending",
        "X" => "expired",
        "S" => "shortfall",
        "D" => "debt",
        "O" => "orders",
        other => other,
    }
}

/// Kind, change and balance of history rows, newest first.
pub fn told(rows: &[Value]) -> Vec<(&str, i64, i64)> {
    rows.iter()
        .map(|row| {
            let number = |name: &str| row[name].as_i64().expect("a number");
            (row["label"].as_str().expect("a label"), number("change"), number("balance"))
        })
        .collect()
}
