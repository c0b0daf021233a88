//! Fits the parts of a video whose frame size changes into the output frame, each on its own.

use crate::model::{Rational, Size, display_size};

use super::output_spec::{Canvas, CropMargins, PartFit, VideoEncode};

/// Borders of at most this many pixels per axis come from rounding to even sides and are not added.
const ROUNDING: u32 = 2;

impl VideoEncode {
    /// Returns the size of the output frame.
    pub fn frame(&self) -> Size {
        self.canvas.as_ref().map_or(self.scale, |canvas| canvas.size)
    }

    /// Returns the plan for frames of another size than the first: the same output frame, filled as far as the
    /// aspect ratio of these frames allows. `coded` is their size before rotation.
    #[must_use]
    pub fn for_part(&self, coded: Size, sample_aspect_ratio: Option<Rational>) -> VideoEncode {
        let frame = self.frame();
        let displayed = display_size(coded, sample_aspect_ratio, self.rotate);
        let (w, h) = (f64::from(displayed.width.max(1)), f64::from(displayed.height.max(1)));
        let (fw, fh) = (f64::from(frame.width), f64::from(frame.height));
        match &self.part_fit {
            PartFit::Pad(fill) => {
                let factor = (fw / w).min(fh / h);
                let even = |side: f64, most: u32| (((side / 2.0).round() as u32).max(1) * 2).min(most);
                let scaled = Size::new(even(w * factor, frame.width), even(h * factor, frame.height));
                let borders = (frame.width - scaled.width).max(frame.height - scaled.height);
                let (scale, canvas) = match borders <= ROUNDING {
                    true => (frame, None),
                    false => (scaled, Some(Canvas { size: frame, fill: fill.clone() })),
                };
                VideoEncode { crop: None, scale, canvas, ..self.clone() }
            }
            PartFit::Crop => {
                let (kept_w, kept_h) = (w.min(h * fw / fh), h.min(w * fh / fw));
                let cut = |side: f64, kept: f64| {
                    let cut = (side - kept).round() as u32;
                    (cut / 2, cut - cut / 2)
                };
                let ((left, right), (top, bottom)) = (cut(w, kept_w), cut(h, kept_h));
                let crop = CropMargins { left, top, right, bottom };
                let crop = (left + right + top + bottom > 0).then_some(crop);
                VideoEncode { crop, scale: frame, canvas: None, ..self.clone() }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Rotation;
    use crate::plan::{Fill, example};

    #[test]
    fn a_part_keeps_its_aspect_ratio_within_the_output_frame() {
        let plan = example::video_encode(1280, 720, 30);
        let part = plan.for_part(Size::new(640, 360), None);
        assert_eq!((part.scale, part.canvas), (Size::new(1280, 720), None), "the same ratio");
        let part = plan.for_part(Size::new(960, 720), None);
        assert_eq!(part.scale, Size::new(960, 720));
        assert_eq!(part.canvas.map(|canvas| canvas.size), Some(Size::new(1280, 720)));
        let upright = plan.for_part(Size::new(720, 1280), None);
        assert_eq!(upright.scale, Size::new(406, 720));
    }

    #[test]
    fn a_part_is_turned_before_it_is_fitted_and_pixels_need_not_be_square() {
        let mut plan = example::video_encode(720, 1280, 30);
        plan.rotate = Rotation::Quarter;
        assert_eq!(plan.for_part(Size::new(640, 360), None).canvas, None);
        plan.rotate = Rotation::None;
        let part = plan.for_part(Size::new(720, 576), Rational::new(64, 45));
        assert_eq!(part.scale, Size::new(720, 406));
    }

    #[test]
    fn the_fit_decides_between_borders_and_margins() {
        let mut plan = example::video_encode(1280, 720, 30);
        plan.part_fit = PartFit::Crop;
        let part = plan.for_part(Size::new(960, 720), None);
        assert_eq!(part.crop, Some(CropMargins { left: 0, top: 90, right: 0, bottom: 90 }));
        assert_eq!((part.scale, part.canvas), (Size::new(1280, 720), None));
        plan.part_fit = PartFit::Pad(Fill::Blur);
        let blurred = plan.for_part(Size::new(960, 720), None).canvas.map(|canvas| canvas.fill);
        assert_eq!(blurred, Some(Fill::Blur));
    }
}
