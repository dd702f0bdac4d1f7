//! A small zlib writer (RFC 1950, RFC 1951) for the handset that compresses its bundle: one block of fixed codes, matches
//! found by plain search. It need not be good, only valid and smaller than its input where that repeats itself.

/// Longest match of RFC 1951.
const MATCH_MAX: usize = 258;
/// How far back a match may begin.
const WINDOW: usize = 32_768;

/// First length and extra bits of each length code from 257 on (RFC 1951 section 3.2.5).
#[rustfmt::skip]
const LENGTHS: [(u16, u8); 29] = [
    (3, 0), (4, 0), (5, 0), (6, 0), (7, 0), (8, 0), (9, 0), (10, 0), (11, 1), (13, 1), (15, 1), (17, 1), (19, 2), (23, 2),
    (27, 2), (31, 2), (35, 3), (43, 3), (51, 3), (59, 3), (67, 4), (83, 4), (99, 4), (115, 4), (131, 5), (163, 5), (195, 5),
    (227, 5), (258, 0),
];
/// First distance and extra bits of each distance code.
#[rustfmt::skip]
const DISTANCES: [(u16, u8); 30] = [
    (1, 0), (2, 0), (3, 0), (4, 0), (5, 1), (7, 1), (9, 2), (13, 2), (17, 3), (25, 3), (33, 4), (49, 4), (65, 5), (97, 5),
    (129, 6), (193, 6), (257, 7), (385, 7), (513, 8), (769, 8), (1025, 9), (1537, 9), (2049, 10), (3073, 10), (4097, 11),
    (6145, 11), (8193, 12), (12289, 12), (16385, 13), (24577, 13),
];

/// `bytes` as a zlib stream.
pub fn zlib(bytes: &[u8]) -> Vec<u8> {
    let mut out = Bits { bytes: vec![0x78, 0x9C], pending: 0, count: 0 };
    out.put(0b011, 3);
    let mut at = 0;
    while at < bytes.len() {
        match longest_match(bytes, at) {
            Some((length, distance)) => {
                let (code, extra, bits) = code_of(&LENGTHS, length);
                out.put_literal(257 + code);
                out.put(extra, bits);
                let (code, extra, bits) = code_of(&DISTANCES, distance);
                out.put_reversed(code, 5);
                out.put(extra, bits);
                at += length;
            }
            None => {
                out.put_literal(u32::from(bytes[at]));
                at += 1;
            }
        }
    }
    out.put_literal(256);
    let mut stream = out.finish();
    stream.extend(adler32(bytes).to_be_bytes());
    stream
}

/// The longest earlier copy of what begins at `at`, at least three bytes: its length and distance. Long runs are found
/// first at distance 1, which keeps the search short on what a zlib bomb is made of.
fn longest_match(bytes: &[u8], at: usize) -> Option<(usize, usize)> {
    let mut best: Option<(usize, usize)> = None;
    for distance in 1..=at.min(WINDOW) {
        let length =
            (at..bytes.len().min(at + MATCH_MAX)).take_while(|&index| bytes[index] == bytes[index - distance]).count();
        if length >= 3 && best.is_none_or(|(found, _)| length > found) {
            best = Some((length, distance));
        }
        if length == MATCH_MAX {
            break;
        }
    }
    best
}

/// The code for `value`, its extra bits and how many they are.
fn code_of(table: &[(u16, u8)], value: usize) -> (u32, u32, u8) {
    let code = table.partition_point(|(first, _)| usize::from(*first) <= value) - 1;
    let (first, bits) = table[code];
    (code as u32, (value - usize::from(first)) as u32, bits)
}

fn adler32(bytes: &[u8]) -> u32 {
    let (a, b) = bytes.iter().fold((1u32, 0u32), |(a, b), byte| {
        let a = (a + u32::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    b << 16 | a
}

struct Bits {
    bytes: Vec<u8>,
    pending: u64,
    count: u32,
}

impl Bits {
    /// Puts the low `bits` of `value`, lowest first.
    fn put(&mut self, value: u32, bits: u8) {
        self.pending |= u64::from(value) << self.count;
        self.count += u32::from(bits);
        while self.count >= 8 {
            self.bytes.push(self.pending as u8);
            self.pending >>= 8;
            self.count -= 8;
        }
    }

    /// Puts a Huffman code: highest bit first.
    fn put_reversed(&mut self, code: u32, bits: u8) {
        self.put(code.reverse_bits() >> (32 - u32::from(bits)), bits);
    }

    /// Puts a literal or length symbol in the fixed code (RFC 1951 section 3.2.6).
    fn put_literal(&mut self, symbol: u32) {
        match symbol {
            0..=143 => self.put_reversed(0x30 + symbol, 8),
            144..=255 => self.put_reversed(0x190 + symbol - 144, 9),
            256..=279 => self.put_reversed(symbol - 256, 7),
            _ => self.put_reversed(0xC0 + symbol - 280, 8),
        }
    }

    fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.bytes.push(self.pending as u8);
        }
        self.bytes
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// Reads one block of fixed codes, which is all that [`zlib`] writes.
    pub(crate) fn inflate(stream: &[u8]) -> Vec<u8> {
        let body = &stream[2..stream.len() - 4];
        let mut at = 3;
        let mut bit = || {
            let value = u32::from(body[at / 8] >> (at % 8) & 1);
            at += 1;
            value
        };
        let mut out: Vec<u8> = Vec::new();
        loop {
            let mut code = (0..7).fold(0, |code, _| code << 1 | bit());
            let symbol = if code <= 0x17 {
                256 + code
            } else {
                code = code << 1 | bit();
                match code {
                    0x30..=0xBF => code - 0x30,
                    0xC0..=0xC7 => 280 + code - 0xC0,
                    _ => 144 + (code << 1 | bit()) - 0x190,
                }
            };
            match symbol {
                0..=255 => out.push(symbol as u8),
                256 => break,
                _ => {
                    let (first, bits) = LENGTHS[symbol as usize - 257];
                    let length = usize::from(first) + (0..bits).fold(0, |sum, index| sum | (bit() as usize) << index);
                    let (first, bits) = DISTANCES[(0..5).fold(0, |code, _| code << 1 | bit()) as usize];
                    let distance = usize::from(first) + (0..bits).fold(0, |sum, index| sum | (bit() as usize) << index);
                    (0..length).for_each(|_| out.push(out[out.len() - distance]));
                }
            }
        }
        assert_eq!(stream[stream.len() - 4..], adler32(&out).to_be_bytes());
        out
    }

    #[test]
    fn what_is_written_reads_back() {
        let mut noise = Vec::new();
        let mut seed = 1u32;
        for _ in 0..3_000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            noise.push((seed >> 24) as u8);
        }
        let copies = [&noise[..], &noise[..], &noise[500..777], b"abc", &noise[..]].concat();
        for bytes in
            [&[][..], b"a", b"aaaaaaaaaaaaaaaa", &[0; 10_000], &noise, &copies, &(0..=255).collect::<Vec<u8>>()]
        {
            assert_eq!(inflate(&zlib(bytes)), bytes, "{} bytes", bytes.len());
        }
        assert!(zlib(&[0; 10_000]).len() < 100);
    }

    #[test]
    fn zlib_itself_reads_the_same() {
        // Read back with zlib 1.2.13 when it was written.
        let stream = super::super::bytes::hex(&zlib(b"abcabcabcabc, \xE9\xFF abcabc"));
        assert_eq!(stream, "789c4b4c4a86231d8597ff15204c006ca60939");
    }
}
