//! Writes the filters that map HDR to SDR of BT.709: for each pixel, or once for a table that is then applied to every
//! frame.

use crate::libav::frame_format::FrameFormat;
use crate::model::{HdrKind, Matrix, Size, Transfer};

/// All combinations of 64 levels of red, green and blue, in one frame.
const EVERY_COLOR: &str = "haldclutsrc=level=8:duration=0.04,format=gbrp16le";

/// The table is earlier than all frames, so that `haldclut` knows by the first of them that it has no other: else
/// it would copy that frame to memory that is not aligned as zimg requires.
const BEFORE_ALL_FRAMES: &str = "setpts=PTS-1/TB";

/// The mapping of HDR to SDR of BT.709, for frames of one format.
pub(super) struct ToneMap {
    /// The transfer by the name of the filter `zscale`.
    transfer: &'static str,
    /// The options by which `zscale` reads the matrix and the range.
    samples: String,
    /// The peak luminance in units of 100 candela per square metre.
    peak: f64,
}

impl ToneMap {
    /// Creates the mapping of frames, and adapts `source` to its result: RGB of an even size.
    pub(super) fn new(source: &mut FrameFormat, from: HdrKind) -> ToneMap {
        let transfer = match (from, source.transfer) {
            (HdrKind::Hlg, _) | (HdrKind::DolbyVision, Transfer::Hlg) => "arib-std-b67",
            _ => "smpte2084",
        };
        let (matrix, range) = match source.matrix {
            Some(Matrix::Rgb) => ("gbr", "pc"),
            Some(Matrix::Bt709) => ("bt709", source.range()),
            Some(Matrix::Bt601) => ("smpte170m", source.range()),
            Some(Matrix::YCgCo) => ("ycgco", source.range()),
            _ => ("bt2020nc", source.range()),
        };
        // Without a declared peak, a master of 1,000 candela per square metre is assumed.
        let peak = source.peak.map_or(10.0, |peak| peak as f64 / 1e6);
        let map = ToneMap { transfer, samples: format!("min={matrix}:rin={range}"), peak };
        source.size = (source.size.0 & !1, source.size.1 & !1);
        source.zimg = false;
        source.full_range = true;
        source.matrix = Some(Matrix::Rgb);
        source.primaries = None;
        source.transfer = Transfer::Video;
        map
    }

    /// Returns the filters that map each pixel, to RGB of 12 bits.
    pub(super) fn of_each_pixel(&self) -> String {
        format!("{},format=gbrp12le", self.to_sdr(&self.samples))
    }

    /// Returns the filters that scale frames from one size to another and map them to 4:2:0 by a table.
    ///
    /// The mapping of each pixel costs more than encoding it, and its table as much as a frame of 512x512. `lut3d`
    /// would read the table from a file, and workers open none; `haldclut` takes it from a second source. The samples
    /// are floats because FFmpeg 5.1 and 7.1 exchange the colours of a table of planar integers.
    pub(super) fn by_table(&self, from: (u32, u32), to: Size) -> String {
        let resize = match (to.width, to.height) {
            same if same == from => String::new(),
            (width, height) => format!("w={width}:h={height}:f=lanczos:"),
        };
        let transfer = self.transfer;
        let samples = &self.samples;
        format!(
            "zscale={resize}{samples}:tin={transfer}:pin=bt2020:p=bt2020:t={transfer}:m=gbr:r=pc,format=gbrpf32le{},\
             zscale=min=gbr:rin=pc:tin=bt709:pin=bt709:p=bt709:t=bt709:m=bt709:r=tv:d=ordered,format=yuv420p",
            self.look_up()
        )
    }

    /// Returns the filters from RGB of HDR to RGB of SDR by the table.
    fn look_up(&self) -> String {
        // Integers clip the table as they clip pixels.
        let table = format!("{},format=gbrp16le,zscale,format=gbrpf32le", self.to_sdr("min=gbr:rin=pc"));
        format!(
            "[hdr];{EVERY_COLOR},{table},{BEFORE_ALL_FRAMES}[table];\
             [hdr][table]haldclut=clut=first:interp=tetrahedral"
        )
    }

