//! Crockford Base32: the alphabet of serials, pairing codes and LC1 texts.
//!
//! Source: Douglas Crockford, "Base 32" (alphabet without I, L, O, U; reading maps O to 0, I and L to 1).

/// The 32 digits, in order of value.
pub const ALPHABET: &[u8; 32] = b"0123456789ABCDEFGHJKMNPQRSTVWXYZ";

/// The value (0 to 31) of one digit, read without regard to case, O as 0, I and L as 1; `None` for any other byte.
pub fn digit_value(byte: u8) -> Option<u8> {
    let upper = match byte.to_ascii_uppercase() {
        b'O' => b'0',
        b'I' | b'L' => b'1',
        other => other,
    };
    ALPHABET.iter().position(|digit| *digit == upper).map(|value| value as u8)
}

/// Writes `bytes` leading bits first, the last digit padded with zero bits on the right.
pub fn encode(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len().div_ceil(5) * 8);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for byte in bytes {
        buffer = (buffer << 8) | u32::from(*byte);
        bits += 8;
        while bits >= 5 {
            bits -= 5;
            text.push(char::from(ALPHABET[(buffer >> bits) as usize & 31]));
        }
        buffer &= (1 << bits) - 1;
    }
    if bits > 0 {
        text.push(char::from(ALPHABET[(buffer << (5 - bits)) as usize & 31]));
    }
    text
}

/// Reads what [`encode`] wrote: `byte_count` bytes from exactly the digits they need. `None` when the length is another,
/// a digit is foreign, or the padding bits are not zero (two texts must never mean the same bytes).
pub fn decode(text: &[u8], byte_count: usize) -> Option<Vec<u8>> {
    if text.len() != (byte_count * 8).div_ceil(5) {
        return None;
    }
    let mut bytes = Vec::with_capacity(byte_count);
    let (mut buffer, mut bits) = (0u32, 0u32);
    for digit in text {
        buffer = (buffer << 5) | u32::from(digit_value(*digit)?);
        bits += 5;
        if bits >= 8 {
            bits -= 8;
            bytes.push((buffer >> bits) as u8);
            buffer &= (1 << bits) - 1;
        }
    }
    (buffer == 0 && bytes.len() == byte_count).then_some(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_back_what_it_wrote_for_every_length() {
        for length in 0..40usize {
            let bytes: Vec<u8> = (0..length).map(|index| (index * 37 + 11) as u8).collect();
            let text = encode(&bytes);
            assert_eq!(decode(text.as_bytes(), length), Some(bytes.clone()), "{text}");
            assert_eq!(decode(text.to_lowercase().as_bytes(), length), Some(bytes));
        }
    }

    #[test]
    fn refuses_padding_that_is_not_zero_and_foreign_digits() {
        assert_eq!(encode(&[0]), "00");
        assert_eq!(decode(b"01", 1), None, "the last two bits are padding");
        assert_eq!(decode(b"0U", 1), None);
        assert_eq!(decode(b"000", 1), None);
        assert_eq!(decode(b"Oo", 1), Some(vec![0]));
    }
}
