//! Google's rotating barcode as a phone shows it: the pattern of the pass's object, filled with the time and a code of
//! that time (RFC 6238 with SHA-1; readers-and-scanners.md section 3.8), and the ways in which that can be wrong.
//!
//! It knows what a phone knows, the object alone, and writes the code anew at every scan.

use std::cell::OnceCell;
use std::fmt;

use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use serde::Deserialize;

use super::TimeSource;
use super::bytes::from_hex;
use super::fault::{Fault, FaultError, FaultKind};

/// The faults of a rotating barcode, beside those of any code.
pub const FAULTS: &[FaultKind] = &[
    FaultKind {
        name: "stale",
        value: "seconds, 300",
        meaning: "The code is one that the phone showed so many seconds ago: a picture of its screen.",
    },
    FaultKind {
        name: "clock-off",
        value: "seconds, 300",
        meaning: "The phone's clock is so many seconds ahead; behind it is with --clock-shift.",
    },
    FaultKind {
        name: "used-code",
        value: "",
        meaning: "Every scan shows the code of the first one: with --count 2 and --every-ms 2500 it comes a second time.",
    },
    FaultKind { name: "wrong-secret", value: "", meaning: "The code is made with a key that is not this card's." },
    FaultKind {
        name: "forged-time",
        value: "seconds, 300",
        meaning: "The code of so many seconds ago comes under the time of now.",
    },
    FaultKind {
        name: "rounded",
        value: "",
        meaning: "Sound, yet the time in the code is the begin of its period, as a phone may write it.",
    },
];

/// The longest number that a period or a length of digits may be written as.
const DIGITS_MAX: usize = 9;

/// A rotating barcode as the object of a pass describes it (Google Wallet REST reference, `RotatingBarcode`). Fields that
/// a phone does not need for the text are left alone.
#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RotatingBarcode {
    value_pattern: String,
    totp_details: TotpDetails,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TotpDetails {
    algorithm: String,
    /// An int64, which Google's JSON writes as a text.
    period_millis: String,
    parameters: Vec<TotpParameter>,
}

#[derive(Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
struct TotpParameter {
    /// Base16.
    key: String,
    value_length: usize,
}

impl fmt::Debug for RotatingBarcode {
    /// Never shows the key.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatingBarcode({})", self.value_pattern)
    }
}

/// What a phone shows of one rotating barcode, scan by scan.
#[derive(Clone)]
pub struct RotatingScreen {
    pattern: String,
    period_ms: i64,
    parameters: Vec<(Vec<u8>, usize)>,
    time: TimeSource,
    /// By how much the phone's clock is wrong, milliseconds.
    shift_ms: i64,
    /// By how much the code is older than the time that is written beside it, milliseconds.
    forged_ms: i64,
    rounded: bool,
    /// The first text, where every scan shows that one.
    frozen: Option<OnceCell<String>>,
}

impl fmt::Debug for RotatingScreen {
    /// Never shows the keys.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RotatingScreen({})", self.pattern)
    }
}

/// Why an object's rotating barcode cannot be shown.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum RotatingError {
    /// An algorithm that no phone knows.
    #[error("totpDetails.algorithm is '{0}'; phones know TOTP_SHA1")]
    Algorithm(String),
    /// No period.
    #[error("totpDetails.periodMillis is '{0}'; it is a whole number of milliseconds from 1 on, as a text")]
    Period(String),
    /// A key that is none.
    #[error("totpDetails.parameters[{0}].key is not hexadecimal (Base16)")]
    Key(usize),
    /// A number of digits that no code has.
    #[error("totpDetails.parameters[{0}].valueLength is not 1 to {DIGITS_MAX}")]
    Length(usize),
}

impl RotatingBarcode {
    /// The screen of a phone with this pass, whose clock is `time`, wrong by `shift_s` seconds.
    pub fn screen(&self, time: TimeSource, shift_s: i64) -> Result<RotatingScreen, RotatingError> {
        let details = &self.totp_details;
        if details.algorithm != "TOTP_SHA1" {
            return Err(RotatingError::Algorithm(details.algorithm.clone()));
        }
        let period_ms = details.period_millis.parse().ok().filter(|period| *period > 0);
        let period_ms = period_ms.ok_or_else(|| RotatingError::Period(details.period_millis.clone()))?;
        let mut parameters = Vec::new();
        for (place, parameter) in details.parameters.iter().enumerate() {
            let key = from_hex(&parameter.key).filter(|key| !key.is_empty()).ok_or(RotatingError::Key(place))?;
            if !(1..=DIGITS_MAX).contains(&parameter.value_length) {
                return Err(RotatingError::Length(place));
            }
            parameters.push((key, parameter.value_length));
        }
        let pattern = self.value_pattern.clone();
        let shift_ms = shift_s.saturating_mul(1_000);
        Ok(RotatingScreen {
            pattern,
            period_ms,
            parameters,
            time,
            shift_ms,
            forged_ms: 0,
            rounded: false,
            frozen: None,
        })
    }
}

