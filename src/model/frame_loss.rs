//! Frames that a stream lacks, as its headers or its packets show without decoding.

use serde::{Deserialize, Serialize};

/// At most this many times are kept of one kind of loss.
const MAX_TIMES: usize = 20;

/// How a loss of frames shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
#[non_exhaustive]
pub enum LossKind {
    /// Frames refer to frames that are not in the stream.
    MissingReference,
    /// Numbers of frames are missing where no frame is shown, and no other frame shows the loss.
    MissingFrame,
    /// The index lists frames without any data.
    Empty,
    /// A video with a constant frame rate has a gap in its times.
    TimeGap,
}

/// Frames that a stream lacks, by one sign of it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[cfg_attr(all(test, feature = "report"), derive(schemars::JsonSchema))]
#[non_exhaustive]
pub struct FrameLoss {
    /// How the loss shows.
    pub kind: LossKind,
    /// Number of lost frames.
    #[cfg_attr(all(test, feature = "report"), schemars(range(min = 1)))]
    pub count: u64,
    /// Number of frames among which they are lost: the packets of its stream, or for a gap in the times those that the
    /// video should have.
    pub of: u64,
    /// The first times at which frames are lost, in seconds on the file's clock.
    pub at_s: Vec<f64>,
}

impl FrameLoss {
    /// Creates a loss of no frame among `of` frames.
    pub fn new(kind: LossKind, of: u64) -> FrameLoss {
        FrameLoss { kind, count: 0, of, at_s: Vec::new() }
    }

    /// Adds `count` frames that are lost at a time in seconds, if it is known.
    pub fn add(&mut self, count: u64, at_s: Option<f64>) {
        self.count = self.count.saturating_add(count);
        if count > 0 && self.at_s.len() < MAX_TIMES {
            self.at_s.extend(at_s);
        }
    }
}

/// Sets the loss of its kind in a list, and removes it if no frame is lost.
pub fn set_loss(losses: &mut Vec<FrameLoss>, loss: FrameLoss) {
    losses.retain(|known| known.kind != loss.kind);
    if loss.count > 0 {
        losses.push(loss);
        losses.sort_by_key(|loss| loss.kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_one_loss_of_each_kind_in_a_fixed_order() {
        let loss = |kind, count| {
            let mut loss = FrameLoss::new(kind, 90);
            loss.add(count, Some(1.0));
            loss
        };
        let mut list = Vec::new();
        for (kind, count) in [(LossKind::TimeGap, 2), (LossKind::Empty, 3), (LossKind::TimeGap, 4)] {
            set_loss(&mut list, loss(kind, count));
        }
        assert_eq!(list, [loss(LossKind::Empty, 3), loss(LossKind::TimeGap, 4)]);
        set_loss(&mut list, loss(LossKind::Empty, 0));
        assert_eq!(list, [loss(LossKind::TimeGap, 4)]);
    }
}
