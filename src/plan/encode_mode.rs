//! The three ways in which a video is encoded, one after another, while the platform fails to process it.

/// What is tried after the platform failed to process a version of a video. Journals, file names and `--recipe` hold
/// the number, everything else this enum.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EncodeMode {
    /// The fix that loses the least.
    #[default]
    Planned,
    /// Everything is re-encoded, within what every platform plays.
    CommonCore,
    /// Everything is re-encoded, with the simplest parameters.
    Conservative,
}

/// A number that stands for no encode mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("unknown encode mode {0}; there are 1, 2 and 3")]
pub struct UnknownEncodeMode(pub u8);

impl EncodeMode {
    /// Returns whether nothing is copied, even where a copy would do.
    pub fn encodes_everything(self) -> bool {
        self != EncodeMode::Planned
    }

    /// Returns whether the simplest parameters are used.
    pub fn is_conservative(self) -> bool {
        self == EncodeMode::Conservative
    }

    /// Returns the mode that is tried when this one fails; `None` after the last.
    pub fn next(self) -> Option<EncodeMode> {
        match self {
            EncodeMode::Planned => Some(EncodeMode::CommonCore),
            EncodeMode::CommonCore => Some(EncodeMode::Conservative),
            EncodeMode::Conservative => None,
        }
    }

    /// Returns the number in journals, file names and `--recipe`, from 1.
    pub fn number(self) -> u8 {
        match self {
            EncodeMode::Planned => 1,
            EncodeMode::CommonCore => 2,
            EncodeMode::Conservative => 3,
        }
    }
}

impl TryFrom<u8> for EncodeMode {
    type Error = UnknownEncodeMode;

    fn try_from(number: u8) -> Result<EncodeMode, UnknownEncodeMode> {
        let modes = [EncodeMode::Planned, EncodeMode::CommonCore, EncodeMode::Conservative];
        modes.into_iter().find(|mode| mode.number() == number).ok_or(UnknownEncodeMode(number))
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn numbers_and_order_of_the_modes_agree() {
        let mut mode = EncodeMode::default();
        for number in 1..=3 {
            assert_eq!((mode.number(), EncodeMode::try_from(number).unwrap()), (number, mode));
            assert_eq!((mode.encodes_everything(), mode.is_conservative()), (number > 1, number > 2));
            mode = mode.next().unwrap_or(mode);
        }
        assert_eq!(mode.next(), None);
        for number in [0, 4, u8::MAX] {
            assert_eq!(EncodeMode::try_from(number), Err(UnknownEncodeMode(number)));
        }
    }
}
