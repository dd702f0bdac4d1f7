//! Codes out of a stream of bytes: where one begins and ends, whatever pieces the line delivers (readers-and-scanners.md
//! sections 3.1 and 3.2).
//!
//! A code ends at its end bytes (by default CR, LF or both) or, where none come, when the line was silent for a while. What
//! is shorter than a code can be is noise; what is longer is told as such and its bytes are thrown away.

use super::{CODE_BYTES_MAX, CODE_BYTES_MIN};

/// How codes are framed on one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FrameRule {
    /// Bytes before a code; what comes before them is noise. Empty where there are none.
    pub start: Vec<u8>,
    /// Bytes after a code; empty ends it at CR, LF or both.
    pub end: Vec<u8>,
    /// A silence of so many nanoseconds ends a code as well.
    pub idle_ns: i64,
}

impl FrameRule {
    /// Silence that ends a code on a serial line, nanoseconds: slow lines and Bluetooth deliver a code in pieces.
    pub const SERIAL_IDLE_NS: i64 = 500_000_000;

    /// Silence that ends a code of a keyboard, nanoseconds: scanners type a key within 1 to 30 ms (section 3.1).
    pub const KEYBOARD_IDLE_NS: i64 = 100_000_000;
}

/// What came to an end.
#[derive(Clone, PartialEq, Eq)]
pub struct Frame {
    /// The bytes between start and end, CR and LF at both sides left out; `None` for one longer than a code can be.
    pub bytes: Option<Vec<u8>>,
    /// When its first byte came, nanoseconds since boot.
    pub begun_ns: i64,
}

impl std::fmt::Debug for Frame {
    /// Never shows the bytes.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Frame {{ {:?} bytes, begun_ns: {} }}", self.bytes.as_ref().map(Vec::len), self.begun_ns)
    }
}

/// Takes bytes, gives frames.
#[derive(Clone, Debug)]
pub struct Framer {
    rule: FrameRule,
    buffer: Vec<u8>,
    /// The start bytes came, or there are none to wait for.
    inside: bool,
    /// The frame is longer than a code can be; the buffer holds its last bytes only.
    overlong: bool,
    begun_ns: i64,
    last_ns: i64,
}

impl Framer {
    /// A line on which nothing came yet.
    pub fn new(rule: FrameRule) -> Self {
        let inside = rule.start.is_empty();
        Self { rule, buffer: Vec::new(), inside, overlong: false, begun_ns: 0, last_ns: 0 }
    }

    /// Bytes that came at `now_ns`: the frames that they end, one that the silence before them ended first.
    pub fn push(&mut self, bytes: &[u8], now_ns: i64) -> Vec<Frame> {
        let mut frames: Vec<Frame> = self.idle(now_ns).into_iter().collect();
        for byte in bytes {
            frames.extend(self.byte(*byte, now_ns));
        }
        self.last_ns = now_ns;
        frames
    }

    /// The frame that the silence up to `now_ns` ended.
    pub fn idle(&mut self, now_ns: i64) -> Option<Frame> {
        if self.idle_at_ns().is_none_or(|at_ns| now_ns < at_ns) {
            return None;
        }
        if self.inside {
            return self.ended();
        }
        self.buffer.clear();
        None
    }

    /// When silence ends what is under way, nanoseconds since boot; `None` where nothing is.
    pub fn idle_at_ns(&self) -> Option<i64> {
        let under_way = !self.buffer.is_empty() || self.overlong || (self.inside && !self.rule.start.is_empty());
        under_way.then(|| self.last_ns.saturating_add(self.rule.idle_ns))
    }

