//! The console: pages for the staff, from the device itself, without anything from outside.
//!
//! Whoever opens it logs in with name and PIN; the session's cookie is one that the API takes too, so that the page's
//! script listens to the same event stream as a till. Without a session a page tells nothing of the shop.
//!
//! **Invariants:** no script and no style stands in a page, and the policy of every answer forbids them; every form is
//! taken from pages of this very door alone; what a page shows of the books it reads, nothing here decides or posts.

mod assets;
mod counter;
mod login;

use axum::Router;
use axum::extract::{DefaultBodyLimit, Request};
use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{Html, IntoResponse, Redirect, Response};
use axum::routing::get;

use crate::faces::door::{Fault, Lan, guard, panicked};
use crate::pure::text::{self, Label, Language};

/// The largest form, bytes: a name and a PIN.
const FORM_BYTES_MAX: usize = 4096;

/// What a page may load and do: its own files from this door, and nothing else.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; \
                      form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// The pages, with the checks of Host that the API has.
pub fn router(lan: Lan) -> Router {
    Router::new()
        .route("/", get(counter::counter))
        .route("/console/login", get(to_counter).post(login::login))
        .route("/console/logout", get(to_counter).post(login::logout))
        .route("/console/recent", get(counter::recent))
        .route("/console/static/{file}", get(assets::file))
        .method_not_allowed_fallback(wrong_method)
        .layer(DefaultBodyLimit::max(FORM_BYTES_MAX))
        .layer(middleware::from_fn(policy))
        .layer(middleware::from_fn_with_state(lan.clone(), guard))
        .layer(tower_http::catch_panic::CatchPanicLayer::custom(panicked))
        .with_state(lan)
}

/// The address of a form, opened by hand or by going back.
async fn to_counter() -> Redirect {
    Redirect::to("/")
}

async fn wrong_method() -> Fault {
    Fault::new(StatusCode::METHOD_NOT_ALLOWED, "wrong_method", "wrong method", "this address does not take this method")
}

/// Marks every answer with the policy. The referrer goes to our own pages alone: a form from `no-referrer` would name
/// no origin.
async fn policy(request: Request, next: Next) -> Response {
    let mut response = next.run(request).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    let opener = HeaderName::from_static("cross-origin-opener-policy");
    headers.insert(opener, HeaderValue::from_static("same-origin"));
    response
}

/// The words of a page, in the shop's language.
struct Words {
    language: Language,
}

impl Words {
    fn of(lan: &Lan) -> Self {
        Self { language: lan.till.settings().language }
    }

    fn lang(&self) -> &'static str {
        self.language.tag()
    }

    fn say(&self, label: Label) -> String {
        text::label(self.language, label)
    }
}

/// A page as an answer.
fn page(status: StatusCode, template: &impl askama::Template) -> Response {
    match template.render() {
        Ok(html) => (status, Html(html)).into_response(),
        Err(error) => {
            tracing::error!(%error, "console.page: a page could not be written");
            Fault::internal().into_response()
        }
    }
}
