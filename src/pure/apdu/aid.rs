//! Application ids: the names under which a chip's applications are selected.

/// The wallets' common entry: Apple VAS and Google Smart Tap both answer it, and its answer tells which of them is there
/// (apple-vas.md section 4, google-smart-tap.md section 4). The bytes spell `OSE.VAS.01`.
pub const OSE_VAS_01: [u8; 10] = *b"OSE.VAS.01";

/// Google Smart Tap 2 (google-smart-tap.md section 2).
pub const SMART_TAP_2: [u8; 9] = [0xA0, 0x00, 0x00, 0x04, 0x76, 0xD0, 0x00, 0x01, 0x11];

/// The NDEF application of a Type 4 tag (readers-and-scanners.md section 2.2).
pub const NDEF_TYPE_4: [u8; 7] = [0xD2, 0x76, 0x00, 0x00, 0x85, 0x01, 0x01];