    fn byte(&mut self, byte: u8, now_ns: i64) -> Option<Frame> {
        self.buffer.push(byte);
        let started = !self.rule.start.is_empty() && self.buffer.ends_with(&self.rule.start);
        // A control character as start stands in no code: a second one means that the end of the first was lost.
        if started && (!self.inside || self.rule.start[0] < 0x20) {
            self.buffer.clear();
            (self.inside, self.overlong, self.begun_ns) = (true, false, now_ns);
            return None;
        }
        if !self.inside {
            let keep = self.rule.start.len().saturating_sub(1);
            self.buffer.drain(..self.buffer.len().saturating_sub(keep));
            return None;
        }
        if self.buffer.len() == 1 && !self.overlong && self.rule.start.is_empty() {
            self.begun_ns = now_ns;
        }
        let end = self.rule.end.len().max(1);
        let ends = match self.rule.end.as_slice() {
            [] => matches!(byte, b'\r' | b'\n'),
            end => self.buffer.ends_with(end),
        };
        if ends {
            self.buffer.truncate(self.buffer.len() - end);
            return self.ended();
        }
        if self.buffer.len() > CODE_BYTES_MAX + end {
            self.overlong = true;
        }
        if self.overlong {
            self.buffer.drain(..self.buffer.len().saturating_sub(end));
        }
        None
    }

    fn ended(&mut self) -> Option<Frame> {
        let buffer = std::mem::take(&mut self.buffer);
        let overlong = std::mem::take(&mut self.overlong);
        self.inside = self.rule.start.is_empty();
        let bytes = trimmed(&buffer);
        if overlong || bytes.len() > CODE_BYTES_MAX {
            return Some(Frame { bytes: None, begun_ns: self.begun_ns });
        }
        (bytes.len() >= CODE_BYTES_MIN).then(|| Frame { bytes: Some(bytes.to_vec()), begun_ns: self.begun_ns })
    }
}

