//! The checksum beside bytes that no hash chain covers: frames of the segment copy, snapshots of standings.

/// CRC-32C (Castagnoli; RFC 3720 appendix B.4), reflected.
pub fn crc32c(bytes: &[u8]) -> u32 {
    const POLYNOMIAL: u32 = 0x82F6_3B78;
    const TABLE: [u32; 256] = {
        let mut table = [0; 256];
        let mut byte = 0;
        while byte < 256 {
            let mut crc = byte as u32;
            let mut bit = 0;
            while bit < 8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ POLYNOMIAL } else { crc >> 1 };
                bit += 1;
            }
            table[byte] = crc;
            byte += 1;
        }
        table
    };
    !bytes.iter().fold(!0, |crc, byte| crc >> 8 ^ TABLE[((crc ^ u32::from(*byte)) & 0xFF) as usize])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // RFC 3720 appendix B.4, and the usual check value.
        for (bytes, crc) in [
            (vec![0; 32], 0x8A91_36AA),
            (vec![0xFF; 32], 0x62A8_AB43),
            ((0..32).collect(), 0x46DD_794E),
            (b"123456789".to_vec(), 0xE306_9283),
        ] {
            assert_eq!(crc32c(&bytes), crc, "{bytes:?}");
        }
    }
}
