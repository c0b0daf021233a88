//! Where each pixel of an output lies in its source.

use super::colors::{Decoding, Row, ToneMapping};
use super::image::{Picture, Plane};
use crate::model::{Flip, Rotation};
use crate::plan::VideoEncode;

/// Where the places of an output lie in a plane, where several of them make a pixel: the nearest samples
/// then do, and their mean lies between them.
struct Table<'a> {
    samples: &'a [u16],
    columns: Vec<usize>,
    /// Beginnings of rows.
    rows: Vec<usize>,
}

/// Traces pixels of the output back.
pub(super) struct PixelMapper<'a> {
    source: &'a Picture,
    plan: &'a VideoEncode,
    pub(super) decoding: Decoding,
    pub(super) mapping: Option<ToneMapping>,
    /// Size of the output.
    size: (f64, f64),
    /// The part of the upright source that is kept: left, top, width, height, each in 0 to 1.
    kept: (f64, f64, f64, f64),
    /// Samples of the upright source, across and down.
    upright: (f64, f64),
    /// Whether a row of the output is a column of the source.
    swapped: bool,
    tables: Option<[Table<'a>; 3]>,
    /// Places looked at in each direction for one pixel.
    taps: (usize, usize),
}

impl<'a> PixelMapper<'a> {
    pub(super) fn new(
        source: &'a Picture,
        plan: &'a VideoEncode,
        (width, height): (usize, usize),
    ) -> PixelMapper<'a> {
        let (coded_w, coded_h) = (source.planes[0].width as f64, source.planes[0].height as f64);
        let square = (coded_w * source.sample_aspect_ratio, coded_h);
        let swapped = plan.rotate.swaps_sides();
        let upright = if swapped { (square.1, square.0) } else { square };
        let kept = plan.crop.map_or((0.0, 0.0, 1.0, 1.0), |cut| {
            let (left, top) = (f64::from(cut.left) / upright.0, f64::from(cut.top) / upright.1);
            let (right, bottom) = (f64::from(cut.right) / upright.0, f64::from(cut.bottom) / upright.1);
            (left, top, 1.0 - left - right, 1.0 - top - bottom)
        });
        let upright = if swapped { (coded_h, coded_w) } else { (coded_w, coded_h) };
        let taps = |kept: f64, drawn: usize| (kept / drawn as f64).ceil().clamp(1.0, 8.0) as usize;
        let mut eye = PixelMapper {
            source,
            plan,
            decoding: Decoding::new(source),
            mapping: plan.tone_map.map(|map| ToneMapping::new(source, map.from)),
            size: (width as f64, height as f64),
            kept,
            upright,
            taps: (taps(kept.2 * upright.0, width), taps(kept.3 * upright.1, height)),
            swapped,
            tables: None,
        };
        // Fields need their neighbours, and a single place lies between its own.
        if !plan.deinterlace && eye.taps != (1, 1) {
            eye.tables = Some(source.planes.each_ref().map(|plane| eye.table(plane)));
        }
        eye
    }

    /// Samples of the part that is kept, across and down.
    pub(super) fn kept_samples(&self) -> (f64, f64) {
        (self.kept.2 * self.upright.0, self.kept.3 * self.upright.1)
    }

    /// The components of a row. Samples are averaged as they are: what follows is linear but for the last.
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
        let part = |at: usize, d: usize, taps: usize| at as f64 + (d as f64 + 0.5) / taps as f64;
        for x in 0..width {
            let mut sums = [0.0_f32; 3];
            for dy in 0..self.taps.1 {
                for dx in 0..self.taps.0 {
                    let (p, q) = self.place(part(x, dx, self.taps.0), part(y, dy, self.taps.1));
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

    fn sum(&self, table: &Table<'_>, x: usize, y: usize) -> u32 {
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

    /// Where each place looked at lies in a plane: columns and rows hang together only by what is turned.
    fn table(&self, plane: &'a Plane) -> Table<'a> {
        let (width, height) = (self.size.0 as usize * self.taps.0, self.size.1 as usize * self.taps.1);
        let part = |at: usize, taps: usize| (at as f64 + 0.5) / taps as f64;
        let across = (0..width).map(|at| self.place(part(at, self.taps.0), 0.0));
        let down = (0..height).map(|at| self.place(0.0, part(at, self.taps.1)));
        let column = |p: f64| ((p * plane.width as f64).max(0.0) as usize).min(plane.width - 1);
        let row = |q: f64| ((q * plane.height as f64).max(0.0) as usize).min(plane.height - 1) * plane.width;
        let (columns, rows) = match self.swapped {
            false => (across.map(|(p, _)| column(p)).collect(), down.map(|(_, q)| row(q)).collect()),
            true => (down.map(|(p, _)| column(p)).collect(), across.map(|(_, q)| row(q)).collect()),
        };
        Table { samples: &plane.samples, columns, rows }
    }

    fn sample(&self, plane: &Plane, p: f64, q: f64) -> f32 {
        if self.plan.deinterlace {
            // Both fields at once: a line and its neighbours.
            let line = 1.0 / plane.height as f64;
            return (plane.at(p, q - line) + 2.0 * plane.at(p, q) + plane.at(p, q + line)) / 4.0;
        }
        plane.at(p, q)
    }

    /// The place of the source, 0 to 1, that a place of the output shows.
    fn place(&self, x: f64, y: f64) -> (f64, f64) {
        let (p, q) =
            (self.kept.0 + x / self.size.0 * self.kept.2, self.kept.1 + y / self.size.1 * self.kept.3);
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
