//! What the phone answers, checked against what was asked (google-smart-tap.md sections 4 to 7).

use super::message::SESSION_OK;
use crate::pure::apdu::{aid, tlv};
use crate::pure::tap::{ndef, p256};

/// Version 2.1, between a phone's least and greatest.
const VERSION: u16 = 1;

/// DF62: SELECT SMART TAP 2 may be skipped.
const MAY_SKIP_SELECT: u8 = 0x01;

/// The answer to SELECT OSE (google-smart-tap.md section 4).
#[derive(Debug, PartialEq, Eq)]
pub(super) enum OseAnswer {
    /// Another wallet, or a chip that says 9000 to every SELECT.
    OtherWallet,
    /// Google's wallet without a Smart Tap that we speak.
    Unsupported(&'static str),
    /// Smart Tap, and the session may begin at once.
    Ready { handset_nonce: [u8; 32] },
    /// Smart Tap, which wants its own SELECT first.
    Select,
    /// No TLV, or cut off.
    Malformed(&'static str),
}

const CUT: &str = "the answer to SELECT is cut off or no TLV";

impl OseAnswer {
    pub(super) fn parse(data: &[u8]) -> Self {
        if data.first() != Some(&0x6F) {
            return OseAnswer::OtherWallet;
        }
        Self::parse_template(data).unwrap_or(OseAnswer::Malformed(CUT))
    }

    fn parse_template(data: &[u8]) -> Result<Self, tlv::TlvError> {
        let Some(template) = tlv::find(data, 0x6F)? else { return Ok(OseAnswer::OtherWallet) };
        let label = tlv::find(template, 0x50)?;
        if label.is_some_and(|label| label != b"AndroidPay") {
            return Ok(OseAnswer::OtherWallet);
        }
        let Some(entry) = smart_tap_entry(template)? else {
            // Without a label it may be anything that has a template; with Google's it is a wallet without Smart Tap.
            let unsupported = OseAnswer::Unsupported("Google's wallet names no Smart Tap 2 application");
            return Ok(if label.is_some() { unsupported } else { OseAnswer::OtherWallet });
        };
        let details = tlv::find(entry, 0x73)?.unwrap_or_default();
        let (least, most) = (version(details, 0xDF6D)?, version(details, 0xDF4D)?);
        if least.is_some_and(|least| least > VERSION) || most.is_some_and(|most| most < VERSION) {
            return Ok(OseAnswer::Unsupported("the phone speaks other versions of Smart Tap than 2.1"));
        }
        let nonce = match tlv::find(details, 0xDF6E)? {
            Some(nonce) => Some(nonce),
            None => tlv::find(template, 0xC2)?,
        };
        let nonce: Option<[u8; 32]> = nonce.and_then(|nonce| nonce.try_into().ok());
        let may_skip =
            tlv::find(details, 0xDF62)?.and_then(|bits| bits.last()).is_some_and(|b| b & MAY_SKIP_SELECT != 0);
        // A phone that leaves its versions out tells them in the answer to its own SELECT.
        Ok(match nonce {
            Some(handset_nonce) if may_skip && least.is_some() && most.is_some() => OseAnswer::Ready { handset_nonce },
            _ => OseAnswer::Select,
        })
    }
}

/// The directory entry 61 of Smart Tap 2, within A5 and BF0C.
fn smart_tap_entry(template: &[u8]) -> Result<Option<&[u8]>, tlv::TlvError> {
    let Some(proprietary) = tlv::find(template, 0xA5)? else { return Ok(None) };
    let Some(directory) = tlv::find(proprietary, 0xBF0C)? else { return Ok(None) };
    for object in tlv::TlvReader::new(directory) {
        let object = object?;
        if object.tlv_tag == 0x61 && tlv::find(object.value, 0x4F)? == Some(&aid::SMART_TAP_2) {
            return Ok(Some(object.value));
        }
    }
    Ok(None)
}

fn version(details: &[u8], tlv_tag: u16) -> Result<Option<u16>, tlv::TlvError> {
    let bytes = tlv::find(details, tlv_tag)?.and_then(|value| value.try_into().ok());
    Ok(bytes.map(u16::from_be_bytes))
}

/// The answer to SELECT SMART TAP 2: versions, then the nonce in `mdn`, which replaces the one of SELECT OSE
/// (google-smart-tap.md section 5).
pub(super) fn smart_tap_selected(data: &[u8]) -> Result<[u8; 32], &'static str> {
    const NO_NONCE: &str = "the answer to SELECT SMART TAP 2 holds no nonce of 32 bytes";
    let (versions, message) = data.split_first_chunk::<4>().ok_or(NO_NONCE)?;
    let [least_high, least_low, most_high, most_low] = *versions;
    let least = u16::from_be_bytes([least_high, least_low]);
    let most = u16::from_be_bytes([most_high, most_low]);
    if !(least..=most).contains(&VERSION) {
        return Err("the phone speaks other versions of Smart Tap than 2.1");
    }
    let records = ndef::parse(message).map_err(|_| NO_NONCE)?;
    let payload = ndef::named(&records, b"mdn").ok_or(NO_NONCE)?.payload;
    // A primitive: a format byte (binary) and the nonce.
    match payload {
        [0x04, nonce @ ..] => nonce.try_into().map_err(|_| NO_NONCE),
        _ => Err(NO_NONCE),
    }
}

/// What the session record of an answer has to say.
#[derive(Clone, Copy, Debug)]
pub(super) struct Session {
    /// The id that we chose.
    pub(super) id: [u8; 8],
    /// The number behind that of our request.
    pub(super) sequence: u8,
}

/// The answer to NEGOTIATE SECURE SESSION: the phone's ephemeral key (google-smart-tap.md section 6).
pub(super) fn negotiated(data: &[u8], session: Session) -> Result<[u8; 33], &'static str> {
    let payload = outer(data, b"nrs")?;
    let records = ndef::parse(payload).map_err(|_| NO_MESSAGE)?;
    check_session(&records, session)?;
    let key = ndef::named(&records, b"dpk").ok_or("the answer to NEGOTIATE holds no key")?.payload;
    let key: [u8; 33] = key.try_into().map_err(|_| "the phone's key has not 33 bytes")?;
    if p256::is_point(&key) { Ok(key) } else { Err("the phone's key is no point of the curve") }
}

