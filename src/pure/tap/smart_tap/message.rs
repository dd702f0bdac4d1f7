//! What the terminal says: the requests' nested NDEF messages, the bytes that it signs, and the context of the session
//! keys (google-smart-tap.md sections 6 to 8).

use crate::pure::apdu::Header;
use crate::pure::tap::ndef::Message;

/// NEGOTIATE SECURE SESSION (google-smart-tap.md section 2).
const NEGOTIATE: Header = Header { cla: 0x90, ins: 0x53, p1: 0x00, p2: 0x00 };

/// GET DATA (google-smart-tap.md section 2).
const GET_DATA: Header = Header { cla: 0x90, ins: 0x50, p1: 0x00, p2: 0x00 };

/// Version 2.1, in front of `ngr` and `srq`.
const VERSION: [u8; 2] = [0x00, 0x01];

/// Session status: all well (google-smart-tap.md section 6).
pub(super) const SESSION_OK: u8 = 0x01;

/// The format byte of binary primitives (google-smart-tap.md section 3).
const BINARY: u8 = 0x04;

/// Live authentication: the signature covers the phone's nonce of this tap.
const LIVE: u8 = 0x01;

/// The passes that we ask for: loyalty and generic (google-smart-tap.md section 7).
pub(super) const SERVICE_TYPES: &[u8] = &[0x03, 0x12];

/// Terminal capabilities `pcr`: standalone, zlib accepted; pass only (google-smart-tap.md section 7).
pub(super) const CAPABILITIES: [u8; 5] = [0x41, 0x00, 0x00, 0x00, 0x01];

/// Who asks, and with which key.
#[derive(Clone, Copy)]
pub(super) struct Identity {
    /// The collector id.
    pub(super) collector: u32,
    /// The version under which Google holds the key.
    pub(super) version: u32,
}

/// The payload of `ses`: session id, sequence number, status.
pub(super) fn session(id: &[u8; 8], sequence: u8) -> [u8; 10] {
    let mut payload = [0; 10];
    payload[..8].copy_from_slice(id);
    payload[8] = sequence;
    payload[9] = SESSION_OK;
    payload
}

/// What the shop's key signs: 101 bytes and nothing else (google-smart-tap.md section 6).
pub(super) fn signed_bytes(
    nonce: &[u8; 32],
    handset_nonce: &[u8; 32],
    collector: u32,
    terminal_key: &[u8; 33],
) -> Vec<u8> {
    [&nonce[..], handset_nonce, &collector.to_be_bytes(), terminal_key].concat()
}

/// The context of the session keys: what was signed, then the signature (google-smart-tap.md section 8).
pub(super) fn key_info(
    nonce: &[u8; 32],
    handset_nonce: &[u8; 32],
    collector: u32,
    terminal_key: &[u8; 33],
    signature: &[u8],
) -> Vec<u8> {
    [&signed_bytes(nonce, handset_nonce, collector, terminal_key), signature].concat()
}

/// The command NEGOTIATE SECURE SESSION; `None` for a signature that is longer than a signature can be.
pub(super) fn negotiate(
    session: &[u8; 10],
    nonce: &[u8; 32],
    terminal_key: &[u8; 33],
    identity: Identity,
    signature: &[u8],
) -> Option<Vec<u8>> {
    let proof = Message::new()
        .external(b"sig", &[&[BINARY], signature].concat())
        .external(b"cld", &primitive(&identity.collector.to_be_bytes()))
        .into_bytes();
    let cpr = [&nonce[..], &[LIVE], terminal_key, &identity.version.to_be_bytes(), &proof].concat();
    request(NEGOTIATE, b"ngr", Message::new().external(b"ses", session).external(b"cpr", &cpr))
}

/// The command GET DATA; `None` for more service types than a short command carries.
pub(super) fn get_data(
    session: &[u8; 10],
    collector: u32,
    service_types: &[u8],
    capabilities: [u8; 5],
) -> Option<Vec<u8>> {
    let merchant = Message::new().external(b"cld", &primitive(&collector.to_be_bytes())).into_bytes();
    let types = service_types.iter().fold(Message::new(), |list, kind| list.external(b"str", &[*kind])).into_bytes();
    let message = Message::new()
        .external(b"ses", session)
        .external(b"mer", &merchant)
        .external(b"slr", &types)
        .external(b"pcr", &capabilities);
    request(GET_DATA, b"srq", message)
}

fn primitive(value: &[u8; 4]) -> Vec<u8> {
    [&[BINARY], &value[..]].concat()
}

fn request(header: Header, name: &[u8], content: Message) -> Option<Vec<u8>> {
    let payload = [&VERSION[..], &content.into_bytes()].concat();
    header.with_slice(&Message::new().external(name, &payload).into_bytes())
}
