//! A scanner that stands on the counter reads what lies before it again and again: the same code is one presentation until
//! it was out of sight for two seconds (readers-and-scanners.md section 4, physical debounce).

/// For how long a code must have been out of sight, nanoseconds.
pub const AWAY_NS_MIN: i64 = 2_000_000_000;

/// The most codes that can lie before a scanner at once.
const CODES_MAX: usize = 8;

/// The codes in sight of one scanner.
#[derive(Debug, Default)]
pub struct Steady {
    /// Each with the time when it was last seen.
    seen: Vec<(Vec<u8>, i64)>,
}

impl Steady {
    /// Whether this code is shown anew at `now_ns`; it is in sight from then on.
    pub fn is_new(&mut self, code: &[u8], now_ns: i64) -> bool {
        self.seen.retain(|(_, seen_ns)| now_ns - seen_ns < AWAY_NS_MIN);
        if let Some((_, seen_ns)) = self.seen.iter_mut().find(|(known, _)| known == code) {
            *seen_ns = now_ns;
            return false;
        }
        if self.seen.len() >= CODES_MAX {
            self.seen.remove(0);
        }
        self.seen.push((code.to_vec(), now_ns));
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_code_counts_again_once_it_was_away() {
        let mut steady = Steady::default();
        let ms = |ms: i64| ms * 1_000_000;
        let sights = [
            (0, "a", true),
            (0, "a", false),
            (1_900, "a", false),
            (3_800, "a", false),
            (3_900, "b", true),
            (5_700, "b", false),
            (5_799, "a", false),
            (7_799, "a", true),
            (7_799, "b", true),
        ];
        for (at_ms, code, expected) in sights {
            assert_eq!(steady.is_new(code.as_bytes(), ms(at_ms)), expected, "{code} at {at_ms}");
        }
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut steady = Steady::default();
        for number in 0..100_u8 {
            assert!(steady.is_new(&[number], 0));
            assert!(steady.seen.len() <= CODES_MAX);
        }
        assert!(!steady.is_new(&[99], 0));
        assert!(steady.is_new(&[0], 0), "the oldest was forgotten");
    }
}
