//! How far the declarations of a file reach.

use crate::model::Completeness;

/// How far the declarations of a file reach.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Extent {
    pub(super) completeness: Completeness,
    /// Where another recording begins behind the first.
    pub(super) second_recording_byte: Option<u64>,
}

impl From<Completeness> for Extent {
    fn from(completeness: Completeness) -> Extent {
        Extent { completeness, second_recording_byte: None }
    }
}

/// Returns the result for a file that is shorter than declared.
pub(super) fn too_short(declared: u64, size: u64, first_missing_s: Option<f64>) -> Completeness {
    let reason = format!("the file declares {declared} bytes, it has {size}");
    Completeness::Missing { first_missing_s, reason }
}
