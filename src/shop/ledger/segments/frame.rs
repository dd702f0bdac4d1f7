//! A segment file as bytes: frames one after the other, each a length, a CRC-32C and a payload; zeros follow the last
//! (SYNC.md C.2). A frame that was cut off by a power cut is the end; one that is wrong with more behind it is damage.

use crate::pure::wire::checksum::crc32c;

/// Bytes that a file has from the beginning, so that writing does not move its end.
pub const FILE_BYTES: u64 = 4 << 20;

/// Length and CRC-32C, little-endian, before each payload.
pub const HEAD_BYTES: usize = 8;

/// The first byte of every payload: a CBOR map of at most 23 fields (`0xA0 | fields`).
const MAP_HEAD: u8 = 0xA0;

/// A payload with its head.
pub fn framed(payload: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(HEAD_BYTES + payload.len());
    out.extend_from_slice(&(payload.len() as u32).to_le_bytes());
    out.extend_from_slice(&crc32c(payload).to_le_bytes());
    out.extend_from_slice(payload);
    out
}

/// One thing found in a file.
#[derive(Debug, PartialEq, Eq)]
pub enum Found<'b> {
    /// A whole frame.
    Payload(&'b [u8]),
    /// Bytes that are no frame, with whole frames behind them.
    Damage {
        /// Where they begin, bytes from the start of the file.
        at: usize,
    },
    /// Bytes that are no frame, and nothing behind them: the last record was cut off while it was written.
    Torn {
        /// Where they begin.
        at: usize,
    },
}

/// The frames of a file.
pub struct Frames<'b> {
    bytes: &'b [u8],
    at: usize,
}

impl<'b> Frames<'b> {
    /// Of the whole file.
    pub fn of(bytes: &'b [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// Where the next frame begins, or where the last one ended.
    pub fn at(&self) -> usize {
        self.at
    }
}

impl<'b> Iterator for Frames<'b> {
    type Item = Found<'b>;

    fn next(&mut self) -> Option<Found<'b>> {
        let begin = self.at;
        let rest = &self.bytes[begin..];
        if let Some(payload) = whole(rest) {
            self.at += HEAD_BYTES + payload.len();
            return Some(Found::Payload(payload));
        }
        if rest.iter().all(|byte| *byte == 0) {
            return None;
        }
        // The next whole frame, if there is one; a false one is as likely as a CRC that fits by chance.
        let next = (1..rest.len()).find(|ahead| whole(&rest[*ahead..]).is_some());
        self.at = next.map_or(self.bytes.len(), |ahead| begin + ahead);
        Some(if next.is_some() { Found::Damage { at: begin } } else { Found::Torn { at: begin } })
    }
}

/// The payload of the frame with which `bytes` begin, if it is whole.
fn whole(bytes: &[u8]) -> Option<&[u8]> {
    let (head, rest) = bytes.split_first_chunk::<HEAD_BYTES>()?;
    let length = u32::from_le_bytes([head[0], head[1], head[2], head[3]]) as usize;
    let crc = u32::from_le_bytes([head[4], head[5], head[6], head[7]]);
    let payload = rest.get(..length)?;
    let is_map = payload.first().is_some_and(|first| first & 0xE0 == MAP_HEAD);
    (is_map && crc32c(payload) == crc).then_some(payload)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_torn_end_is_the_end_and_a_damaged_middle_is_told() {
        let payloads: Vec<Vec<u8>> = (1..4).map(|size| [vec![MAP_HEAD | 1], vec![7; size * 10]].concat()).collect();
        let mut file: Vec<u8> = payloads.iter().flat_map(|payload| framed(payload)).collect();
        let end = file.len();
        file.resize(end + 100, 0);
        let read = |bytes: &[u8]| Frames::of(bytes).map(|found| format!("{found:?}")).collect::<Vec<_>>();
        let whole: Vec<String> = payloads.iter().map(|payload| format!("{:?}", Found::Payload(payload))).collect();
        assert_eq!(read(&file), whole);
        let second = HEAD_BYTES + payloads[0].len();
        let third = second + HEAD_BYTES + payloads[1].len();
        // Cut off anywhere in the last one, with nothing or with zeros behind it.
        for cut in third + 1..end {
            let mut torn = file[..cut].to_vec();
            let expected = [whole[0].clone(), whole[1].clone(), format!("Torn {{ at: {third} }}")];
            assert_eq!(read(&torn), expected, "cut at {cut}");
            torn.resize(file.len(), 0);
            assert_eq!(read(&torn), expected, "cut at {cut}, zeros behind");
        }
        for at in second..third {
            let mut damaged = file.clone();
            damaged[at] ^= 0x10;
            let expected = [whole[0].clone(), format!("Damage {{ at: {second} }}"), whole[2].clone()];
            assert_eq!(read(&damaged), expected, "changed at {at}");
        }
    }
}
