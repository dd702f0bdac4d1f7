//! The event stream (server-sent events): resumes by `Last-Event-ID` for 24 hours, works from `EventSource` with a console
//! session and from `fetch` with a bearer token.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::sse::{Event, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use tokio::sync::broadcast::error::RecvError;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;

use crate::faces::door::Lan;
use crate::faces::door::{Caller, Fault};
use crate::pure::domain::TillId;
use crate::pure::wire::lan::Hello;
use crate::shop::ledger::LiveRow;

/// Rows read at once when a listener resumes.
const PAGE: usize = 500;

/// Events that may wait for a slow listener before its task waits for it.
const WAITING_MAX: usize = 64;

/// A comment line this often keeps the connection known to be alive.
const COMMENT_EVERY: Duration = Duration::from_secs(15);

/// The live events: `tap.presented`, `tap.refused`, `card.updated`, `reader.up`, `reader.down`, `alarm`, ….
///
/// The first event is `hello`. With `Last-Event-ID` the stream goes on after that event; where it is older than 24 hours
/// an event `reset` comes first, and the listener reads anew what it needs. A `tap.refused` with `disk_full` or
/// `storage_fault` has no id: nothing could be written, so it is told once and not kept.
#[utoipa::path(
    get, path = "/v1/events", tag = "events",
    params(("Last-Event-ID" = Option<i64>, Header, description = "the last event that was received")),
    responses((status = 200, description = "the stream", content_type = "text/event-stream", body = String))
)]
pub async fn events(State(lan): State<Lan>, caller: Caller, headers: HeaderMap) -> Result<Response, Fault> {
    let resume = match headers.get("Last-Event-ID") {
        None => None,
        Some(value) => Some(value.to_str().ok().and_then(|text| text.trim().parse::<i64>().ok()).ok_or_else(|| {
            Fault::field("/Last-Event-ID", "the id of an event is a whole number, as the stream sent it")
        })?),
    };
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    tokio::spawn(async move {
        // The listener going away is the ordinary end.
        let _ = stream(lan, caller.till, resume, sender).await;
    });
    let sse = Sse::new(ReceiverStream::new(receiver)).keep_alive(KeepAlive::new().interval(COMMENT_EVERY).text(""));
    let mut response = sse.into_response();
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response.headers_mut().insert("X-Accel-Buffering", HeaderValue::from_static("no"));
    Ok(response)
}

/// Why a stream ended.
enum End {
    /// The listener went away.
    Gone,
    /// The ledger could not be read.
    Fault,
}

impl<T> From<mpsc::error::SendError<T>> for End {
    fn from(_: mpsc::error::SendError<T>) -> Self {
        End::Gone
    }
}

impl From<Fault> for End {
    fn from(_: Fault) -> Self {
        End::Fault
    }
}

type Sender = mpsc::Sender<Result<Event, Infallible>>;

async fn stream(lan: Lan, till: Option<TillId>, resume: Option<i64>, sender: Sender) -> Result<(), End> {
    // Listening begins before the backlog is read, so that nothing falls between.
    let mut live = lan.ledger.live();
    let (oldest_id, last_id) = lan.read(|_, reads| Ok(reads.live_bounds()?)).await?;
    let now = lan.clock.now();
    let hello = Hello { now: now.moment().rfc3339(), last_id, oldest_id };
    sender.send(Ok(event("hello", &hello).retry(Duration::from_millis(1000)))).await?;
    let mut sent = match resume {
        None => last_id,
        // Everything after `id` is still there when the oldest row follows it directly, or nothing was dropped yet.
        Some(id) if id > last_id || (oldest_id > 0 && id + 1 < oldest_id) => {
            sender.send(Ok(event("reset", &hello))).await?;
            if id > last_id { last_id } else { oldest_id - 1 }
        }
        Some(id) => id,
    };
    catch_up(&lan, till.as_ref(), &mut sent, &sender).await?;
    loop {
        let row = tokio::select! {
            row = live.recv() => row,
            () = lan.stopping.cancelled() => return Ok(()),
            () = sender.closed() => return Ok(()),
        };
        match row {
            Ok(row) if row.id == LiveRow::UNKEPT => send_row(till.as_ref(), row, &sender).await?,
            Ok(row) if row.id <= sent => {}
            Ok(row) => {
                sent = row.id;
                send_row(till.as_ref(), row, &sender).await?;
            }
            Err(RecvError::Lagged(_)) => catch_up(&lan, till.as_ref(), &mut sent, &sender).await?,
            Err(RecvError::Closed) => return Ok(()),
        }
    }
}

/// Sends what the table holds after `sent`.
async fn catch_up(lan: &Lan, till: Option<&TillId>, sent: &mut i64, sender: &Sender) -> Result<(), End> {
    loop {
        let after = *sent;
        let rows = lan.read(move |_, reads| Ok(reads.live_after(after, PAGE)?)).await?;
        let last_page = rows.len() < PAGE;
        for row in rows {
            *sent = row.id;
            send_row(till, row, sender).await?;
        }
        if last_page {
            return Ok(());
        }
    }
}

/// Sends one row to a listener who may see it: a till's token sees its own till and what concerns all.
async fn send_row(till: Option<&TillId>, row: LiveRow, sender: &Sender) -> Result<(), End> {
    let foreign = matches!((till, &row.till), (Some(own), Some(of)) if own.as_str() != of);
    if !foreign {
        let event = Event::default().event(row.name).data(row.data);
        // Without an id a listener's place in the stream stays where it is.
        let event = if row.id == LiveRow::UNKEPT { event } else { event.id(row.id.to_string()) };
        sender.send(Ok(event)).await?;
    }
    Ok(())
}

fn event<T: serde::Serialize>(name: &str, data: &T) -> Event {
    Event::default().event(name).data(serde_json::to_string(data).unwrap_or_default())
}
