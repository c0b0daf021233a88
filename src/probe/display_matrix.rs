//! The display matrix: nine fixed-point numbers that turn and mirror a picture.

use crate::model::{Flip, Rotation};

/// The clockwise turn, and the mirror before it, that a display matrix asks for.
///
/// Only the upper left 2x2 part matters. It maps a point (x, y), y pointing down, to
/// (m0·x + m3·y, m1·x + m4·y). A matrix that maps everything to a line asks for nothing sensible
/// and counts as none.
pub(crate) fn turn_and_flip(matrix: &[i32; 9]) -> (Rotation, Option<Flip>) {
    let [a, b, c, d] = [matrix[0], matrix[1], matrix[3], matrix[4]].map(f64::from);
    let determinant = a * d - b * c;
    if determinant == 0.0 {
        return (Rotation::None, None);
    }
    if determinant > 0.0 {
        return (Rotation::from_degrees(b.atan2(a).to_degrees()), None);
    }
    // Undo a left-right mirror, then see which turn is left.
    match Rotation::from_degrees((-b).atan2(-a).to_degrees()) {
        // Mirrored and upside down is the same as top and bottom exchanged.
        Rotation::Half => (Rotation::None, Some(Flip::Vertical)),
        rotation => (rotation, Some(Flip::Horizontal)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: i32 = 1 << 16;

    fn matrix(a: i32, b: i32, c: i32, d: i32) -> [i32; 9] {
        [a * ONE, b * ONE, 0, c * ONE, d * ONE, 0, 0, 0, 1 << 30]
    }

    #[test]
    fn quarter_turns_are_clockwise() {
        // The matrix phones write for a video to be turned clockwise by 90 degrees is 0 1 -1 0.
        for (m, degrees) in
            [((1, 0, 0, 1), 0), ((0, 1, -1, 0), 90), ((-1, 0, 0, -1), 180), ((0, -1, 1, 0), 270)]
        {
            let (rotation, flip) = turn_and_flip(&matrix(m.0, m.1, m.2, m.3));
            assert_eq!((rotation.degrees(), flip), (degrees, None));
        }
    }

    #[test]
    fn mirrors_come_before_the_turn() {
        assert_eq!(turn_and_flip(&matrix(-1, 0, 0, 1)), (Rotation::None, Some(Flip::Horizontal)));
        assert_eq!(turn_and_flip(&matrix(1, 0, 0, -1)), (Rotation::None, Some(Flip::Vertical)));
        // Mirror left-right, (x,y) -> (-x,y), then a quarter turn, (x,y) -> (-y,x): (-y,-x).
        assert_eq!(turn_and_flip(&matrix(0, -1, -1, 0)), (Rotation::Quarter, Some(Flip::Horizontal)));
        assert_eq!(turn_and_flip(&matrix(0, 1, 1, 0)), (Rotation::ThreeQuarters, Some(Flip::Horizontal)));
    }

    #[test]
    fn a_matrix_that_shows_nothing_is_ignored() {
        assert_eq!(turn_and_flip(&[0; 9]), (Rotation::None, None));
    }
}
