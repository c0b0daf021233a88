//! The display matrix: nine fixed-point numbers that rotate and flip a video.

use crate::model::{Flip, Rotation};

/// Returns the clockwise rotation of a display matrix, and the flip applied before it.
///
/// Only the upper left 2x2 part matters. It maps a point (x, y), y pointing down, to
/// (m0·x + m3·y, m1·x + m4·y). A singular matrix is invalid and ignored.
pub(crate) fn rotation_and_flip(matrix: &[i32; 9]) -> (Rotation, Option<Flip>) {
    let [a, b, c, d] = [matrix[0], matrix[1], matrix[3], matrix[4]].map(f64::from);
    let determinant = a * d - b * c;
    if determinant == 0.0 {
        return (Rotation::None, None);
    }
    if determinant > 0.0 {
        return (Rotation::from_degrees(b.atan2(a).to_degrees()), None);
    }
    // Undo a horizontal flip; the rest is a rotation.
    match Rotation::from_degrees((-b).atan2(-a).to_degrees()) {
        // A horizontal flip and half a turn equal a vertical flip.
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
    fn rotations_are_clockwise() {
        // For a clockwise rotation by 90 degrees, phones write the matrix 0 1 -1 0.
        for (m, degrees) in
            [((1, 0, 0, 1), 0), ((0, 1, -1, 0), 90), ((-1, 0, 0, -1), 180), ((0, -1, 1, 0), 270)]
        {
            let (rotation, flip) = rotation_and_flip(&matrix(m.0, m.1, m.2, m.3));
            assert_eq!((rotation.degrees(), flip), (degrees, None));
        }
    }

    #[test]
    fn flips_are_applied_before_rotations() {
        assert_eq!(rotation_and_flip(&matrix(-1, 0, 0, 1)), (Rotation::None, Some(Flip::Horizontal)));
        assert_eq!(rotation_and_flip(&matrix(1, 0, 0, -1)), (Rotation::None, Some(Flip::Vertical)));
        // Horizontal flip, (x,y) -> (-x,y), then a quarter turn, (x,y) -> (-y,x): (-y,-x).
        assert_eq!(rotation_and_flip(&matrix(0, -1, -1, 0)), (Rotation::Quarter, Some(Flip::Horizontal)));
        assert_eq!(rotation_and_flip(&matrix(0, 1, 1, 0)), (Rotation::ThreeQuarters, Some(Flip::Horizontal)));
    }

    #[test]
    fn ignores_a_singular_matrix() {
        assert_eq!(rotation_and_flip(&[0; 9]), (Rotation::None, None));
    }
}
