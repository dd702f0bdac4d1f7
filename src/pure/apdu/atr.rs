//! What an ATR tells of a contactless chip (PC/SC part 3, readers-and-scanners.md section 1.7): a storage card, or an
//! ISO-DEP chip that speaks APDUs. No ATR identifies a phone; it decides only which path is tried.

/// The registered id of the PC/SC workgroup: in the historical bytes of every storage card.
const PCSC_WORKGROUP: [u8; 5] = [0xA0, 0x00, 0x00, 0x03, 0x06];

/// What kind of chip an ATR belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ChipKind {
    /// No ATR: reported for an instant while a chip comes up; look again rather than connect.
    None,
    /// A memory chip that the reader itself talks to. Read by the reader's pseudo-APDUs (class FF).
    Storage(StorageCard),
    /// Anything else: takes APDUs. Wallets first, then tags.
    IsoDep,
}

/// The memory chips that the workgroup's list names and that matter to a shop.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StorageCard {
    /// 0001, 0002, 0026: MIFARE Classic 1K, 4K, Mini. Its cipher is broken: a bare UID.
    Classic,
    /// 0003, 003A: MIFARE Ultralight and all NTAG21x.
    Type2,
    /// 003B, F011, F012: FeliCa.
    Felica,
    /// 0014: ICODE (ISO/IEC 15693).
    Icode,
    /// Another number of the list, or a private code of the reader's maker.
    Other(u16),
}

/// Classifies an ATR by the workgroup's id and card number alone: readers differ in the standard byte and in TCK.
pub fn classify(atr: &[u8]) -> ChipKind {
    if atr.is_empty() {
        return ChipKind::None;
    }
    let Some(at) = atr.windows(PCSC_WORKGROUP.len()).position(|window| window == PCSC_WORKGROUP) else {
        return ChipKind::IsoDep;
    };
    // Behind the id: one byte for the standard, two for the card.
    match atr.get(at + PCSC_WORKGROUP.len()..).and_then(|rest| rest.first_chunk::<3>()) {
        Some([_, high, low]) => ChipKind::Storage(storage_card(u16::from_be_bytes([*high, *low]))),
        None => ChipKind::Storage(StorageCard::Other(0)),
    }
}

fn storage_card(number: u16) -> StorageCard {
    match number {
        0x0001 | 0x0002 | 0x0026 => StorageCard::Classic,
        0x0003 | 0x003A => StorageCard::Type2,
        0x003B | 0xF011 | 0xF012 => StorageCard::Felica,
        0x0014 => StorageCard::Icode,
        other => StorageCard::Other(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bytes(hex: &str) -> Vec<u8> {
        (0..hex.len() / 2).map(|index| u8::from_str_radix(&hex[2 * index..2 * index + 2], 16).unwrap()).collect()
    }

    #[test]
    fn tells_storage_cards_from_chips_that_take_apdus() {
        let cases = [
            ("", ChipKind::None),
            ("3B8F8001804F0CA000000306030001000000006A", ChipKind::Storage(StorageCard::Classic)),
            ("3B8F8001804F0CA0000003060300030000000068", ChipKind::Storage(StorageCard::Type2)),
            ("3B8F8001804F0CA00000030611003B0000000042", ChipKind::Storage(StorageCard::Felica)),
            ("3B8F8001804F0CA0000003060B00140000000077", ChipKind::Storage(StorageCard::Icode)),
            ("3B8F8001804F0CA000000306FFFF2000000000AA", ChipKind::Storage(StorageCard::Other(0xFF20))),
            ("3B8F8001804F0CA00000030603", ChipKind::Storage(StorageCard::Other(0))),
            ("3B80800101", ChipKind::IsoDep),
            ("3B8180018080", ChipKind::IsoDep),
            ("3B8880010000000080817100F9", ChipKind::IsoDep),
            ("00", ChipKind::IsoDep),
        ];
        for (atr, kind) in cases {
            assert_eq!(classify(&bytes(atr)), kind, "{atr}");
        }
    }

    #[test]
    fn every_cut_and_every_changed_byte_is_classified_without_panic() {
        let atr = bytes("3B8F8001804F0CA000000306030001000000006A");
        for length in 0..atr.len() {
            classify(&atr[..length]);
        }
        for index in 0..atr.len() {
            for value in 0..=255 {
                let mut changed = atr.clone();
                changed[index] = value;
                classify(&changed);
            }
        }
    }
}
