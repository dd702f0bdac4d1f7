//! What signs passes: whether it opens, whose it is, its chain, and how long it lasts; and what Google needs beside it.

use super::Patient;
use super::finding::Finding;
use crate::base::clock::Clock;
use crate::base::config::{Apple, Google};
use crate::daemon;
use crate::pure::domain::Now;
use crate::pure::passes::apple::PassType;
use crate::pure::passes::jwt::ServiceAccount;
use crate::pure::passes::sign::Facts;

/// Days before its end at which a certificate is told, the urgent ones first (wallets/apple.md section 6).
const WARNED_DAYS: [i64; 4] = [7, 14, 30, 60];

const PART: &str = "certificates";

const RENEW: &str =
    "renew it in the developer portal under the same pass type id, 'stampd cert import' it, and send the daemon SIGHUP";

/// Each pass type's certificate.
pub fn certificates(patient: &Patient) -> Vec<Finding> {
    let config = &patient.config;
    let now = match Clock::new(config.shop.time_zone.clone(), config.clock.trust) {
        Ok(clock) => clock.now(),
        // The clock's own line says what is wrong with it.
        Err(_) => return Vec::new(),
    };
    config.apple.iter().map(|apple| certificate(apple, &now)).collect()
}

fn certificate(apple: &Apple, now: &Now) -> Finding {
    // What opens the taps has a line of its own.
    let signing = Apple { nfc: false, ..apple.clone() };
    match daemon::signing_open_one(&signing, now) {
        Err(error) => {
            let told = format!("{error:#}");
            Finding::fail_as_told(PART, &told, "name the right .p12, password and intermediate in [[apple]]")
        }
        Ok(PassType { signer: None, issuer, .. }) => Finding::ok(
            PART,
            format!("{}: none is configured, so passes of this type are read and not made", issuer.pass_type_id),
        ),
        Ok(PassType { signer: Some(signer), .. }) => {
            lasting(signer.facts(), &signer.intermediate(), signer.until_s(), now.wall_ms)
        }
    }
}

/// Type, team and chain, and how many days are left until `until_s`, when the certificate or its intermediate ends.
fn lasting(facts: &Facts, intermediate: &str, until_s: i64, now_ms: i64) -> Finding {
    let days = Facts { until_s, ..facts.clone() }.days_left(now_ms);
    let mut found = format!("{}, team {}, issued by {intermediate}", facts.pass_type_id, facts.team_id);
    let remedy = if until_s < facts.until_s {
        found.push_str(", which ends before the certificate");
        "name Apple's newer intermediate of the same name in wwdr, and restart stampd"
    } else {
        RENEW
    };
    if now_ms.div_euclid(1_000) < facts.from_s {
        return Finding::warn(PART, format!("{found}: not valid yet"), "set the clock; until then no pass is signed");
    }
    if days < 0 {
        // Whole days since, as `days` counts those until: it rounds down to the past.
        let since_s = now_ms.div_euclid(1_000) - until_s;
        let ago = match since_s / 86_400 {
            0 => "less than a day ago".to_owned(),
            ago => format!("{} ago", days_of(ago)),
        };
        let found = format!("{found}: ended {ago}, no pass is signed; taps go on");
        return Finding::fail(PART, found, remedy);
    }
    match WARNED_DAYS.into_iter().find(|warned| days <= *warned) {
        Some(warned) => Finding::warn(PART, format!("{found}: {} left, {warned} or fewer", days_of(days)), remedy),
        None => Finding::ok(PART, format!("{found}: {} left", days_of(days))),
    }
}

fn days_of(days: i64) -> String {
    if days == 1 { "1 day".to_owned() } else { format!("{days} days") }
}

const GOOGLE: &str = "google";

/// The issuer at Google: its service account, and the pictures that Google fetches (wallets/google.md section 1).
pub fn google(patient: &Patient) -> Vec<Finding> {
    let Some(google) = &patient.config.google else { return Vec::new() };
    let mut findings = vec![issuer(google)];
    findings.extend(pictures(google.logo_url.is_some(), google.image_url.is_some()));
    findings
}