/// The answer to GET DATA, all pieces together: the record bundle (google-smart-tap.md sections 7 and 8).
pub(super) fn bundle(data: &[u8], session: Session) -> Result<&[u8], &'static str> {
    let payload = outer(data, b"srs")?;
    let records = ndef::parse(payload).map_err(|_| NO_MESSAGE)?;
    check_session(&records, session)?;
    Ok(ndef::named(&records, b"reb").ok_or("the answer to GET DATA holds no record bundle")?.payload)
}

const NO_MESSAGE: &str = "an answer that is no NDEF message";

fn outer<'a>(data: &'a [u8], name: &[u8]) -> Result<&'a [u8], &'static str> {
    let records = ndef::parse(data).map_err(|_| NO_MESSAGE)?;
    ndef::named(&records, name).map(|record| record.payload).ok_or("an answer without the record that was asked for")
}

fn check_session(records: &[ndef::Record<'_>], session: Session) -> Result<(), &'static str> {
    let payload = ndef::named(records, b"ses").ok_or("an answer without its session")?.payload;
    let [id @ .., sequence, status] = payload else { return Err("a session record that is too short") };
    if id != session.id {
        return Err("the answer belongs to another session");
    }
    if *status != SESSION_OK {
        return Err("the phone says that the session is not in order");
    }
    if *sequence != session.sequence {
        return Err("the answer is out of sequence");
    }
    Ok(())
}
