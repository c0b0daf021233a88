//! Computes the output geometry: aspect ratio, size, and what is padded or cropped.
//!
//! The allowed ratio nearest to the source's is chosen, which also has the smallest borders (or cropped margins);
//! among equally near ones the one that enlarges the least, then the taller. A portrait never becomes landscape, nor
//! the other way round, while another ratio is allowed. Borders do not count towards the minimum size: the canvas is
//! the smallest around the scaled video, so only the video itself can reach it.

use std::cmp::Ordering;

use crate::model::{Rational, Size};
use crate::profile::{AspectRatioLimits, FrameBounds, Profile};

use super::options::Fit;
use super::output_spec::CropMargins;

/// The maximum side in pixels: larger frames exceed every commonly supported H.264 level.
const MAX_SIDE: f64 = 4096.0;

/// Returns the limits on the aspect ratio that bind: a plan never changes a video for less than an error.
fn ratio_limits(profile: &Profile) -> Option<&AspectRatioLimits> {
    profile.rules().aspect_ratio.as_ref()?.enforced()
}

/// Returns the limits on a frame of this shape that bind.
fn frame_bounds(profile: &Profile, shape: Size) -> Option<FrameBounds> {
    Some(profile.rules().resolution.as_ref()?.enforced()?.frame(shape))
}

/// The geometry of an output.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Geometry {
    /// The margins cut off the source, after rotation and with square pixels.
    pub(super) crop: Option<CropMargins>,
    /// The size of the scaled video in the output.
    pub(super) scaled: Size,
    /// The size of the output frame, if borders make it larger than the scaled video.
    pub(super) canvas: Option<Size>,
    /// The scale factor; greater than 1 if the video is enlarged.
    pub(super) enlarged: f64,
    /// The chosen aspect ratio, if the source's is not allowed.
    pub(super) changed_to: Option<Rational>,
}

/// Returns the geometry for a source with the display size `displayed`. `cap` bounds the longer side. Returns
/// `None` if the limits allow no size.
pub(super) fn geometry(displayed: Size, profile: &Profile, fit: Fit, cap: Option<f64>) -> Option<Geometry> {
    let own = displayed.aspect_ratio()?;
    let cap = cap.unwrap_or(MAX_SIDE);
    let mut candidates = candidates(own, profile);
    if candidates == [None] {
        let unchanged = Candidate::new(displayed, None, profile, fit, cap)?;
        if ratio_allowed(unchanged.geometry.scaled, profile) {
            return Some(unchanged.geometry);
        }
        // Rounding to even sides moved the ratio outside the tolerance.
        candidates = all_allowed(own, profile);
    }
    let candidates =
        candidates.into_iter().filter_map(|ratio| Candidate::new(displayed, ratio, profile, fit, cap));
    Some(candidates.min_by(Candidate::compare)?.geometry)
}

/// Returns the candidate ratios; `None` stands for the source's own ratio, which is allowed.
fn candidates(own: Rational, profile: &Profile) -> Vec<Option<Rational>> {
    match ratio_limits(profile) {
        Some(limits) if !limits.allows(own) => all_allowed(own, profile),
        _ => vec![None],
    }
}

/// Returns whether a frame of this size has an allowed ratio.
fn ratio_allowed(size: Size, profile: &Profile) -> bool {
    match (ratio_limits(profile), size.aspect_ratio()) {
        (Some(limits), Some(ratio)) => limits.allows(ratio),
        _ => true,
    }
}

fn all_allowed(own: Rational, profile: &Profile) -> Vec<Option<Rational>> {
    let Some(limits) = ratio_limits(profile) else { return vec![None] };
    if !limits.allow.is_empty() {
        let between = limits.allow.iter().copied().filter(|ratio| limits.is_between(*ratio));
        return between.map(Some).collect();
    }
    match (limits.min, limits.max) {
        (Some(min), _) if own <= min => vec![Some(min)],
        (_, Some(max)) if own >= max => vec![Some(max)],
        _ => vec![None],
    }
}

struct Candidate {
    geometry: Geometry,
    /// Whether the source is portrait and the output landscape, or the other way round.
    turns_over: bool,
    /// The distance between both ratios on a logarithmic scale, where 1:2 is as far from 1:1 as 2:1.
    distance: f64,
    wanted: f64,
}

/// Distances that differ by less are equal: 4:3 is as far from 1:1 as from 16:9.
const EQUAL_DISTANCE: f64 = 1e-9;

