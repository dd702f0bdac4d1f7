//! Chance that can be repeated.

/// xorshift64*: the same seed, the same throws.
pub struct Dice(u64);

impl Dice {
    /// A generator of that seed.
    pub fn new(seed: u64) -> Self {
        Self(seed | 1)
    }

    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_F491_4F6C_DD1D) >> 32) % bound
    }
}

/// The seed of this run, printed: `STAMPD_TEST_SEED` repeats one.
pub fn seed() -> u64 {
    let told = std::env::var("STAMPD_TEST_SEED").ok();
    let seed = told.map_or_else(
        || u64::from(std::process::id()) | 1 << 32,
        |text| text.parse().expect("STAMPD_TEST_SEED is a number"),
    );
    println!("STAMPD_TEST_SEED={seed}");
    seed
}
