//! What makes passes, built from the configuration: designs, certificates, Google's issuer.

use anyhow::{Context, Result};

use super::signing;
use crate::base::clock::Clock;
use crate::base::config::{Config, Google, design};
use crate::pure::domain::Now;
use crate::pure::passes::jwt::ServiceAccount;
use crate::pure::passes::{Designs, google};
use crate::pure::wire::lan::PartView;
use crate::shop::delivery::{GoogleDesk, Material, Passes};
use crate::shop::till::Till;

/// Days before a certificate's end from which health says so.
const CERTIFICATE_DAYS: i64 = 14;

/// What passes are made of, read anew. A certificate of another pass type or team is an error, one whose time has not come
/// or is over is not.
pub fn material(config: &Config, now: &Now) -> Result<Material> {
    let types = signing::open(&config.apple, now)?;
    let google = config.google.as_ref().map(|google| desk(google, config)).transpose()?;
    Ok(Material::new(designs(config)?, types, google))
}

/// The passes of the shop of `till`.
pub fn passes_of(config: &Config, till: &Till, clock: &Clock) -> Result<Passes> {
    let material = material(config, &clock.now())?;
    Ok(Passes::new(till.clone(), clock.clone(), material, &config.paths.cache))
}

/// The designs of the shop; those that ship where it has no folder of its own.
fn designs(config: &Config) -> Result<Designs> {
    let folder = &config.paths.passes;
    if folder.is_dir() {
        return Ok(design::read_all(folder)?);
    }
    let shipped = design::SHIPPED.into_iter().filter_map(|(name, _)| design::shipped_design(name));
    Ok(Designs::new(shipped.collect::<Result<_, _>>()?)?)
}

fn desk(config: &Google, whole: &Config) -> Result<GoogleDesk> {
    let read = |secret: &crate::base::config::Secret| -> Result<ServiceAccount> {
        let file = secret.read()?;
        ServiceAccount::read(file.expose()).with_context(|| format!("[google] service_account: {}", secret.home()))
    };
    Ok(GoogleDesk {
        issuer: google::Issuer {
            issuer_id: config.issuer_id,
            smart_tap: config.collector_id.is_some(),
            logo_url: config.logo_url.clone(),
            image_url: config.image_url.clone(),
        },
        account: config.service_account.as_ref().map(read).transpose()?,
        origins: whole.api.public_url.iter().map(|address| origin_of(address)).collect(),
    })
}

/// The web origin of an address (RFC 6454 section 6.2): scheme, host and port, without a path.
fn origin_of(address: &str) -> String {
    let (scheme, rest) = address.split_once("://").unwrap_or(("https", address));
    let host = rest.split('/').next().unwrap_or_default();
    format!("{scheme}://{host}").to_ascii_lowercase()
}

/// How delivery stands, for health.
pub fn part(passes: &Passes, now: &Now) -> PartView {
    let status = passes.status();
    let material = passes.material();
    let view = |state: &str, detail: String, remedy: Option<String>| PartView {
        name: "passes".to_owned(),
        state: state.to_owned(),
        detail,
        remedy,
    };
    let waiting = format!("{} waiting", status.waiting);
    if let Some(hold) = status.hold {
        return view("degraded", format!("{waiting}: {}", hold.code), Some(format!("taps go on; {}", hold.detail)));
    }
    if let Some((code, detail)) = status.faults.values().next() {
        let detail = detail.clone();
        return view("degraded", format!("{waiting}, {} could not be made: {code}", status.faults.len()), Some(detail));
    }
    if let Some((days, pass_type)) = material.days_left(now).filter(|(days, _)| *days <= CERTIFICATE_DAYS) {
        let remedy = "renew it with Apple under the same pass type id, put the .p12 in its place and send SIGHUP";
        let detail = format!("{waiting}; the certificate of {pass_type} ends in {days} days");
        return view("degraded", detail, Some(remedy.to_owned()));
    }
    let sweeping = if status.sweeping { ", looking at every card" } else { "" };
    view("ok", format!("{waiting}, {} signed since the start{sweeping}", status.signed), None)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_has_no_path() {
        for (address, origin) in [
            ("https://cards.example", "https://cards.example"),
            ("https://Cards.example:8443/wallet/x", "https://cards.example:8443"),
            ("http://[::1]:8480/", "http://[::1]:8480"),
        ] {
            assert_eq!(origin_of(address), origin);
        }
    }
}
