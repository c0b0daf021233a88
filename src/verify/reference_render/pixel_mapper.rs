//! Maps pixels of an output to positions in its source.

use super::colors::{ColorDecoder, Row, ToneMapping};
use super::image::{PlanarFrame, Plane};
use crate::model::{Flip, Rotation};
use crate::plan::VideoEncode;

/// The samples of a plane for each tap of the output, used if a pixel has several taps. Their mean replaces
/// interpolation.
struct SampleTable<'a> {
    samples: &'a [u16],
    columns: Vec<usize>,
    /// Offsets of rows in `samples`.
    rows: Vec<usize>,
}

/// Maps pixels of the output to the source.
pub(super) struct PixelMapper<'a> {
    source: &'a PlanarFrame,
    plan: &'a VideoEncode,
    pub(super) decoder: ColorDecoder,
    pub(super) mapping: Option<ToneMapping>,
    /// Size of the output.
    size: (f64, f64),
    /// The cropped part of the upright source: left, top, width, height, each from 0 to 1.
    crop: (f64, f64, f64, f64),
    /// Width and height of the upright source in samples.
    upright: (f64, f64),
    /// Whether rows of the output are columns of the source.
    swapped: bool,
    tables: Option<[SampleTable<'a>; 3]>,
    /// Number of taps per pixel in each direction.
    taps: (usize, usize),
}

impl<'a> PixelMapper<'a> {
    pub(super) fn new(
        source: &'a PlanarFrame,
        plan: &'a VideoEncode,
        (width, height): (usize, usize),
    ) -> PixelMapper<'a> {
        let (coded_w, coded_h) = (source.planes[0].width as f64, source.planes[0].height as f64);
        let square = (coded_w * source.sample_aspect_ratio, coded_h);
        let swapped = plan.rotate.swaps_sides();
        let upright = if swapped { (square.1, square.0) } else { square };
        let crop = plan.crop.map_or((0.0, 0.0, 1.0, 1.0), |cut| {
            let (left, top) = (f64::from(cut.left) / upright.0, f64::from(cut.top) / upright.1);
            let (right, bottom) = (f64::from(cut.right) / upright.0, f64::from(cut.bottom) / upright.1);
            (left, top, 1.0 - left - right, 1.0 - top - bottom)
        });
        let upright = if swapped { (coded_h, coded_w) } else { (coded_w, coded_h) };
        let taps = |crop: f64, pixels: usize| (crop / pixels as f64).ceil().clamp(1.0, 8.0) as usize;
        let mut mapper = PixelMapper {
            source,
            plan,
            decoder: ColorDecoder::new(source),
            mapping: plan.tone_map.map(|map| ToneMapping::new(source, map.from)),
            size: (width as f64, height as f64),
            crop,
            upright,
            taps: (taps(crop.2 * upright.0, width), taps(crop.3 * upright.1, height)),
            swapped,
            tables: None,
        };
        // Deinterlacing needs neighbouring lines, and a single tap is interpolated.
        if !plan.deinterlace && mapper.taps != (1, 1) {
            mapper.tables = Some(source.planes.each_ref().map(|plane| mapper.table(plane)));
        }
        mapper
    }

    /// Returns the width and height of the cropped source in samples.
    pub(super) fn kept_samples(&self) -> (f64, f64) {
        (self.crop.2 * self.upright.0, self.crop.3 * self.upright.1)
    }

    /// Computes the components of a row. Samples are averaged before the mostly linear conversion to RGB.
    pub(super) fn row(&self, y: usize, row: &mut Row) {
        let width = self.size.0 as usize;
        let count = (self.taps.0 * self.taps.1) as f32;
        if let Some(tables) = &self.tables {
            for (row, table) in row.iter_mut().zip(tables) {
                row.clear();
                row.extend((0..width).map(|x| self.sum(table, x, y) as f32 / count));
            }
            return;
        }
        row.iter_mut().for_each(Vec::clear);
        let tap_position = |at: usize, d: usize, taps: usize| at as f64 + (d as f64 + 0.5) / taps as f64;
        for x in 0..width {
            let mut sums = [0.0_f32; 3];
            for dy in 0..self.taps.1 {
                for dx in 0..self.taps.0 {
                    let (p, q) = self
                        .source_position(tap_position(x, dx, self.taps.0), tap_position(y, dy, self.taps.1));
                    for (sum, plane) in sums.iter_mut().zip(&self.source.planes) {
                        *sum += self.sample(plane, p, q);
                    }
                }
            }
            for (row, sum) in row.iter_mut().zip(sums) {
                row.push(sum / count);
            }
        }
    }

    fn sum(&self, table: &SampleTable<'_>, x: usize, y: usize) -> u32 {
        let (across, down) = self.taps;
        let mut sum = 0;
        if self.swapped {
            for row in &table.rows[x * across..(x + 1) * across] {
                for column in &table.columns[y * down..(y + 1) * down] {
                    sum += u32::from(table.samples[row + column]);
                }
            }
        } else {
            for row in &table.rows[y * down..(y + 1) * down] {
                for column in &table.columns[x * across..(x + 1) * across] {
                    sum += u32::from(table.samples[row + column]);
                }
            }
        }
        sum
    }

    /// Computes the samples of a plane for each tap. Columns and rows are independent, apart from the rotation.
    fn table(&self, plane: &'a Plane) -> SampleTable<'a> {
        let (width, height) = (self.size.0 as usize * self.taps.0, self.size.1 as usize * self.taps.1);
        let tap_position = |at: usize, taps: usize| (at as f64 + 0.5) / taps as f64;
        let across = (0..width).map(|at| self.source_position(tap_position(at, self.taps.0), 0.0));
        let down = (0..height).map(|at| self.source_position(0.0, tap_position(at, self.taps.1)));
        let column = |p: f64| ((p * plane.width as f64).max(0.0) as usize).min(plane.width - 1);
        let row = |q: f64| ((q * plane.height as f64).max(0.0) as usize).min(plane.height - 1) * plane.width;
        let (columns, rows) = match self.swapped {
            false => (across.map(|(p, _)| column(p)).collect(), down.map(|(_, q)| row(q)).collect()),
            true => (down.map(|(p, _)| column(p)).collect(), across.map(|(_, q)| row(q)).collect()),
        };
        SampleTable { samples: &plane.samples, columns, rows }
    }

    fn sample(&self, plane: &Plane, p: f64, q: f64) -> f32 {
        if self.plan.deinterlace {
            // Blends both fields: a line and its neighbours.
            let line = 1.0 / plane.height as f64;
            return (plane.at(p, q - line) + 2.0 * plane.at(p, q) + plane.at(p, q + line)) / 4.0;
        }
        plane.at(p, q)
    }

    /// Returns the position in the source, from 0 to 1, that a position of the output shows.
    fn source_position(&self, x: f64, y: f64) -> (f64, f64) {
        let (p, q) =
            (self.crop.0 + x / self.size.0 * self.crop.2, self.crop.1 + y / self.size.1 * self.crop.3);
        let (p, q) = match self.plan.rotate {
            Rotation::None => (p, q),
            Rotation::Quarter => (q, 1.0 - p),
            Rotation::Half => (1.0 - p, 1.0 - q),
            Rotation::ThreeQuarters => (1.0 - q, p),
        };
        match self.plan.flip {
            Some(Flip::Horizontal) => (1.0 - p, q),
            Some(Flip::Vertical) => (p, 1.0 - q),
            None => (p, q),
        }
    }
}
