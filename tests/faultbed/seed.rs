//! Chance that a seed decides.

/// `SplitMix64`: small, and good enough to draw faults with.
#[derive(Clone, Debug)]
pub struct Chance(u64);

// === impl Chance ===

impl Chance {
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    fn draw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        mix(self.0)
    }

    /// A number from `low` up to `high`, both included.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.draw() % (high - low + 1)
    }

    /// True so many times in a thousand.
    pub fn per_mille(&mut self, share: u64) -> bool {
        self.draw() % 1000 < share
    }

    pub fn pick<'a, T>(&mut self, among: &'a [T]) -> &'a T {
        &among[usize::try_from(self.draw() % among.len() as u64).expect("an index")]
    }

    /// Any number.
    pub fn seed(&mut self) -> u64 {
        self.draw()
    }

    /// The source of one thing, by its name and a number: whatever else is drawn, or is not, leaves it
    /// as it is.
    #[must_use]
    pub fn of(&self, what: &str, number: u64) -> Self {
        let fold = |hash: u64, byte: u8| mix(hash ^ u64::from(byte));
        Self(mix(what.bytes().fold(self.0, fold) ^ number))
    }
}

/// A number that looks nothing like the one that it is made of.
fn mix(number: u64) -> u64 {
    let mixed = (number ^ (number >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    mixed ^ (mixed >> 31)
}