impl RotatingScreen {
    /// Adds a fault of [`FAULTS`]; `wallet` names the kind in the error.
    pub fn add_fault(&mut self, fault: &Fault, wallet: &'static str) -> Result<(), FaultError> {
        let milliseconds = || Ok(fault.number(300, 0, 4_000_000_000)? as i64 * 1_000);
        match fault.name.as_str() {
            "stale" => self.shift_ms = self.shift_ms.saturating_sub(milliseconds()?),
            "clock-off" => self.shift_ms = self.shift_ms.saturating_add(milliseconds()?),
            "forged-time" => self.forged_ms = milliseconds()?,
            "used-code" => {
                fault.bare()?;
                self.frozen = Some(OnceCell::new());
            }
            "wrong-secret" => {
                fault.bare()?;
                self.parameters.iter_mut().for_each(|(key, _)| key[0] ^= 0x01);
            }
            "rounded" => {
                fault.bare()?;
                self.rounded = true;
            }
            _ => return Err(FaultError::Unknown { wallet, name: fault.name.clone() }),
        }
        Ok(())
    }

    /// The text that a scanner reads now. Empty only when OpenSSL has no SHA-1.
    pub fn text(&self) -> String {
        let fresh = || self.at(((self.time)().wall_ms).saturating_add(self.shift_ms)).unwrap_or_default();
        match &self.frozen {
            Some(first) => first.get_or_init(fresh).clone(),
            None => fresh(),
        }
    }

    fn at(&self, unix_ms: i64) -> Result<String, ErrorStack> {
        let counter = unix_ms.saturating_sub(self.forged_ms).div_euclid(self.period_ms);
        let shown_ms = if self.rounded { counter.saturating_mul(self.period_ms) } else { unix_ms };
        let mut text = self
            .pattern
            .replace("{totp_timestamp_millis}", &shown_ms.to_string())
            .replace("{totp_timestamp_seconds}", &format!("{:010}", shown_ms.div_euclid(1_000)));
        for (place, (key, digits)) in self.parameters.iter().enumerate() {
            text = text.replace(&format!("{{totp_value_{place}}}"), &code(key, counter, *digits)?);
        }
        Ok(text)
    }
}

