//! Which tables the segment copy takes, and by what their rows are found. A test holds it to the schema: a new table must
//! say how it comes back.

/// How the copy learns of a table's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum KeptBy {
    /// Written by the chain itself, or made anew: never copied as rows.
    Chain,
    /// What is gone with the process or a day: not copied.
    Passing,
    /// By the events that name them, and where they are kept by hand ([`crate::shop::ledger::Txn`]).
    Event,
    /// Kept by hand. What the copy missed is read as a whole: a small table.
    Whole,
    /// Kept by hand. What the copy missed is read from a time on, by this column of milliseconds.
    Since(&'static str),
}

/// A table, the columns of its key, and how its rows come into the copy.
#[derive(Clone, Copy, Debug)]
pub struct Table {
    /// Its name.
    pub name: &'static str,
    /// The columns of its key.
    pub key: &'static [&'static str],
    /// How its rows come into the copy.
    pub by: KeptBy,
}

const fn table(name: &'static str, key: &'static [&'static str], by: KeptBy) -> Table {
    Table { name, key, by }
}

/// Every table of the schema.
pub const TABLES: &[Table] = &[
    table("migration", &["number"], KeptBy::Chain),
    table("event", &["position"], KeptBy::Chain),
    table("entry", &["card", "position", "place"], KeptBy::Chain),
    table("meta", &["name"], KeptBy::Whole),
    table("event_text", &["position"], KeptBy::Event),
    table("customer", &["id"], KeptBy::Event),
    table("person", &["customer"], KeptBy::Event),
    table("card", &["serial"], KeptBy::Event),
    table("credential", &["id"], KeptBy::Event),
    table("programme_version", &["programme", "version"], KeptBy::Whole),
    table("recent_visit", &["card"], KeptBy::Since("at_ms")),
    table("presented", &["till"], KeptBy::Passing),
    table("sale", &["sale_id"], KeptBy::Since("made_ms")),
    table("used_proof", &["proof"], KeptBy::Since("used_ms")),
    table("chip_counter", &["chip"], KeptBy::Whole),
    table("binding", &["till"], KeptBy::Passing),
    table("idempotency", &["token", "key"], KeptBy::Since("made_ms")),
    table("outbox", &["topic", "card"], KeptBy::Whole),
    // Of the live events only the newest comes along, so that no id comes twice.
    table("live", &["id"], KeptBy::Passing),
    table("api_token", &["id"], KeptBy::Whole),
    table("staff", &["id"], KeptBy::Whole),
];

/// The table of that name.
pub fn table_of(name: &str) -> Option<&'static Table> {
    TABLES.iter().find(|table| table.name == name)
}