fn trimmed(bytes: &[u8]) -> &[u8] {
    let is_line_end = |byte: &u8| matches!(byte, b'\r' | b'\n');
    let first = bytes.iter().position(|byte| !is_line_end(byte)).unwrap_or(bytes.len());
    let last = bytes.iter().rposition(|byte| !is_line_end(byte)).map_or(first, |last| last + 1);
    &bytes[first..last]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const MS: i64 = 1_000_000;

    fn framer(start: &[u8], end: &[u8]) -> Framer {
        Framer::new(FrameRule { start: start.to_vec(), end: end.to_vec(), idle_ns: 500 * MS })
    }

    /// Plays pieces `(ms, bytes)`, then a long silence; the frames as text, `…` for one that is too long.
    fn play(mut framer: Framer, pieces: &[(i64, &[u8])]) -> Vec<String> {
        let mut frames = Vec::new();
        for (at_ms, bytes) in pieces {
            frames.extend(framer.push(bytes, at_ms * MS));
        }
        frames.extend(framer.idle(i64::MAX));
        assert_eq!(framer.idle_at_ns(), None);
        let text = |frame: Frame| {
            frame.bytes.map_or_else(|| "…".to_owned(), |bytes| String::from_utf8_lossy(&bytes).into_owned())
        };
        frames.into_iter().map(text).collect()
    }

    #[test]
    fn codes_end_where_the_line_says() {
        let long = [b"0123456789".repeat(500), b"\rAFTER\r".to_vec()].concat();
        let most = [vec![b'x'; CODE_BYTES_MAX], b"\r".to_vec()].concat();
        let (stx, etx): (&[u8], &[u8]) = (b"\x02", b"\x03");
        type Case<'a> = (&'a [u8], &'a [u8], &'a [(i64, &'a [u8])], &'a [&'a str]);
        let cases: &[Case] = &[
            (b"", b"", &[(0, b"CODE1\r")], &["CODE1"]),
            (b"", b"", &[(0, b"CODE1\n")], &["CODE1"]),
            (b"", b"", &[(0, b"CODE1\r\n")], &["CODE1"]),
            (b"", b"", &[(0, b"CODE1\r"), (1, b"\nCODE2\r\n")], &["CODE1", "CODE2"]),
            (b"", b"", &[(0, b"CODE1\rCODE2\r")], &["CODE1", "CODE2"]),
            (b"", b"", &[(0, b"CO"), (50, b"DE1"), (450, b"\r")], &["CODE1"]),
            // No end comes: the silence is one.
            (b"", b"", &[(0, b"CODE1")], &["CODE1"]),
            (b"", b"", &[(0, b"CODE1"), (600, b"CODE2\r")], &["CODE1", "CODE2"]),
            (b"", b"\r", &[(0, b"CODE1"), (499, b"+\r")], &["CODE1+"]),
            // Noise is no code, nor is nothing.
            (b"", b"", &[(0, b"\r\r\nabc\r\n\r")], &[]),
            (b"", b"", &[(0, b"abc"), (600, b"CODE1\r")], &["CODE1"]),
            (b"", b"\r", &[(0, b"CODE1\r\nCODE2\r\n")], &["CODE1", "CODE2"]),
            (b"", b"\r\n", &[(0, b"CO\rDE1\r\n")], &["CO\rDE1"]),
            (b"", b"\r\n", &[(0, b"CODE1\r"), (1, b"\nCODE2\r\n")], &["CODE1", "CODE2"]),
            (stx, etx, &[(0, b"\x02CODE1\x03\x02CODE2\x03")], &["CODE1", "CODE2"]),
            (stx, etx, &[(0, b"noise\x02CODE1\x03noise")], &["CODE1"]),
            (stx, etx, &[(0, b"\x02CODE1"), (600, b"\x02CODE2\x03")], &["CODE1", "CODE2"]),
            (stx, etx, &[(0, b"\x02COD\x02CODE2\x03")], &["CODE2"]),
            (stx, etx, &[(0, b"\x02"), (600, b"CODE1\x03")], &[]),
            (b"@@", b"##", &[(0, b"@x@@CO@@DE#1##@@CODE2##")], &["CO@@DE#1", "CODE2"]),
            (b"@@", b"", &[(0, b"@@CODE1\r\n")], &["CODE1"]),
            (b"", b"", &[(0, &long)], &["…", "AFTER"]),
            (b"", b"\x03\x03", &[(0, &long), (1, b"\x03\x03CODE1\x03\x03")], &["…", "CODE1"]),
            (stx, etx, &[(0, b"\x02"), (1, &long), (2, b"\x03\x02CODE1\x03")], &["…", "CODE1"]),
            (b"", b"", &[(0, &most[1..])], &[&"x".repeat(CODE_BYTES_MAX - 1)]),
            (b"", b"", &[(0, &most)], &[&"x".repeat(CODE_BYTES_MAX)]),
        ];
        for (start, end, pieces, expected) in cases {
            assert_eq!(&play(framer(start, end), pieces), expected, "{start:?} {end:?} {pieces:?}");
        }
    }

    #[test]
    fn a_frame_knows_when_it_began_and_when_silence_ends_it() {
        let mut framer = framer(b"", b"");
        assert_eq!(framer.idle_at_ns(), None);
        assert_eq!(framer.push(b"CO", 7), []);
        assert_eq!(framer.idle_at_ns(), Some(7 + 500 * MS));
        framer.push(b"DE", 9);
        assert_eq!(framer.idle(8 + 500 * MS), None);
        let frame = framer.idle(9 + 500 * MS).expect("a frame");
        assert_eq!((frame.bytes.as_deref(), frame.begun_ns), (Some(&b"CODE"[..]), 7));
    }

    proptest! {
        #[test]
        fn any_bytes_in_any_pieces_give_the_same_frames(
            bytes in proptest::collection::vec(proptest::sample::select(&b"ab\r\n\x02\x03@#"[..]), 0..120),
            cut in 0_usize..120,
            framing in 0_usize..4,
        ) {
            let (start, end): (&[u8], &[u8]) =
                [(&b""[..], &b""[..]), (b"\x02", b"\x03"), (b"@@", b"#"), (b"", b"\r\n")][framing];
            let cut = cut.min(bytes.len());
            let whole = play(framer(start, end), &[(0, &bytes)]);
            let pieces = play(framer(start, end), &[(0, &bytes[..cut]), (1, &bytes[cut..])]);
            prop_assert_eq!(whole, pieces);
        }
    }
}
