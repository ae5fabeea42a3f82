//! A small seeded generator for jitter and simulated noise: the same seed gives the same run everywhere.
//!
//! Not for secrets.

/// SplitMix64 (Steele, Lea and Flood, 2014).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SplitMix64(u64);

impl SplitMix64 {
    /// A generator whose whole future is decided by `seed`.
    pub const fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// A seed out of another one and a name, so that devices differ while a run stays repeatable.
    pub fn seed_for(seed: u64, name: &str) -> u64 {
        name.bytes().fold(seed ^ 0xcbf2_9ce4_8422_2325, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
        })
    }

    /// The next 64 bits.
    pub const fn next_u64(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    /// Evenly spread over `-1.0..1.0`.
    pub fn signed_unit(&mut self) -> f64 {
        // 53 bits fill the mantissa exactly.
        let unit = (self.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
        unit.mul_add(2.0, -1.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_within_its_range_and_repeats() {
        let (mut a, mut b) = (SplitMix64::new(7), SplitMix64::new(7));
        for _ in 0..1000 {
            let x = a.signed_unit();
            assert!((-1.0..1.0).contains(&x), "{x}");
            assert_eq!(x.to_bits(), b.signed_unit().to_bits());
        }
        assert_ne!(SplitMix64::seed_for(1, "a"), SplitMix64::seed_for(1, "b"));
    }
}
