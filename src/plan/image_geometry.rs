//! Computes the size of an output image: aspect ratio, scale, and what is padded or cropped.
//!
//! The ratio is chosen as for videos: the nearest allowed one, without turning portrait into landscape. An image is
//! never enlarged, and its sides may be odd.

use std::cmp::Ordering;

use crate::model::{Rational, Size};
use crate::profile::{ImageSizeLimits, Profile, within_tolerance};

use super::geometry::{Geometry, crop};
use super::options::Fit;

/// The longest side of an output in pixels.
const MAX_SIDE: f64 = 16_384.0;
/// Differences between distances that are rounding.
const EQUAL_DISTANCE: f64 = 1e-9;

/// Returns the geometry of an image with the display size `displayed`; `None` if the limits allow no size.
pub(super) fn image_geometry(displayed: Size, profile: &Profile, fit: Fit) -> Option<Geometry> {
    let rules = profile.rules();
    let sizes = rules.image_size.as_ref().and_then(|limits| limits.enforced());
    let ratios = rules.image_aspect_ratio.as_ref().and_then(|limits| limits.enforced());
    let (allowed, tolerance) =
        ratios.map_or((&[][..], 0.0), |limits| (limits.allow.as_slice(), limits.tolerance()));
    let is_allowed = |size: Size| match size.aspect_ratio() {
        Some(own) => {
            allowed.is_empty() || allowed.iter().any(|ratio| within_tolerance(own, *ratio, tolerance))
        }
        None => false,
    };
    let limits = Limits { sizes, tolerance };
    if is_allowed(displayed) {
        let scale = limits.scale(displayed.width.into(), displayed.height.into());
        let size = limits.within(scaled(displayed, scale));
        if is_allowed(size) {
            return Some(Geometry {
                crop: None,
                scaled: size,
                canvas: None,
                enlarged: scale,
                changed_to: None,
            });
        }
    }
    let own = displayed.aspect_ratio()?;
    let order = |one: &Rational, other: &Rational| {
        let turns =
            |wanted: f64| (own.as_f64() < 1.0 && wanted > 1.0) || (own.as_f64() > 1.0 && wanted < 1.0);
        let distance = |wanted: f64| (wanted / own.as_f64()).ln().abs();
        let (one, other) = (one.as_f64(), other.as_f64());
        let nearer = match distance(one) - distance(other) {
            difference if difference.abs() < EQUAL_DISTANCE => Ordering::Equal,
            _ => distance(one).total_cmp(&distance(other)),
        };
        turns(one).cmp(&turns(other)).then(nearer).then(one.total_cmp(&other))
    };
    let mut wanted = allowed.to_vec();
    wanted.sort_by(order);
    wanted.into_iter().find_map(|ratio| limits.fitted(displayed, ratio, fit))
}

struct Limits<'a> {
    sizes: Option<&'a ImageSizeLimits>,
    tolerance: f64,
}

impl Limits<'_> {
    /// Returns the factor that brings a frame of this width and height within the limits, at most 1.
    fn scale(&self, width: f64, height: f64) -> f64 {
        let mut scale = (MAX_SIDE / width.max(height)).min(1.0);
        if let Some(max) = self.sizes.and_then(|limits| limits.max_pixels) {
            scale = scale.min((max / (width * height)).sqrt());
        }
        if let Some(max) = self.sizes.and_then(|limits| limits.max_short_side) {
            scale = scale.min(max / width.min(height));
        }
        scale
    }

    fn allow(&self, size: Size) -> bool {
        self.scale(size.width.into(), size.height.into()) >= 1.0
    }

    /// Moves a size that rounding took beyond the limits.
    fn within(&self, size: Size) -> Size {
        if self.allow(size) {
            return size;
        }
        Size::new((size.width - 1).max(1), (size.height - 1).max(1))
    }

    /// Returns the geometry that gives an image the aspect ratio `wanted`.
    fn fitted(&self, displayed: Size, wanted: Rational, fit: Fit) -> Option<Geometry> {
        let (w, h) = (f64::from(displayed.width), f64::from(displayed.height));
        let ratio = wanted.as_f64();
        let wide = (h * ratio, h);
        let high = (w, w / ratio);
        let (width, height) = match (fit, ratio > w / h) {
            (Fit::Crop, false) | (Fit::Pad | Fit::Blur, true) => wide,
            (Fit::Crop, true) | (Fit::Pad | Fit::Blur, false) => high,
        };
        let scale = self.scale(width, height);
        let frame = self.frame(wanted, (width * scale, height * scale), fit)?;
        let (crop, size, canvas) = if fit == Fit::Crop {
            let back = |side: u32| f64::from(side) / scale;
            (Some(crop(displayed, (back(frame.width), back(frame.height)))), frame, None)
        } else {
            let inner = (f64::from(frame.width) / w).min(f64::from(frame.height) / h).min(1.0);
            let inner = scaled(displayed, inner);
            let inner = Size::new(inner.width.min(frame.width), inner.height.min(frame.height));
            (None, inner, Some(frame).filter(|frame| *frame != inner))
        };
        Some(Geometry { crop, scaled: size, canvas, enlarged: scale, changed_to: Some(wanted) })
    }

    /// Returns the size nearest to `sides` that has the ratio and is within the limits. A padded frame may grow by
    /// rounding, a cropped one only shrink.
    fn frame(&self, ratio: Rational, (width, height): (f64, f64), fit: Fit) -> Option<Size> {
        let near = match fit {
            Fit::Crop => Size::new(width.floor() as u32, height.floor() as u32),
            Fit::Pad | Fit::Blur => Size::new(width.round() as u32, height.round() as u32),
        };
        let has_ratio = near.aspect_ratio().is_some_and(|own| within_tolerance(own, ratio, self.tolerance));
        if has_ratio && self.allow(near) {
            return Some(near);
        }
        let times = |count: f64| {
            let count = count as u32;
            Some(Size::new(ratio.num().checked_mul(count)?, ratio.den().checked_mul(count)?))
        };
        let count = width / f64::from(ratio.num());
        let grown = times(count.ceil()).filter(|size| fit != Fit::Crop && self.allow(*size));
        grown.or_else(|| times(count.floor())).filter(|size| size.pixels() > 0 && self.allow(*size))
    }
}