impl Candidate {
    fn new(
        displayed: Size,
        ratio: Option<Rational>,
        profile: &Profile,
        fit: Fit,
        cap: f64,
    ) -> Option<Candidate> {
        let (w, h) = (f64::from(displayed.width), f64::from(displayed.height));
        let own = w / h;
        let wanted = ratio.map_or(own, Rational::as_f64);
        // The kept part of the source, and the frame around it, in source pixels.
        let (kept, frame) = match fit {
            Fit::Crop if wanted < own => ((h * wanted, h), (h * wanted, h)),
            Fit::Crop => ((w, w / wanted), (w, w / wanted)),
            Fit::Pad | Fit::Blur if wanted < own => ((w, h), (w, w / wanted)),
            Fit::Pad | Fit::Blur => ((w, h), (h * wanted, h)),
        };
        let scale = scale(frame, profile, cap)?;
        let sides = |(w, h): (f64, f64)| Size::new(even(w * scale), even(h * scale));
        let scaled = sides(kept);
        // A padded side is rounded up and a cropped side down, so that a ratio at the end of the allowed range
        // stays within it.
        let inward = |side: f64, own: f64| match side - own {
            added if added > 0.5 => 2 * ((side * scale / 2.0 - 1e-6).ceil() as u32).max(1),
            cut if cut < -0.5 => 2 * ((side * scale / 2.0 + 1e-6).floor() as u32).max(1),
            _ => even(side * scale),
        };
        let frame_size = within_bounds(Size::new(inward(frame.0, w), inward(frame.1, h)), profile);
        let canvas = (ratio.is_some() && fit != Fit::Crop)
            .then(|| within_ratio(frame_size, profile, cap).unwrap_or(frame_size));
        let scaled = if canvas.is_none() { frame_size } else { scaled };
        let geometry = Geometry {
            crop: (ratio.is_some() && fit == Fit::Crop).then(|| crop(displayed, kept)),
            scaled: canvas.map_or(scaled, |canvas| {
                Size::new(scaled.width.min(canvas.width), scaled.height.min(canvas.height))
            }),
            canvas: canvas.filter(|canvas| *canvas != scaled),
            enlarged: scale,
            changed_to: ratio,
        };
        // Limits between two even numbers, or a ratio that even sides miss.
        let frame = geometry.canvas.unwrap_or(geometry.scaled);
        let complies = frame_bounds(profile, frame).is_none_or(|bounds| bounds.allow(frame))
            && (ratio.is_none() || ratio_allowed(frame, profile));
        complies.then_some(Candidate {
            geometry,
            turns_over: (own < 1.0 && wanted > 1.0) || (own > 1.0 && wanted < 1.0),
            distance: (wanted / own).ln().abs(),
            wanted,
        })
    }

    fn compare(&self, other: &Candidate) -> Ordering {
        let nearer = if (self.distance - other.distance).abs() < EQUAL_DISTANCE {
            Ordering::Equal
        } else {
            self.distance.total_cmp(&other.distance)
        };
        let enlarged = |candidate: &Candidate| candidate.geometry.enlarged.max(1.0);
        (self.turns_over.cmp(&other.turns_over))
            .then(nearer)
            .then(enlarged(self).total_cmp(&enlarged(other)))
            .then(self.wanted.total_cmp(&other.wanted))
    }
}

/// Returns the factor from source pixels to output pixels: 1, unless a limit requires another; `None` if no size
/// within the limits has this aspect ratio.
fn scale(frame: (f64, f64), profile: &Profile, cap: f64) -> Option<f64> {
    let mut least: f64 = 0.0;
    let mut most = cap / frame.0.max(frame.1);
    let shape = Size::new(even(frame.0 * 16.0), even(frame.1 * 16.0));
    if let Some(bounds) = frame_bounds(profile, shape) {
        for (limit, side) in [(bounds.least.width, frame.0), (bounds.least.height, frame.1)] {
            least = least.max(f64::from(limit) / side);
        }
        for (limit, side) in [(bounds.most.width, frame.0), (bounds.most.height, frame.1)] {
            most = most.min(f64::from(limit) / side);
        }
    }
    (least <= most).then(|| 1.0_f64.max(least).min(most))
}

/// Moves a side that rounding to an even number took beyond the limit it was scaled to.
fn within_bounds(size: Size, profile: &Profile) -> Size {
    let Some(FrameBounds { least, most }) = frame_bounds(profile, size) else { return size };
    let moved = |side: u32, least: u32, most: u32| {
        if side < least && side + 2 >= least {
            least.next_multiple_of(2)
        } else if side > most && side <= most.saturating_add(2) {
            (most / 2 * 2).max(2)
        } else {
            side
        }
    };
    Size::new(moved(size.width, least.width, most.width), moved(size.height, least.height, most.height))
}

/// The most steps of two pixels by which a canvas changes until rounding no longer moves its ratio out of tolerance.
const MAX_STEPS: u32 = 64;

/// Returns the smallest canvas of an allowed ratio that covers `size`, else the largest that lies within it: rounding to
/// even sides moves the ratio of a small frame by more than the tolerance. `None` if there is none nearby.
fn within_ratio(size: Size, profile: &Profile, cap: f64) -> Option<Size> {
    let grown = |steps: u32| {
        (0..=steps).map(move |across| Size::new(size.width + 2 * across, size.height + 2 * (steps - across)))
    };
    let fits = |size: &Size| {
        let within = frame_bounds(profile, *size).is_none_or(|bounds| bounds.allow(*size));
        within && f64::from(size.width.max(size.height)) <= cap
    };
    let shrunk = |steps: u32| {
        let less = |side: u32, by: u32| side.saturating_sub(2 * by).max(2);
        (0..=steps).map(move |across| Size::new(less(size.width, across), less(size.height, steps - across)))
    };
    let all = (0..=MAX_STEPS).flat_map(grown).chain((1..=MAX_STEPS).flat_map(shrunk));
    all.filter(fits).find(|size| ratio_allowed(*size, profile))
}

fn even(side: f64) -> u32 {
    ((side / 2.0).round() as u32).max(1) * 2
}

/// Returns the margins that leave the middle of an image of the size `displayed`.
pub(super) fn crop(displayed: Size, kept: (f64, f64)) -> CropMargins {
    let cut = |side: u32, kept: f64| {
        let cut = (f64::from(side) - kept).max(0.0).round() as u32;
        (cut / 2, cut - cut / 2)
    };
    let (left, right) = cut(displayed.width, kept.0);
    let (top, bottom) = cut(displayed.height, kept.1);
    CropMargins { left, top, right, bottom }
}

#[cfg(test)]
#[path = "geometry_tests.rs"]
mod tests;
