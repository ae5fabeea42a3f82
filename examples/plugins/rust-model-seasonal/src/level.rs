//! What is usual: a middle, and how far values usually are from it. Both are medians, so that outliers do not count.

/// From the median of deviations to the deviation of a normal distribution.
const MAD_TO_DEVIATION: f64 = 1.4826;
/// How much of the spread one point moves what is known.
const STEP: f64 = 0.05;
/// Smallest deviation of values that never change, as a part of their size.
const LEAST_PART: f64 = 1e-6;
/// As how many points the spread that is common to all hours counts, beside those of one hour: two that happen to be the
/// same do not make a third one odd.
const COMMON_POINTS: f64 = 6.0;
/// How a level is written down, in bytes.
pub(crate) const SAVED_BYTES: usize = 20;

/// What is usual at some time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(crate) struct Level {
    /// The median.
    pub(crate) center: f64,
    /// The median distance from it, as a deviation.
    pub(crate) spread: f64,
    /// How many points it is from.
    pub(crate) points: u32,
}

impl Level {
    /// Of some values, which it brings out of order.
    pub(crate) fn of(values: &mut [f64]) -> Self {
        let Some(center) = median(values) else { return Self::default() };
        let points = u32::try_from(values.len()).unwrap_or(u32::MAX);
        values.iter_mut().for_each(|value| *value = (*value - center).abs());
        let spread = median(values).unwrap_or(0.0) * MAD_TO_DEVIATION;
        Self { center, spread, points }
    }

    /// Moves by a part of the spread towards a point: the middle and the spread of a stream, without keeping it.
    pub(crate) fn learn(&mut self, value: f64) {
        let step = STEP * self.spread_above(0.0);
        let distance = value - self.center;
        self.center += distance.clamp(-step, step);
        let growth = distance.abs() * MAD_TO_DEVIATION - self.spread;
        self.spread = (self.spread + growth.clamp(-step, step)).max(0.0);
        self.points = self.points.saturating_add(1);
    }

    /// With a spread that is partly the common one, the more so the fewer points it has.
    pub(crate) fn steadied(self, common_spread: f64) -> Self {
        let all = f64::from(self.points) + COMMON_POINTS;
        let own = self.spread * (f64::from(self.points) / all).sqrt();
        Self { spread: own.hypot(common_spread * (COMMON_POINTS / all).sqrt()), ..self }
    }

    /// The spread, but not less than a floor, and never nothing.
    pub(crate) fn spread_above(&self, floor: f64) -> f64 {
        self.spread.max(floor).max(LEAST_PART * self.center.abs().max(1.0))
    }

    pub(crate) fn save(&self, into: &mut Vec<u8>) {
        into.extend(self.center.to_le_bytes());
        into.extend(self.spread.to_le_bytes());
        into.extend(self.points.to_le_bytes());
    }

    /// None where it cannot be one.
    pub(crate) fn restore(saved: &[u8; SAVED_BYTES]) -> Option<Self> {
        let (center, rest) = saved.split_first_chunk()?;
        let (spread, points) = rest.split_first_chunk()?;
        let (center, spread) = (f64::from_le_bytes(*center), f64::from_le_bytes(*spread));
        let points = u32::from_le_bytes(points.try_into().ok()?);
        (center.is_finite() && spread.is_finite() && spread >= 0.0).then_some(Self { center, spread, points })
    }
}

/// None of nothing.
fn median(values: &mut [f64]) -> Option<f64> {
    let middle = values.len() / 2;
    if values.is_empty() {
        return None;
    }
    let (_, upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    let upper = *upper;
    if values.len() % 2 == 1 {
        return Some(upper);
    }
    let lower = below_middle(&values[..middle]).unwrap_or(upper);
    Some(lower / 2.0 + upper / 2.0)
}

/// The largest of those below the middle.
fn below_middle(below: &[f64]) -> Option<f64> {
    below.iter().copied().max_by(f64::total_cmp)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn outliers_do_not_count() {
        let level = Level::of(&mut [10.0, 11.0, 9.0, 10.0, 1e9]);
        assert_eq!((level.center, level.points), (10.0, 5));
        assert!((level.spread - MAD_TO_DEVIATION).abs() < 1e-12, "{level:?}");
        assert_eq!(Level::of(&mut [1.0, 3.0]).center, 2.0);
        assert_eq!(Level::of(&mut []), Level::default());
    }

    #[test]
    fn values_that_never_change_have_a_tiny_spread() {
        let level = Level::of(&mut [50.0; 20]);
        assert_eq!(
            (level.spread, level.spread_above(0.0), level.spread_above(2.0)),
            (0.0, 50.0 * LEAST_PART, 2.0)
        );
    }

    #[test]
    fn few_points_have_the_spread_of_all() {
        let of = |points: u32| Level { center: 5.0, spread: 0.0, points }.steadied(2.0).spread;
        assert_eq!(of(0), 2.0);
        assert!(of(2) > 1.7 && of(1_000) < 0.2, "{} {}", of(2), of(1_000));
    }

    #[test]
    fn it_follows_what_it_learns() {
        let mut level = Level::of(&mut [10.0, 11.0, 9.0, 10.5, 9.5]);
        (0..500).for_each(|step| level.learn(12.0 + f64::from(step % 3) - 1.0));
        assert!((level.center - 12.0).abs() < 0.5 && level.spread > 0.3, "{level:?}");
        level.learn(1e300);
        assert!(level.center < 13.0, "one point moves it by a part of the spread at most");
    }

    #[test]
    fn what_is_no_level_is_not_restored() {
        let mut saved = Vec::new();
        let level = Level { center: -1.5, spread: 0.25, points: 7 };
        level.save(&mut saved);
        let saved: [u8; SAVED_BYTES] = saved.try_into().unwrap();
        assert_eq!(Level::restore(&saved), Some(level));
        assert_eq!(Level::restore(&[0xff; SAVED_BYTES]), None);
    }
}
