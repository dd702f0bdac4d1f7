//! Every rounding of the engine, each a function with its direction in its name. Products are taken in 128 bits; results
//! beyond [`UNITS_MAX`] are held there, so that no input overflows.

use crate::pure::domain::entry::Rounding;

/// The greatest amount that one posting may name, in minor units (ten billion of a currency with two decimals).
pub const AMOUNT_MAX_MINOR: i64 = 1_000_000_000_000;

/// The greatest number of units that one posting may move. 4,000 such postings still fit the sums of a card.
pub const UNITS_MAX: i64 = 1_000_000_000_000_000;

/// `value × num / den` towards zero; for values and rates that are not negative: a started unit is not given.
pub fn rate_down(value: i64, num: i64, den: i64) -> i64 {
    hold(i128::from(value) * i128::from(num) / i128::from(den.max(1)))
}

/// `value × num / den` to the nearest, halves away from zero.
pub fn rate_half_up(value: i64, num: i64, den: i64) -> i64 {
    let (product, den) = (i128::from(value) * i128::from(num), i128::from(den.max(1)));
    hold(nearest(product, den))
}

/// `value × num / den`, rounded as `rounding` says.
pub fn rate(value: i64, num: i64, den: i64, rounding: Rounding) -> i64 {
    match rounding {
        Rounding::Down => rate_down(value, num, den),
        Rounding::HalfUp => rate_half_up(value, num, den),
    }
}

/// Full steps of `step` in `value`, rounded down also below zero, so that steps are equally long on both sides of it.
pub fn full_steps(value: i64, step: i64) -> i64 {
    value.div_euclid(step.max(1))
}

/// Parts of `size` that are started by `value`: the quotient rounded up. 0 for nothing.
pub fn started_parts(value: i64, size: i64) -> i64 {
    let size = i128::from(size.max(1));
    hold((i128::from(value.max(0)) + size - 1) / size)
}

/// Whole seconds that cover `ms`: rounded up, at least 0.
pub fn seconds_up(ms: i64) -> i64 {
    started_parts(ms, 1000)
}

/// `num / den` to the nearest, halves away from zero; `None` for no denominator.
pub fn mean_half_up(num: i64, den: i64) -> Option<i64> {
    (den > 0).then(|| {
        let mean = nearest(i128::from(num), i128::from(den));
        mean.clamp(i128::from(i64::MIN), i128::from(i64::MAX)) as i64
    })
}

/// The quotient to the nearest, halves away from zero; no product of two i64 overflows it.
fn nearest(value: i128, den: i128) -> i128 {
    let (quotient, rest) = (value.abs() / den, value.abs() % den);
    (quotient + i128::from(rest >= den - rest)) * value.signum()
}

fn hold(value: i128) -> i64 {
    value.clamp(-i128::from(UNITS_MAX), i128::from(UNITS_MAX)) as i64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rounds_in_its_direction() {
        assert_eq!([rate_down(4999, 1, 100), rate_down(3333, 125, 10_000), rate_down(2333, 125, 10_000)], [49, 41, 29]);
        assert_eq!([rate_half_up(1250, 3, 100), rate_half_up(149, 1, 100), rate_half_up(150, 1, 100)], [38, 1, 2]);
        assert_eq!([rate_half_up(-150, 1, 100), rate_half_up(-149, 1, 100)], [-2, -1]);
        assert_eq!([full_steps(2700, 1000), full_steps(-1, 1000), full_steps(-1000, 1000)], [2, -1, -1]);
        assert_eq!(
            [started_parts(0, 500), started_parts(1, 500), started_parts(500, 500), started_parts(501, 500)],
            [0, 1, 1, 2]
        );
        assert_eq!([seconds_up(39_001), seconds_up(40_000), seconds_up(-5)], [40, 40, 0]);
        assert_eq!([mean_half_up(5, 2), mean_half_up(4, 3), mean_half_up(1, 0)], [Some(3), Some(1), None]);
    }

    #[test]
    fn no_input_overflows() {
        let ends = [i64::MIN, i64::MIN + 1, -1, 0, 1, i64::MAX - 1, i64::MAX];
        for a in ends {
            for b in ends {
                for c in ends {
                    let _ = (
                        rate_down(a, b, c),
                        rate_half_up(a, b, c),
                        full_steps(a, c),
                        started_parts(a, c),
                        mean_half_up(a, c),
                    );
                }
            }
        }
    }
}
