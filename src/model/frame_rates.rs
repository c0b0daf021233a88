//! The frame rates that cameras and encoders use.

use super::Rational;

/// Common frame rates as numerator and denominator, ascending.
const COMMON: [(u32, u32); 9] =
    [(24000, 1001), (24, 1), (25, 1), (30000, 1001), (30, 1), (48, 1), (50, 1), (60000, 1001), (60, 1)];

/// Returns the common frame rates, ascending.
pub fn common_frame_rates() -> impl Iterator<Item = Rational> {
    COMMON.iter().filter_map(|(num, den)| Rational::new(*num, *den))
}