/// Returns the size scaled by a factor, at least one pixel wide and high.
fn scaled(size: Size, scale: f64) -> Size {
    let side = |side: u32| ((f64::from(side) * scale).round() as u32).max(1);
    Size::new(side(size.width), side(size.height))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn profile(rules: &str) -> Profile {
        let text = format!("id = \"house\"\nextends = \"common\"\n{rules}");
        Profile::parse(&text, &Profile::builtin).unwrap()
    }

    fn fitted(displayed: (u32, u32), rules: &str, fit: Fit) -> Geometry {
        image_geometry(Size::new(displayed.0, displayed.1), &profile(rules), fit).unwrap()
    }

    const TALL_OR_SQUARE: &str =
        "[rule.image-aspect-ratio]\nseverity = \"error\"\nallow = [\"9:16\", \"1:1\"]\n";
    const SMALL: &str = "[rule.image-size]\nseverity = \"error\"\nmax_pixels = 10000\nmax_short_side = 90\n";

    #[test]
    fn an_allowed_image_keeps_its_odd_size() {
        let kept = fitted((721, 333), "", Fit::Pad);
        assert_eq!((kept.scaled, kept.canvas, kept.crop), (Size::new(721, 333), None, None));
    }

    #[test]
    fn scales_down_to_the_limits_and_not_further() {
        let kept = fitted((1000, 1000), SMALL, Fit::Pad);
        assert_eq!(kept.scaled, Size::new(90, 90));
        let wide = fitted((4000, 250), SMALL, Fit::Pad).scaled;
        assert!((9800..=10_000).contains(&wide.pixels()), "{wide}");
    }

    #[test]
    fn each_fit_gives_exactly_the_allowed_ratio() {
        let padded = fitted((400, 500), TALL_OR_SQUARE, Fit::Pad);
        assert_eq!((padded.scaled, padded.canvas), (Size::new(400, 500), Some(Size::new(500, 500))));
        let cropped = fitted((400, 500), TALL_OR_SQUARE, Fit::Crop);
        assert_eq!((cropped.scaled, cropped.canvas), (Size::new(400, 400), None));
        assert_eq!(cropped.crop.map(|cut| (cut.top, cut.bottom, cut.left)), Some((50, 50, 0)));
        for (width, height) in [(401, 733), (97, 31), (1999, 3001)] {
            for fit in [Fit::Pad, Fit::Blur, Fit::Crop] {
                let found = fitted((width, height), TALL_OR_SQUARE, fit);
                let frame = found.canvas.unwrap_or(found.scaled).aspect_ratio();
                assert!(
                    ["9:16", "1:1"].contains(&&*frame.unwrap().with_colon()),
                    "{width} {fit:?}: {frame:?}"
                );
            }
        }
    }

    #[test]
    fn no_size_is_found_where_the_ratio_needs_more_pixels_than_allowed() {
        let rules = "[rule.image-aspect-ratio]\nseverity = \"error\"\nallow = [\"300:157\"]\n\
                     [rule.image-size]\nseverity = \"error\"\nmax_pixels = 100\n";
        assert_eq!(image_geometry(Size::new(50, 50), &profile(rules), Fit::Pad), None);
    }
}
