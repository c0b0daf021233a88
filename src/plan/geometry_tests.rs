//! Tests of the output geometry.
#![allow(clippy::unwrap_used)]

use proptest::prelude::*;

use super::*;

fn fit(width: u32, height: u32, fit: Fit) -> Geometry {
    geometry(Size::new(width, height), &Profile::builtin("tiktok-ads").unwrap(), fit, None).unwrap()
}

#[test]
fn keeps_the_size_of_a_video_with_an_allowed_ratio() {
    for (w, h) in [(1080, 1920), (1088, 1920), (1920, 1080), (640, 640)] {
        let geometry = fit(w, h, Fit::Pad);
        assert_eq!((geometry.scaled, geometry.canvas), (Size::new(w, h), None), "{w}x{h}");
    }
}

#[test]
fn prefers_the_ratio_without_enlarging_and_with_the_fewest_borders() {
    // 4:3 at 640x480: 16:9 would need 853x480 enlarged to 960x540; 1:1 needs no enlarging.
    let geometry = fit(640, 480, Fit::Pad);
    assert_eq!(geometry.canvas, Some(Size::new(640, 640)));
    assert!(geometry.enlarged <= 1.0);
    // At 1440x1080 nothing needs enlarging, and 1:1 and 16:9 both add a third: the taller is preferred.
    assert_eq!(fit(1440, 1080, Fit::Pad).canvas, Some(Size::new(1440, 1440)));
}

#[test]
fn borders_do_not_count_towards_the_minimum_size() {
    let geometry = fit(480, 270, Fit::Pad);
    assert_eq!(geometry.scaled, Size::new(960, 540));
    assert!(geometry.enlarged > 1.9);
}

#[test]
fn crop_removes_the_fewest_pixels() {
    let geometry = fit(1440, 1080, Fit::Crop);
    assert_eq!(geometry.canvas, None);
    let crop = geometry.crop.unwrap();
    let kept = (1440 - crop.left - crop.right, 1080 - crop.top - crop.bottom);
    assert!(kept == (1080, 1080) || kept == (1440, 810), "{kept:?}");
}

#[test]
fn sides_are_even_and_the_scaled_video_fits_into_the_canvas() {
    for (w, h) in [(641, 359), (719, 1281), (1001, 999), (3841, 2161), (321, 1999)] {
        let geometry = fit(w, h, Fit::Pad);
        let frame = geometry.canvas.unwrap_or(geometry.scaled);
        for side in [geometry.scaled.width, geometry.scaled.height, frame.width, frame.height] {
            assert_eq!(side % 2, 0);
        }
        assert!(geometry.scaled.width <= frame.width && geometry.scaled.height <= frame.height);
    }
}

#[test]
fn a_small_video_keeps_its_side_and_gets_the_nearest_ratio() {
    // 352x640 and 464x848 are 2 % from 9:16; as squares they would be 45 % borders.
    for (w, h) in [(352, 640), (464, 848), (360, 500), (480, 800), (200, 400)] {
        let canvas = fit(w, h, Fit::Pad).canvas.unwrap();
        assert_eq!(canvas.width * 16, canvas.height * 9, "{w}x{h}: {canvas}");
    }
    for (w, h) in [(640, 352), (848, 464), (854, 400)] {
        let geometry = fit(w, h, Fit::Pad);
        let canvas = geometry.canvas.unwrap_or(geometry.scaled);
        assert!(canvas.width > canvas.height, "{w}x{h}: {canvas}");
    }
    // 3:4 is as far from 9:16 as from 1:1: the fewest enlarged pixels decide, then the taller.
    assert_eq!(fit(360, 480, Fit::Pad).canvas, Some(Size::new(640, 640)));
    assert_eq!(fit(1080, 1440, Fit::Pad).canvas, Some(Size::new(1080, 1920)));
    let nearly_square = fit(480, 500, Fit::Pad).canvas.unwrap();
    assert_eq!(nearly_square.width, nearly_square.height);
}

/// Returns a profile that allows these ratios with a tolerance of 1 % and sides up to `max`.
fn allowing(ratios: &[(u32, u32)], max: u32) -> Profile {
    let list: Vec<String> = ratios.iter().map(|(num, den)| format!("\"{num}:{den}\"")).collect();
    let text = format!(
        "id = \"x\"\n[rule.aspect-ratio]\nseverity = \"error\"\nallow = [{}]\ntolerance = 0.01\n\
         [rule.resolution]\nseverity = \"error\"\nmax_side = {max}\n",
        list.join(", ")
    );
    Profile::parse(&text, &|_| None).unwrap()
}

proptest! {
    /// For any size and any allowed ratios, the frame has the nearest ratio on the source's side, even sides, and
    /// keeps the limits.
    #[test]
    fn the_frame_has_the_nearest_allowed_ratio(
        (w, h) in (16_u32..4000, 16_u32..4000),
        ratios in prop::collection::vec((1_u32..22, 1_u32..22), 1..6),
        max in 500_u32..2000,
    ) {
        let own = f64::from(w) / f64::from(h);
        prop_assume!((0.2..5.0).contains(&own));
        let profile = allowing(&ratios, max * 2);
        let geometry = geometry(Size::new(w, h), &profile, Fit::Pad, None).unwrap();
        let frame = geometry.canvas.unwrap_or(geometry.scaled);
        for side in [geometry.scaled.width, geometry.scaled.height, frame.width, frame.height] {
            prop_assert_eq!(side % 2, 0);
        }
        prop_assert!(frame.width.max(frame.height) <= max * 2, "{}", frame);
        prop_assert!(geometry.scaled.width <= frame.width && geometry.scaled.height <= frame.height);
        let all: Vec<f64> = ratios.iter().map(|(num, den)| f64::from(*num) / f64::from(*den)).collect();
        let same_side = |ratio: &f64| (own - 1.0) * (ratio - 1.0) >= 0.0;
        let kept: Vec<f64> = all.iter().copied().filter(same_side).collect();
        let choice = if kept.is_empty() { all } else { kept };
        let distance = |ratio: f64| (ratio / own).ln().abs();
        let nearest = choice.iter().map(|ratio| distance(*ratio)).fold(f64::MAX, f64::min);
        let shape = f64::from(frame.width) / f64::from(frame.height);
        let chosen = choice.iter().filter(|ratio| (shape / **ratio - 1.0).abs() <= 0.0101);
        // Within the tolerance of several ratios, any of them is right.
        prop_assert!(
            chosen.map(|ratio| distance(*ratio)).any(|found| found <= nearest + 0.0201),
            "{}x{} became {} of {:?}", w, h, frame, choice
        );
    }
}
