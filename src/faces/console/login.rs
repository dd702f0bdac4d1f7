//! Logging in by name and PIN, and out again. A session is a random secret in a cookie that no script can read and no
//! other site can send.

use askama::Template;
use axum::extract::rejection::FormRejection;
use axum::extract::{Form, FromRequest, Request, State};
use axum::http::{HeaderMap, HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde::Deserialize;

use super::{Words, assets, page};
use crate::faces::door::{Caller, Fault, Lan, SESSION_COOKIE, cookie, host};
use crate::pure::domain::{ApiTokenId, StaffId};
use crate::pure::text::{self, Label};

/// The most characters of a name that are looked up.
const NAME_MAX: usize = 100;

/// The login form.
#[derive(Deserialize)]
pub struct Login {
    /// A name as the staff know it, or the id of `/v1/staff`.
    staff: String,
    /// The PIN.
    pin: String,
}

/// The page that asks who is there. It names nothing of the shop.
#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage {
    words: Words,
    /// What was wrong with the last try.
    trouble: Option<String>,
    /// The name as it was typed.
    staff: String,
}

/// The login page, with what was wrong where something was.
pub fn login_page(lan: &Lan, status: StatusCode, trouble: Option<String>, staff: String) -> Response {
    let mut response = page(status, &LoginPage { words: Words::of(lan), trouble, staff });
    if status == StatusCode::UNAUTHORIZED {
        response.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer realm=\"stampd\""));
    }
    response
}

/// Where a form came from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Sender {
    /// A page of this door; over TLS or not.
    Own { tls: bool },
    /// A page of another site.
    Foreign,
}

/// Browsers name the origin of every form that is posted, and tell apart sites. A program that names neither carries no
/// cookie that it was not given itself, so it needs no check.
fn sender(request: &Request) -> Sender {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or_default());
    if text("Sec-Fetch-Site").is_some_and(|site| site != "same-origin" && site != "none") {
        return Sender::Foreign;
    }
    let Some(origin) = text("Origin") else { return Sender::Own { tls: false } };
    match (origin.split_once("://"), host(request)) {
        (Some((scheme, from)), Some(host)) if from.eq_ignore_ascii_case(host) => Sender::Own { tls: scheme == "https" },
        _ => Sender::Foreign,
    }
}

/// Takes the form of the login page: opens a session, or says what is wrong.
pub async fn login(State(lan): State<Lan>, request: Request) -> Response {
    let language = lan.till.settings().language;
    let said = |label| Some(text::label(language, label));
    let Sender::Own { tls } = sender(&request) else {
        return login_page(&lan, StatusCode::FORBIDDEN, said(Label::LoginForeign), String::new());
    };
    let before = session_secret(request.headers());
    let form: Result<Form<Login>, FormRejection> = Form::from_request(request, &()).await;
    let Login { staff, pin } = match form {
        Ok(Form(form)) => form,
        Err(rejection) => return login_page(&lan, rejection.status(), said(Label::LoginWrong), String::new()),
    };
    match admit(&lan, &staff, pin).await {
        Ok(Some(caller)) => {
            if let Some(secret) = before {
                lan.sessions.close(&secret);
            }
            let secret = lan.till.fresh_secret();
            lan.sessions.open(caller, &secret, lan.clock.boot_ns());
            with_cookie(&secret, tls)
        }
        Ok(None) => login_page(&lan, StatusCode::UNAUTHORIZED, said(Label::LoginWrong), staff),
        Err(Fault(problem)) => {
            let status = StatusCode::from_u16(problem.status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
            let trouble = match problem.retry_after_s {
                Some(wait_s) => Some(text::login_locked(language, wait_s)),
                None => said(Label::LoginFault),
            };
            let mut response = login_page(&lan, status, trouble, staff);
            if let Some(wait_s) = problem.retry_after_s {
                response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(wait_s.max(0)));
            }
            response
        }
    }
}

/// Ends the session.
pub async fn logout(State(lan): State<Lan>, request: Request) -> Response {
    let Sender::Own { tls } = sender(&request) else {
        let trouble = text::label(lan.till.settings().language, Label::LoginForeign);
        return login_page(&lan, StatusCode::FORBIDDEN, Some(trouble), String::new());
    };
    if let Some(secret) = session_secret(request.headers()) {
        lan.sessions.close(&secret);
    }
    with_cookie("", tls)
}

/// Who stands behind name and PIN; `None` where they do not fit.
async fn admit(lan: &Lan, name: &str, pin: String) -> Result<Option<Caller>, Fault> {
    let Some(id) = staff_named(lan, name).await? else { return Ok(None) };
    let Some(staff) = lan.pin_check(id, pin).await? else {
        tracing::warn!(staff = %id, "console.login: a wrong PIN");
        return Ok(None);
    };
    tracing::info!(staff = %id, "console.login");
    Ok(Some(Caller { token: ApiTokenId(staff.id.0), role: staff.role, till: None, staff: Some(staff.id) }))
}

/// The one person of that name or id. A name that two have names nobody: their ids do.
async fn staff_named(lan: &Lan, name: &str) -> Result<Option<StaffId>, Fault> {
    let name = name.trim().to_lowercase();
    if name.is_empty() || name.chars().count() > NAME_MAX {
        return Ok(None);
    }
    let staff = lan.read(|_, reads| Ok(reads.staff_list()?)).await?;
    let mut named =
        staff.into_iter().filter(|person| person.name.trim().to_lowercase() == name || person.id.to_string() == name);
    let (first, second) = (named.next(), named.next());
    Ok(first.filter(|_| second.is_none()).map(|person| person.id))
}

fn session_secret(headers: &HeaderMap) -> Option<String> {
    cookie(headers, SESSION_COOKIE).map(str::to_owned)
}

/// To the counter, with the session's cookie; an empty secret takes it away.
fn with_cookie(secret: &str, tls: bool) -> Response {
    let ends = if secret.is_empty() { "; Max-Age=0" } else { "" };
    let secure = if tls { "; Secure" } else { "" };
    let cookie = format!("{SESSION_COOKIE}={secret}; Path=/; HttpOnly; SameSite=Strict{ends}{secure}");
    let mut response = Redirect::to("/").into_response();
    if let Ok(value) = HeaderValue::from_str(&cookie) {
        response.headers_mut().insert(header::SET_COOKIE, value);
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_taken_from_a_page_of_this_door_alone() {
        let own = |tls| Sender::Own { tls };
        let cases: [(&[(&str, &str)], Sender); 10] = [
            (&[("Origin", "http://counter.local:8480")], own(false)),
            (&[("Origin", "https://counter.local:8480")], own(true)),
            (&[("Origin", "http://Counter.local:8480"), ("Sec-Fetch-Site", "same-origin")], own(false)),
            (&[], own(false)),
            (&[("Origin", "http://counter.local:8481")], Sender::Foreign),
            (&[("Origin", "http://counter.local")], Sender::Foreign),
            (&[("Origin", "https://evil.example")], Sender::Foreign),
            (&[("Origin", "null")], Sender::Foreign),
            (&[("Sec-Fetch-Site", "cross-site")], Sender::Foreign),
            (&[("Origin", "http://counter.local:8480"), ("Sec-Fetch-Site", "same-site")], Sender::Foreign),
        ];
        for (headers, expected) in cases {
            let mut request = Request::builder().uri("/console/login").header("Host", "counter.local:8480");
            for (name, value) in headers {
                request = request.header(*name, *value);
            }
            let request = request.body(axum::body::Body::empty()).expect("a request");
            assert_eq!(sender(&request), expected, "{headers:?}");
        }
    }
}