    /// Returns the filters from samples that `zscale` reads with these options to RGB of SDR.
    fn to_sdr(&self, samples: &str) -> String {
        // `p` is set explicitly: by default it follows the frame's tag, and zimg cannot convert BT.2020 to an
        // unknown gamut. Values above white are clipped in RGB, because clipping luma and chroma changes the hue.
        format!(
            "zscale={samples}:tin={}:pin=bt2020:p=bt2020:t=linear:npl=100,format=gbrpf32le,zscale=p=bt709,\
             tonemap=tonemap=hable:desat=0:peak={},zscale=t=bt709:m=gbr:r=pc",
            self.transfer, self.peak
        )
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;
    use crate::libav::filter::{Graph, Pulled};

    /// A source that gives no frame: every graph needs one.
    const UNUSED_SOURCE: &str = "buffer=video_size=2x2:pix_fmt=0:time_base=1/1:pixel_aspect=1/1,nullsink";
    /// Ramps of grey, of saturated colours and of everything between, from black to the largest value.
    const RAMPS: &str = "nullsrc=s=256x256:d=0.04,format=gbrp16le,\
                         geq=r='65535*X/255':g='65535*X/255*mod(Y,16)/15':b='65535*X/255*floor(Y/16)/15',\
                         setparams=range=pc:colorspace=gbr";

    fn map(from: HdrKind, peak: Option<u64>) -> ToneMap {
        let mut rgb = FrameFormat {
            size: (256, 256),
            pixel_format: 0,
            sample_aspect_ratio: (1, 1),
            zimg: false,
            full_range: true,
            matrix: Some(Matrix::Rgb),
            primaries: None,
            transfer: Transfer::Video,
            peak,
        };
        ToneMap::new(&mut rgb, from)
    }

    /// Returns the colours of the only frame of a graph, from 0 to 1.
    fn colors(filters: &str) -> Vec<[f64; 3]> {
        let text = format!("{UNUSED_SOURCE};{filters},zscale,format=gbrp16le,buffersink");
        let Pulled::Frame(frame) = Graph::new(&text).unwrap().pull(0).unwrap() else { panic!("no frame") };
        let (width, height) = (frame.get().width as usize, frame.get().height as usize);
        let value = |plane, x: usize, y| {
            let row: &[u8] = frame.row(plane, y, width * 2);
            f64::from(u16::from_le_bytes([row[2 * x], row[2 * x + 1]])) / 65535.0
        };
        let positions = (0..height).flat_map(|y| (0..width).map(move |x| (x, y)));
        // The planes are those of green, blue and red.
        positions.map(|(x, y)| [2, 0, 1].map(|plane| value(plane, x, y))).collect()
    }

    /// Returns CIE L*a*b* of a BT.709 colour on a display of Recommendation ITU-R BT.1886.
    fn lab(rgb: [f64; 3]) -> [f64; 3] {
        let [r, g, b] = rgb.map(|value| value.powf(2.4));
        let xyz = [
            (0.4124564 * r + 0.3575761 * g + 0.1804375 * b) / 0.95047,
            0.2126729 * r + 0.7151522 * g + 0.0721750 * b,
            (0.0193339 * r + 0.1191920 * g + 0.9503041 * b) / 1.08883,
        ];
        let [x, y, z] =
            xyz.map(|t| if t > 216.0 / 24389.0 { t.cbrt() } else { (24389.0 / 27.0 * t + 16.0) / 116.0 });
        [116.0 * y - 16.0, 500.0 * (x - y), 200.0 * (y - z)]
    }

    /// Returns the difference of two colours by CIEDE2000 (ISO/CIE 11664-6).
    fn difference([l1, a1, b1]: [f64; 3], [l2, a2, b2]: [f64; 3]) -> f64 {
        let weight = |chroma: f64| (chroma.powi(7) / (chroma.powi(7) + 25_f64.powi(7))).sqrt();
        let stretch = 1.5 - 0.5 * weight((a1.hypot(b1) + a2.hypot(b2)) / 2.0);
        let (a1, a2) = (a1 * stretch, a2 * stretch);
        let (c1, c2) = (a1.hypot(b1), a2.hypot(b2));
        let (h1, h2) = (b1.atan2(a1), b2.atan2(a2));
        let turn = std::f64::consts::TAU;
        let apart = if c1 * c2 == 0.0 { 0.0 } else { (h2 - h1 + 1.5 * turn).rem_euclid(turn) - turn / 2.0 };
        let hue = if c1 * c2 == 0.0 { h1 + h2 } else { h1 + apart / 2.0 };
        let (light, chroma) = ((l1 + l2) / 2.0 - 50.0, (c1 + c2) / 2.0);
        let wave = |times: f64, degrees: f64| (times * hue + degrees.to_radians()).cos();
        let t = 1.0 - 0.17 * wave(1.0, -30.0) + 0.24 * wave(2.0, 0.0) + 0.32 * wave(3.0, 6.0)
            - 0.2 * wave(4.0, -63.0);
        let l = (l2 - l1) / (1.0 + 0.015 * light * light / (20.0 + light * light).sqrt());
        let c = (c2 - c1) / (1.0 + 0.045 * chroma);
        let h = 2.0 * (c1 * c2).sqrt() * (apart / 2.0).sin() / (1.0 + 0.015 * chroma * t);
        let blue = (hue.to_degrees().rem_euclid(360.0) - 275.0) / 25.0;
        let rotation = -2.0 * weight(chroma) * (60.0 * (-blue * blue).exp()).to_radians().sin();
        (l * l + c * c + h * h + rotation * c * h).max(0.0).sqrt()
    }

    /// Compares the table with the mapping of each pixel of HDR in RGB, at every `step`th pixel.
    fn assert_alike(hdr: &str, map: &ToneMap, step: usize) {
        let exact = colors(&format!("{hdr},{}", map.to_sdr("min=gbr:rin=pc")));
        let table = colors(&format!("{hdr},zscale,format=gbrpf32le{}", map.look_up()));
        assert_eq!(exact.len(), table.len());
        let pairs = exact.iter().zip(&table).step_by(step);
        let mut apart: Vec<f64> = pairs.map(|(one, other)| difference(lab(*one), lab(*other))).collect();
        apart.sort_by(f64::total_cmp);
        let mean = apart.iter().sum::<f64>() / apart.len() as f64;
        let high = apart[apart.len() * 999 / 1000];
        assert!(mean < 1.0 && high < 3.0, "{}, peak {}: mean {mean}, high {high}", map.transfer, map.peak);
        let greens = |(low, high): (f64, f64), color: &[f64; 3]| (low.min(color[1]), high.max(color[1]));
        let (low, high) = exact.iter().fold((1.0, 0.0), greens);
        assert!(low < 0.1 && high > 0.4, "the picture has dark and light parts: {low} {high}");
    }

    #[test]
    fn differences_of_colours_are_those_of_the_standard() {
        // Pairs 1, 7, 17 and 25 of the supplementary test data of Sharma, Wu and Dalal (2005).
        for (one, other, expected) in [
            ([50.0, 2.6772, -79.7751], [50.0, 0.0, -82.7485], 2.0425),
            ([50.0, 0.0, 0.0], [50.0, -1.0, 2.0], 2.3669),
            ([50.0, 2.5, 0.0], [73.0, 25.0, -18.0], 27.1492),
            ([60.2574, -34.0099, 36.2677], [60.4626, -34.1751, 39.4387], 1.2644),
        ] {
            assert!((difference(one, other) - expected).abs() < 1e-4, "{one:?} {other:?}");
        }
    }

    #[test]
    fn the_table_maps_ramps_as_each_pixel_is_mapped() {
        for peak in [None, Some(4_000 * 10_000), Some(10_000 * 10_000)] {
            for from in [HdrKind::Hlg, HdrKind::Pq] {
                assert_alike(RAMPS, &map(from, peak), 1);
            }
        }
    }

    #[test]
    fn the_table_maps_a_clip_as_each_pixel_is_mapped() {
        let clip = concat!(env!("CARGO_MANIFEST_DIR"), "/fixtures/firefox-media-TestPatternHDR.mp4");
        for (from, transfer) in [(HdrKind::Hlg, "arib-std-b67"), (HdrKind::Pq, "smpte2084")] {
            let hdr = format!(
                "movie='{clip}':seek_point=8,trim=end_frame=1,\
                 zscale=w=960:h=540:p=bt2020:t={transfer}:m=gbr:r=pc,format=gbrp16le"
            );
            assert_alike(&hdr, &map(from, None), 7);
        }
    }

    #[test]
    fn frames_are_scaled_only_if_the_size_changes() {
        let map = map(HdrKind::Pq, Some(1_000 * 10_000));
        assert!(
            map.by_table((640, 360), Size::new(320, 180)).starts_with("zscale=w=320:h=180:f=lanczos:min=gbr")
        );
        let same = map.by_table((640, 360), Size::new(640, 360));
        assert!(same.starts_with("zscale=min=gbr") && same.contains("peak=10,"), "{same}");
    }
}
