//! The phone's own reading and writing of command APDUs and BER-TLV (ISO 7816-4), apart from the daemon's on purpose.
//! Whatever a reader sends ends in a value, never in a panic.

/// A short command APDU, taken apart (ISO 7816-4 section 5.1, cases 1 to 4; the phones here know no extended lengths).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Command<'a> {
    /// Class byte.
    pub cla: u8,
    /// Instruction byte.
    pub ins: u8,
    /// First parameter.
    pub p1: u8,
    /// Second parameter.
    pub p2: u8,
    /// The data field; empty when there is none.
    pub data: &'a [u8],
    /// The expected length as sent (0 asks for up to 256 bytes); `None` when absent.
    pub le: Option<u8>,
}

impl<'a> Command<'a> {
    /// Takes a command apart; `None` when its lengths do not agree.
    pub fn parse(apdu: &'a [u8]) -> Option<Self> {
        let (head, body) = apdu.split_at_checked(4)?;
        let (data, le) = match body {
            [] => (body, None),
            [le] => (&body[..0], Some(*le)),
            [lc, rest @ ..] => {
                let count = usize::from(*lc);
                let (data, tail) = rest.split_at_checked(count)?;
                match tail {
                    _ if count == 0 => return None,
                    [] => (data, None),
                    [le] => (data, Some(*le)),
                    _ => return None,
                }
            }
        };
        Some(Self { cla: head[0], ins: head[1], p1: head[2], p2: head[3], data, le })
    }
}

/// One BER-TLV element: the value of `tag` with the shortest length form.
pub fn tlv(tag: u16, value: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(value.len() + 5);
    if tag > 0xFF {
        bytes.push((tag >> 8) as u8);
    }
    bytes.push(tag as u8);
    match value.len() {
        length @ 0..=0x7F => bytes.push(length as u8),
        length @ 0x80..=0xFF => bytes.extend([0x81, length as u8]),
        length => bytes.extend([0x82, (length >> 8) as u8, length as u8]),
    }
    bytes.extend_from_slice(value);
    bytes
}

/// The BER-TLV elements of `bytes`, tags of one or two bytes, in order; `None` when a length passes the end.
pub fn tlvs(mut bytes: &[u8]) -> Option<Vec<(u16, &[u8])>> {
    let mut elements = Vec::new();
    while let [first, rest @ ..] = bytes {
        let (tag, rest) = match (*first, rest) {
            (0x00, _) => return None,
            (first, [second, rest @ ..]) if first & 0x1F == 0x1F => {
                if second & 0x80 != 0 {
                    return None;
                }
                (u16::from_be_bytes([first, *second]), rest)
            }
            (first, _) if first & 0x1F == 0x1F => return None,
            (first, rest) => (u16::from(first), rest),
        };
        let (length, rest) = match rest {
            [length @ 0..=0x7F, rest @ ..] => (usize::from(*length), rest),
            [0x81, length, rest @ ..] => (usize::from(*length), rest),
            [0x82, high, low, rest @ ..] => (usize::from(u16::from_be_bytes([*high, *low])), rest),
            _ => return None,
        };
        let (value, rest) = rest.split_at_checked(length)?;
        elements.push((tag, value));
        bytes = rest;
    }
    Some(elements)
}

/// Lower-case hexadecimal.
pub fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Reads hexadecimal of either case, white space skipped; `None` when a digit is foreign or one is missing.
pub fn from_hex(text: &str) -> Option<Vec<u8>> {
    let digits: Vec<u8> = text
        .chars()
        .filter(|letter| !letter.is_whitespace())
        .map(|letter| letter.to_digit(16).map(|digit| digit as u8))
        .collect::<Option<_>>()?;
    digits
        .chunks(2)
        .map(|pair| match pair {
            [high, low] => Some(high << 4 | low),
            _ => None,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_all_four_cases_are_taken_apart() {
        let case = |apdu: &'static [u8]| Command::parse(apdu).map(|command| (command.data, command.le));
        assert_eq!(case(&[0, 1, 2, 3]), Some((&[][..], None)));
        assert_eq!(case(&[0, 1, 2, 3, 0]), Some((&[][..], Some(0))));
        assert_eq!(case(&[0, 1, 2, 3, 1, 9]), Some((&[9][..], None)));
        assert_eq!(case(&[0, 1, 2, 3, 1, 9, 7]), Some((&[9][..], Some(7))));
        for wrong in [&[][..], &[0, 1, 2], &[0, 1, 2, 3, 2, 9], &[0, 1, 2, 3, 1, 9, 7, 7], &[0, 1, 2, 3, 0, 0]] {
            assert_eq!(case(wrong), None, "{wrong:?}");
        }
    }

    #[test]
    fn elements_are_read_as_written() {
        for length in [0usize, 1, 0x7F, 0x80, 0xFF, 0x100, 0x1234] {
            let value = vec![0xA5; length];
            let bytes = [tlv(0x70, &value), tlv(0x9F27, &[1])].concat();
            assert_eq!(tlvs(&bytes), Some(vec![(0x70, &value[..]), (0x9F27, &[1][..])]));
            for cut in 1..bytes.len().min(6) {
                assert_eq!(tlvs(&bytes[..bytes.len() - cut]).map_or(0, |all| all.len()), usize::from(cut == 4));
            }
        }
    }

    #[test]
    fn hex_reads_back() {
        assert_eq!(from_hex("00 fF\n1a"), Some(vec![0, 255, 26]));
        assert_eq!(hex(&[0, 255, 26]), "00ff1a");
        assert_eq!((from_hex("0"), from_hex("0g")), (None, None));
    }
}
