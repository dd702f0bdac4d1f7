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
        let found = format!("{found}: ended {} days ago, no pass is signed; taps go on", -days);
        return Finding::fail(PART, found, remedy);
    }
    match WARNED_DAYS.into_iter().find(|warned| days <= *warned) {
        Some(warned) => Finding::warn(PART, format!("{found}: {days} days left, {warned} or fewer"), remedy),
        None => Finding::ok(PART, format!("{found}: {days} days left")),
    }
}

/// The issuer at Google: its service account, and the pictures that Google fetches (wallets/google.md section 1).
pub fn google(patient: &Patient) -> Vec<Finding> {
    patient.config.google.iter().map(issuer).collect()
}

fn issuer(google: &Google) -> Finding {
    const PART: &str = "google";
    let account = google.service_account.as_ref().map(|secret| {
        let told = |error: String| format!("[google] service_account: {}: {error}", secret.home());
        let file = secret.read().map_err(|error| told(error.to_string()))?;
        ServiceAccount::read(file.expose()).map_err(|error| told(error.to_string()))
    });
    let who = match account {
        Some(Err(told)) => return Finding::fail_as_told(PART, &told, "name the key file in [google] service_account"),
        Some(Ok(account)) => format!("issuer {}, links signed by {}", google.issuer_id, account.email()),
        None => format!("issuer {}, no service account, so no save links", google.issuer_id),
    };
    match (&google.logo_url, &google.image_url) {
        (None, _) => Finding::warn(
            PART,
            format!("{who}; no logo_url: Google refuses a class without a logo"),
            "give [google] logo_url the https address of a round logo, 660 by 660",
        ),
        (_, None) => Finding::warn(
            PART,
            format!("{who}; no image_url: cards have no picture of their stamps"),
            "give [google] image_url the https address of pictures, with {design} and {count}",
        ),
        _ => Finding::ok(PART, who),
    }
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
            (-1, Level::Fail, "ended 1 days ago"),
        ] {
            let finding = at(days_left);
            assert_eq!(finding.level, level, "{days_left}");
            assert!(finding.finding.contains(says), "{finding:?}");
        }
        assert_eq!(lasting(&facts, "WWDR", facts.until_s, -1_000).level, Level::Warn, "not yet");
        let brief = lasting(&facts, "WWDR", 50 * day_s, 43 * day_s * 1_000);
        assert_eq!(brief.level, Level::Warn, "the intermediate has seven days");
        assert!(brief.finding.contains("WWDR, which ends before the certificate: 7 days left"), "{brief:?}");
        assert!(brief.remedy.is_some_and(|remedy| remedy.contains("wwdr")));
    }

    #[test]
    fn a_google_class_without_pictures_is_told() {
        let google = |logo: Option<&str>, image: Option<&str>| Google {
            issuer_id: 338,
            service_account: None,
            collector_id: None,
            smart_tap_keys: Vec::new(),
            logo_url: logo.map(str::to_owned),
            image_url: image.map(str::to_owned),
        };
        for (logo, image, level, says) in [
            (None, None, Level::Warn, "refuses a class"),
            (Some("https://a/l.png"), None, Level::Warn, "no picture of their stamps"),
            (Some("https://a/l.png"), Some("https://a/{count}.png"), Level::Ok, "no save links"),
        ] {
            let finding = issuer(&google(logo, image));
            assert_eq!(finding.level, level, "{finding:?}");
            assert!(finding.finding.contains(says), "{finding:?}");
        }
    }
}