fn issuer(google: &Google) -> Finding {
    let account = google.service_account.as_ref().map(|secret| {
        let told = |error: String| format!("[google] service_account: {}: {error}", secret.home());
        let file = secret.read().map_err(|error| told(error.to_string()))?;
        ServiceAccount::read(file.expose()).map_err(|error| told(error.to_string()))
    });
    match account {
        Some(Err(told)) => Finding::fail_as_told(GOOGLE, &told, "name the key file in [google] service_account"),
        Some(Ok(account)) => {
            Finding::ok(GOOGLE, format!("issuer {}, links signed by {}", google.issuer_id, account.email()))
        }
        None => Finding::ok(GOOGLE, format!("issuer {}, no service account, so no save links", google.issuer_id)),
    }
}

fn pictures(has_logo: bool, has_image: bool) -> Vec<Finding> {
    let mut findings = Vec::new();
    if !has_logo {
        findings.push(Finding::warn(
            GOOGLE,
            "logo_url is not set, and Google refuses a class without a logo",
            "put the logo (PNG, 660×660) where the whole internet reads it by https, and name it in [google] logo_url",
        ));
    }
    if !has_image {
        findings.push(Finding::warn(
            GOOGLE,
            "image_url is not set: the class carries the logo only, and cards have no picture",
            "put the pictures (PNG, 1032×336) where the whole internet reads them by https, and name them in [google] \
             image_url, with {design} and {count}",
        ));
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::super::finding::Level;
    use super::*;

    #[test]
    fn the_end_of_a_certificate_is_told_in_steps() {
        let day_s = 86_400;
        let facts = Facts {
            pass_type_id: "pass.com.example.cafe".to_owned(),
            team_id: "A1B2C3D4E5".to_owned(),
            issuer: "WWDR".to_owned(),
            from_s: 0,
            until_s: 100 * day_s,
            sha256: String::new(),
        };
        let at = |days_left: i64| lasting(&facts, "WWDR, OU=G4", facts.until_s, (100 - days_left) * day_s * 1_000);
        for (days_left, level, says) in [
            (61, Level::Ok, "61 days left"),
            (60, Level::Warn, "60 days left, 60 or fewer"),
            (30, Level::Warn, "30 days left, 30 or fewer"),
            (14, Level::Warn, "14 or fewer"),
            (7, Level::Warn, "7 days left, 7 or fewer"),
            (0, Level::Warn, "0 days left"),
            (1, Level::Warn, "1 day left, 7"),
            (-1, Level::Fail, "ended 1 day ago"),
            (-2, Level::Fail, "ended 2 days ago"),
        ] {
            let finding = at(days_left);
            assert_eq!(finding.level, level, "{days_left}");
            assert!(finding.finding.contains(says), "{finding:?}");
        }
        for (after_s, says) in [(1, "ended less than a day ago"), (2 * day_s + 1, "ended 2 days ago")] {
            let finding = lasting(&facts, "WWDR", facts.until_s, (facts.until_s + after_s) * 1_000);
            assert_eq!(finding.level, Level::Fail);
            assert!(finding.finding.contains(says), "{finding:?}");
        }
        assert_eq!(lasting(&facts, "WWDR", facts.until_s, -1_000).level, Level::Warn, "not yet");
        let brief = lasting(&facts, "WWDR", 50 * day_s, 43 * day_s * 1_000);
        assert_eq!(brief.level, Level::Warn, "the intermediate has seven days");
        assert!(brief.finding.contains("WWDR, which ends before the certificate: 7 days left"), "{brief:?}");
        assert!(brief.remedy.is_some_and(|remedy| remedy.contains("wwdr")));
    }
    #[test]
    fn pictures_that_google_cannot_fetch_are_told() {
        let told = |logo, image| pictures(logo, image).into_iter().map(|one| one.finding).collect::<Vec<_>>().join("|");
        assert!(told(false, true).contains("Google refuses a class without a logo"));
        assert!(told(true, false).contains("the class carries the logo only"));
        assert!(told(false, false).contains('|'), "both");
        assert_eq!(pictures(true, true), []);
        assert!(pictures(false, false).iter().all(|one| one.level == Level::Warn && one.remedy.is_some()));
    }
}
