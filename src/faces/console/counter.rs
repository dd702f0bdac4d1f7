//! The counter: one page that listens to the event stream and shows the card that was just presented. The page itself is
//! words and empty places; its script fills them.

use askama::Template;
use axum::Json;
use axum::extract::{Query, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::login::login_page;
use super::{Words, assets, page};
use crate::faces::door::{Caller, Fault, Lan, SESSION_COOKIE, cookie};
use crate::pure::domain::RefusalCode;
use crate::pure::text::{self, Label};
use crate::shop::ledger::LiveRow;

/// Taps in the list of the last ones.
const RECENT_TAPS: usize = 5;

/// Which till a page shows.
#[derive(Default, Deserialize)]
pub struct Choice {
    /// The till's id; absent or unknown: all.
    till: Option<String>,
}

/// The counter.
#[derive(Template)]
#[template(path = "counter.html")]
struct CounterPage {
    words: Words,
    shop: String,
    /// The tills to choose from; empty where there is one.
    tills: Vec<String>,
    /// The till that is shown; empty for all.
    till: String,
    /// Who is logged in.
    person: String,
    initials: String,
    /// What to do, by the code of a refusal.
    remedies: Vec<(&'static str, String)>,
    /// Words for the states of a reader.
    states: Vec<(&'static str, String)>,
}

/// The counter, or the login page where nobody is logged in.
pub async fn counter(
    State(lan): State<Lan>,
    headers: HeaderMap,
    Query(choice): Query<Choice>,
) -> Result<Response, Fault> {
    let session = cookie(&headers, SESSION_COOKIE).and_then(|secret| lan.sessions.find(secret, lan.clock.boot_ns()));
    let Some(caller) = session else { return Ok(login_page(&lan, StatusCode::OK, None, String::new())) };
    let staff = lan.read(|_, reads| Ok(reads.staff_list()?)).await?;
    let person =
        staff.into_iter().find(|person| Some(person.id) == caller.staff).map_or_else(String::new, |it| it.name);
    let mut tills: Vec<String> = lan.till.settings().tills.keys().map(ToString::to_string).collect();
    let till = match tills.as_slice() {
        [only] => only.clone(),
        several => choice.till.filter(|till| several.contains(till)).unwrap_or_default(),
    };
    if tills.len() == 1 {
        tills.clear();
    }
    let words = Words::of(&lan);
    let remedy = |code: RefusalCode| Some((code.name(), text::remedy(words.language, code)?));
    let counted = [("already_counted", words.say(Label::AlreadyCountedAdvice))];
    let states = text::READER_STATES.map(|state| (state, text::reader_state(words.language, state)));
    let counter = CounterPage {
        shop: lan.settings.shop_name.clone(),
        tills,
        till,
        initials: initials(&person),
        person,
        remedies: RefusalCode::ALL.into_iter().filter_map(remedy).chain(counted).collect(),
        states: states.into(),
        words,
    };
    Ok(page(StatusCode::OK, &counter))
}

/// At most two letters for a name.
fn initials(name: &str) -> String {
    name.split_whitespace().filter_map(|word| word.chars().next()).take(2).flat_map(char::to_uppercase).collect()
}

/// A tap that was told before.
#[derive(Serialize)]
pub struct RecentTap {
    /// Its id on the event stream.
    id: i64,
    /// How long ago, milliseconds.
    age_ms: i64,
    /// What the event carried.
    tap: Box<RawValue>,
}

/// The newest taps.
#[derive(Serialize)]
pub struct RecentTaps {
    /// Newest first, at most five.
    taps: Vec<RecentTap>,
}

/// The newest taps, for a page that was just opened. A till's token sees its own till.
pub async fn recent(
    State(lan): State<Lan>,
    caller: Caller,
    Query(choice): Query<Choice>,
) -> Result<Json<RecentTaps>, Fault> {
    let named = choice.till.filter(|till| !till.is_empty());
    let till = caller.till_for(&lan, named.as_deref(), "/till")?.map(|till| till.to_string());
    let now_ms = lan.clock.wall_ms();
    let rows = lan.read(move |_, reads| Ok(reads.taps_recent(till.as_deref(), RECENT_TAPS)?)).await?;
    let told = |row: LiveRow| {
        let tap = RawValue::from_string(row.data).map_err(|_| Fault::internal())?;
        Ok(RecentTap { id: row.id, age_ms: (now_ms - row.at_ms).max(0), tap })
    };
    Ok(Json(RecentTaps { taps: rows.into_iter().map(told).collect::<Result<_, Fault>>()? }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_has_two_initials_at_most() {
        for (name, letters) in [("Mara", "M"), ("ann-lea von der mühle", "AV"), ("", ""), ("ßen", "SS")] {
            assert_eq!(initials(name), letters, "{name}");
        }
    }
}