/// RFC 4226 section 5.3 over the number of the period: decimal digits, at most [`DIGITS_MAX`].
fn code(key: &[u8], counter: i64, digits: usize) -> Result<String, ErrorStack> {
    let key = PKey::hmac(key)?;
    let mac = Signer::new(MessageDigest::sha1(), &key)?.sign_oneshot_to_vec(&counter.to_be_bytes())?;
    let from = usize::from(mac.last().copied().unwrap_or_default() & 0x0F);
    let window = mac.get(from..from + 4).unwrap_or_default();
    let number = window.iter().fold(0_u64, |number, byte| number << 8 | u64::from(*byte)) & 0x7FFF_FFFF;
    let text = format!("{number:0DIGITS_MAX$}");
    Ok(text[text.len() - digits.min(text.len())..].to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicI64, Ordering};

    use super::*;
    use crate::tools::phone::machine_time;

    fn barcode(pattern: &str, period_ms: &str, digits: usize) -> RotatingBarcode {
        let key = "3132333435363738393031323334353637383930";
        serde_json::from_value(serde_json::json!({
            "type": "QR_CODE",
            "valuePattern": pattern,
            "totpDetails": {
                "algorithm": "TOTP_SHA1",
                "periodMillis": period_ms,
                "parameters": [{ "key": key, "valueLength": digits }],
            },
        }))
        .expect("Google's form")
    }

    /// A clock that stands at the milliseconds that the test sets.
    fn clock() -> (Arc<AtomicI64>, TimeSource) {
        let machine = machine_time().expect("a clock");
        let wall_ms = Arc::new(AtomicI64::new(1_700_000_000_123));
        let read = wall_ms.clone();
        let time: TimeSource = Arc::new(move || {
            let mut now = machine();
            now.wall_ms = read.load(Ordering::Relaxed);
            now
        });
        (wall_ms, time)
    }

    /// RFC 6238 appendix B, and the vectors of readers-and-scanners.md section 3.8.
    #[test]
    fn codes_are_those_of_the_vectors() {
        let cases = [
            (59_000, "30000", 8, "94287082"),
            (1_111_111_109_000, "30000", 8, "07081804"),
            (1_700_000_000_123, "3000", 6, "563237"),
            (1_700_000_000_123, "30000", 6, "921300"),
            (1_700_000_000_123, "30000", 8, "81921300"),
        ];
        for (unix_ms, period_ms, digits, code) in cases {
            let screen = barcode("{totp_value_0}", period_ms, digits).screen(clock().1, 0).expect("sound");
            assert_eq!(screen.at(unix_ms).expect("SHA-1"), code);
        }
    }

    #[test]
    fn the_pattern_is_filled_and_faults_bend_it_as_their_names_say() {
        let pattern = "LC2X{totp_timestamp_seconds}/{totp_timestamp_millis}/{totp_value_0}";
        let shown = |faults: &[&str], shift_s: i64| {
            let mut screen = barcode(pattern, "30000", 8).screen(clock().1, shift_s).expect("sound");
            for fault in faults {
                screen.add_fault(&fault.parse().expect("never fails"), "scan").expect("a known fault");
            }
            screen.text()
        };
        let sound = "LC2X1700000000/1700000000123/81921300";
        assert_eq!(shown(&[], 0), sound);
        assert_eq!(shown(&["stale=30"], 30), sound, "faults and --clock-shift add up");
        assert_eq!(shown(&["stale=60"], 0), shown(&[], -60));
        assert_eq!(shown(&["clock-off=60"], 0), shown(&[], 60));
        assert_eq!(shown(&["stale"], 0), shown(&[], -300));
        assert_eq!(shown(&["rounded"], 0), "LC2X1699999980/1699999980000/81921300");
        let [(forged, old), (wrong, _)] = [("forged-time", "stale"), ("wrong-secret", "stale")]
            .map(|(fault, other)| (shown(&[fault], 0), shown(&[other], 0)));
        let (head, code) = sound.rsplit_once('/').expect("three parts");
        assert!(forged.starts_with(head) && forged.ends_with(old.rsplit('/').next().expect("a code")), "{forged}");
        assert!(wrong.starts_with(head) && !wrong.ends_with(code), "{wrong}");
        let early = barcode(pattern, "30000", 8).screen(clock().1, -1_700_000_000).expect("sound");
        assert!(early.text().starts_with("LC2X0000000000/123/"), "ten digits of seconds always: {}", early.text());
    }

    #[test]
    fn a_screen_goes_on_with_the_time_unless_it_stands_still() {
        let (wall_ms, time) = clock();
        let moving = barcode("{totp_value_0}", "30000", 8).screen(time, 0).expect("sound");
        let mut still = moving.clone();
        still.add_fault(&"used-code".parse().expect("never fails"), "scan").expect("a known fault");
        let first = (moving.text(), still.text());
        assert_eq!(first.0, first.1);
        wall_ms.fetch_add(30_000, Ordering::Relaxed);
        assert_ne!(moving.text(), first.0);
        assert_eq!(still.text(), first.1);
    }

    #[test]
    fn an_object_that_no_phone_could_show_is_told() {
        let wrong = |change: fn(&mut RotatingBarcode)| {
            let mut barcode = barcode("x", "30000", 8);
            change(&mut barcode);
            barcode.screen(clock().1, 0).expect_err("refused")
        };
        let algorithm = wrong(|barcode| barcode.totp_details.algorithm = "TOTP_MD5".to_owned());
        assert_eq!(algorithm, RotatingError::Algorithm("TOTP_MD5".to_owned()));
        for period in ["", "0", "-1", "x"] {
            let mut barcode = barcode("x", period, 8);
            barcode.totp_details.parameters.clear();
            assert_eq!(barcode.screen(clock().1, 0).err(), Some(RotatingError::Period(period.to_owned())));
        }
        assert_eq!(wrong(|barcode| barcode.totp_details.parameters[0].key = "GE".to_owned()), RotatingError::Key(0));
        assert_eq!(wrong(|barcode| barcode.totp_details.parameters[0].key.clear()), RotatingError::Key(0));
        assert_eq!(wrong(|barcode| barcode.totp_details.parameters[0].value_length = 0), RotatingError::Length(0));
        let mut screen = barcode("x", "30000", 8).screen(clock().1, 0).expect("sound");
        for fault in ["melted", "stale=x", "used-code=1"] {
            assert!(screen.add_fault(&fault.parse().expect("never fails"), "scan").is_err(), "{fault}");
        }
        for kind in FAULTS {
            assert_eq!(screen.add_fault(&kind.name.parse().expect("never fails"), "scan"), Ok(()), "{}", kind.name);
        }
        assert!(!format!("{screen:?} {:?}", barcode("x", "30000", 8)).contains("3132"), "no key in a log");
    }
}
