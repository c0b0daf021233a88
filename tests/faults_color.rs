//! Colours of re-encoded videos: compared with the standard formulas, and proven by the verification.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{TestDir, entry, words};
use serde_json::Value;

/// Patches from left to right, as red, green and blue in the source's own encoding.
const PATCHES: [[u8; 3]; 6] =
    [[161, 40, 32], [60, 150, 70], [40, 50, 140], [120, 120, 120], [200, 160, 130], [230, 230, 230]];
const PATCH_WIDTH: usize = 60;
const HEIGHT: usize = 96;

/// Writes a profile under which every video of 15 fps is re-encoded.
fn house(dir: &TestDir) {
    let text = "id = \"house\"\nextends = \"youtube\"\n[rule.frame-rate]\nseverity = \"error\"\nmin = 30\n";
    dir.write("house.toml", text);
    std::fs::create_dir_all(dir.path("in")).unwrap();
}

fn fix(dir: &TestDir, options: &[&str]) -> Value {
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    dir.greenlit(&[&args, options].concat()).json()
}

/// Returns luma and chroma of a colour in limited range by the weights of red and blue (ITU-T H.273, 8.3).
fn components([r, g, b]: [u8; 3], (wr, wb): (f64, f64)) -> [u8; 3] {
    let [r, g, b] = [r, g, b].map(|value| f64::from(value) / 255.0);
    let luma = wr * r + (1.0 - wr - wb) * g + wb * b;
    let chroma = [(b - luma) / (2.0 * (1.0 - wb)), (r - luma) / (2.0 * (1.0 - wr))];
    let [blue, red] = chroma.map(|value| (128.0 + 224.0 * value).round() as u8);
    [(16.0 + 219.0 * luma).round() as u8, blue, red]
}

/// Writes the patches in a matrix as raw planes of 4:4:4, without a conversion by FFmpeg.
fn write_patches(dir: &TestDir, weights: (f64, f64)) {
    let patches = PATCHES.map(|patch| components(patch, weights));
    let row = |component: usize| patches.iter().flat_map(move |patch| [patch[component]; PATCH_WIDTH]);
    let frame: Vec<u8> =
        (0..3).flat_map(|i| (0..HEIGHT).flat_map(move |_| row(i)).collect::<Vec<_>>()).collect();
    dir.write("patches.yuv", frame.repeat(15));
}

/// Encodes the patches with these tags.
fn encode_patches(dir: &TestDir, name: &str, weights: (f64, f64), tags: &str, codec: &str) {
    write_patches(dir, weights);
    let size = format!("{}x{HEIGHT}", PATCH_WIDTH * PATCHES.len());
    let filter = format!("setparams={tags}");
    let mut args = words("-f rawvideo -pix_fmt yuv444p -r 15 -s");
    args.extend([size.as_str(), "-i", "patches.yuv", "-vf", &filter]);
    args.extend(words(codec));
    let to = format!("in/{name}");
    args.push(&to);
    dir.ffmpeg(&args);
}

/// Returns the middle of each patch of an output of BT.709, as RGB.
fn read_patches(dir: &TestDir, name: &str) -> Vec<[u8; 3]> {
    let filter = "scale=in_color_matrix=bt709:in_range=tv:flags=accurate_rnd+full_chroma_int,format=rgb24";
    let mut args = vec!["-v", "error", "-ss", "0.5", "-i", name, "-frames:v", "1", "-vf", filter];
    args.extend(["-f", "rawvideo", "-"]);
    let bytes = Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap().stdout;
    let probe = common::ffprobe(&dir.path(name));
    let number = |key: &str| probe["streams"][0][key].as_u64().unwrap() as usize;
    let (width, height) = (number("width"), number("height"));
    let middle = |at: usize| (at * 2 + 1) * width / PATCHES.len() / 2 + height / 2 * width;
    (0..PATCHES.len()).map(|at| bytes[middle(at) * 3..][..3].try_into().unwrap()).collect()
}

#[track_caller]
fn assert_near(name: &str, found: &[[u8; 3]], expected: &[[f64; 3]]) {
    for (found, expected) in found.iter().zip(expected) {
        let apart = found.iter().zip(expected).map(|(a, b)| (f64::from(*a) - b).abs()).fold(0.0, f64::max);
        assert!(apart <= 5.0, "{name}: found {found:?}, expected {expected:?}");
    }
}

/// Returns the steps of a verified fix as text.
fn steps(report: &Value, name: &str) -> String {
    let fixed = &entry(report, name)["fix"];
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
    fixed["steps"].to_string()
}

const FFV1: &str = "-c:v ffv1";
const BT601: (f64, f64) = (0.299, 0.114);
const BT709: (f64, f64) = (0.2126, 0.0722);

#[test]
fn each_matrix_is_read_as_declared_or_assumed_and_named() {
    let dir = TestDir::new();
    house(&dir);
    let tagged = |matrix: &str| format!("range=tv:color_primaries=bt709:color_trc=bt709:colorspace={matrix}");
    let cases = [
        ("709.mkv", BT709, tagged("bt709"), ""),
        ("601.mkv", BT601, tagged("smpte170m"), "colour matrix converted from BT.601 to BT.709"),
        ("pal.mkv", BT601, tagged("bt470bg"), "colour matrix converted from BT.601 to BT.709"),
        ("240m.mkv", (0.212, 0.087), tagged("smpte240m"), "converted from SMPTE 240M to BT.709"),
        ("fcc.mkv", (0.30, 0.11), tagged("fcc"), "converted from FCC to BT.709"),
        (
            "untagged.mkv",
            BT601,
            "range=tv:color_primaries=unknown:color_trc=unknown:colorspace=unknown".to_owned(),
            "not declared: taken as BT.601 for the whole video, by the size of its first frame (360x96)",
        ),
    ];
    for (name, weights, tags, _) in &cases {
        encode_patches(&dir, name, *weights, tags, FFV1);
    }
    let report = fix(&dir, &[]);
    let expected = PATCHES.map(|patch| patch.map(f64::from));
    for (name, _, _, step) in cases {
        let steps = steps(&report, name);
        assert!(steps.contains(step), "{name}: {steps}");
        assert_near(name, &read_patches(&dir, &format!("out/{}.mp4", &name[..name.len() - 4])), &expected);
    }
}

#[test]
fn digital_cinema_and_linear_light_are_converted() {
    let dir = TestDir::new();
    house(&dir);
    let tags = |primaries, transfer| {
        format!("range=tv:color_primaries={primaries}:color_trc={transfer}:colorspace=bt709")
    };
    let x264 = "-c:v libx264 -preset ultrafast -qp 2 -pix_fmt yuv444p";
    encode_patches(&dir, "xyz.mp4", BT709, &tags("smpte428", "smpte428"), x264);
    encode_patches(&dir, "linear.mkv", BT709, &tags("bt709", "linear"), FFV1);
    let report = fix(&dir, &[]);
    let shown = |light: f64| light.clamp(0.0, 1.0).powf(1.0 / 2.4) * 255.0;
    assert!(steps(&report, "xyz.mp4").contains("from CIE XYZ to BT.709 primaries"));
    let expected = PATCHES.map(|patch| {
        // SMPTE ST 428-1, and the matrix of IEC 61966-2-1.
        let [x, y, z] = patch.map(|value| (f64::from(value) / 255.0).powf(2.6) * 52.37 / 48.0);
        [
            3.2406 * x - 1.5372 * y - 0.4986 * z,
            -0.9689 * x + 1.8758 * y + 0.0415 * z,
            0.0557 * x - 0.2040 * y + 1.0570 * z,
        ]
        .map(shown)
    });
    assert_near("xyz.mp4", &read_patches(&dir, "out/xyz.mp4"), &expected);
    assert!(steps(&report, "linear.mkv").contains("linear light samples converted"));
    let expected = PATCHES.map(|patch| patch.map(|value| shown(f64::from(value) / 255.0)));
    assert_near("linear.mkv", &read_patches(&dir, "out/linear.mp4"), &expected);
}

#[test]
fn a_slight_conversion_of_primaries_is_proven_on_colours_that_hardly_change() {
    let dir = TestDir::new();
    house(&dir);
    let tags = "color_primaries=smpte170m:color_trc=smpte170m:colorspace=smpte170m";
    let names: Vec<String> = ["0xc8beb4", "0xa08c78"]
        .into_iter()
        .map(|color| {
            let source = format!("color={color}:s=360x640:r=15:d=1");
            let filter = format!("scale=out_color_matrix=bt601:out_range=tv,format=yuv420p,setparams={tags}");
            let name = format!("{}.mp4", &color[2..]);
            let to = format!("in/{name}");
            let mut args = vec!["-f", "lavfi", "-i", &source, "-vf", &filter];
            args.extend(words("-c:v libx264 -preset ultrafast -crf 30 -color_range tv"));
            args.extend(words("-color_primaries smpte170m -color_trc smpte170m -colorspace smpte170m"));
            args.push(&to);
            dir.ffmpeg(&args);
            name
        })
        .collect();
    let report = fix(&dir, &[]);
    for name in names {
        assert!(steps(&report, &name).contains("from SMPTE 170M to BT.709 primaries"));
    }
}

#[test]
fn grey_and_palettes_keep_their_colours() {
    let dir = TestDir::new();
    house(&dir);
    let source = "nullsrc=s=360x96:r=15:d=1,format=gbrp,geq=r='if(lt(X,180),60,200)':g='if(lt(X,180),60,200)':b='if(lt(X,180),60,200)'";
    for (name, options) in [
        ("grey.mkv", "-pix_fmt gray -c:v ffv1"),
        ("grey16.mov", "-pix_fmt gray16be -c:v png"),
        ("rgb16.mov", "-pix_fmt rgb48be -c:v png"),
        ("palette.gif", "-filter_complex split[a][b];[a]palettegen[p];[b][p]paletteuse=dither=none"),
    ] {
        let to = format!("in/{name}");
        dir.ffmpeg(&[&["-f", "lavfi", "-i", source][..], &words(options), &[to.as_str()]].concat());
    }
    let report = fix(&dir, &[]);
    for name in ["grey.mkv", "grey16.mov", "rgb16.mov", "palette.gif"] {
        let similarity = &entry(&report, name)["fix"]["verified"]["similarity"];
        steps(&report, name);
        assert_eq!(similarity["metric"], "ssimulacra2", "{name}");
        let found = read_patches(&dir, &format!("out/{}.mp4", &name[..name.len() - 4]));
        let expected: Vec<[f64; 3]> = (0..6).map(|at| [if at < 3 { 60.0 } else { 200.0 }; 3]).collect();
        assert_near(name, &found, &expected);
    }
}

#[test]
fn a_matrix_that_cannot_be_converted_is_refused_before_the_encode() {
    let dir = TestDir::new();
    house(&dir);
    let tags = "range=tv:color_primaries=bt2020:color_trc=bt2020-10:colorspace=bt2020c";
    encode_patches(&dir, "constant.mkv", (0.2627, 0.0593), tags, FFV1);
    let report = fix(&dir, &[]);
    let fixed = &entry(&report, "constant.mkv")["fix"];
    assert_eq!(
        (&fixed["action"], &fixed["refusal"]),
        (&"refused".into(), &"no-true-colours".into()),
        "{fixed:#}"
    );
    assert!(fixed["reason"].as_str().unwrap().contains("bt2020c"), "{fixed:#}");
}

/// Makes a transport stream of two parts without colour tags, the second of another size and 18 ms early.
fn untagged_parts(dir: &TestDir, name: &str, sizes: [&str; 2]) {
    let mut bytes = Vec::new();
    for (number, size) in sizes.into_iter().enumerate() {
        let source = format!("color=0xb43c50:s={size}:r=30:d=1");
        let offset = if number == 0 { "0" } else { "0.982" };
        let mut args = vec!["-f", "lavfi", "-i", &source];
        args.extend(words(
            "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -bf 0 -muxdelay 0 -output_ts_offset",
        ));
        args.extend([offset, "part.ts"]);
        dir.ffmpeg(&args);
        bytes.extend(std::fs::read(dir.path("part.ts")).unwrap());
    }
    dir.write(name, bytes);
}

#[test]
fn untagged_parts_of_several_sizes_are_read_by_one_matrix_and_keep_every_frame() {
    let dir = TestDir::new();
    house(&dir);
    untagged_parts(&dir, "in/down.ts", ["720x1280", "360x640"]);
    untagged_parts(&dir, "in/up.ts", ["360x640", "720x1280"]);
    let report = fix(&dir, &[]);
    for (name, matrix) in
        [("down", "taken as BT.709 for the whole video"), ("up", "taken as BT.601 for the whole video")]
    {
        let steps = steps(&report, &format!("{name}.ts"));
        assert!(steps.contains(matrix), "{name}: {steps}");
        assert_eq!(entry(&report, &format!("{name}.ts"))["fix"]["verified"]["decoded_frames"], 60, "{name}");
        let middle = |seconds: &str| {
            let output = format!("out/{name}.mp4");
            let mut args = vec!["-v", "error", "-ss", seconds, "-i", &output];
            args.extend(words("-frames:v 1 -vf crop=2:2,format=yuv444p -f rawvideo -"));
            Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap().stdout
        };
        let (first, second) = (middle("0.5"), middle("1.5"));
        assert_eq!(first.len(), 12);
        let apart = first.iter().zip(&second).map(|(a, b)| a.abs_diff(*b)).max().unwrap();
        assert!(apart <= 2, "{name}: {first:?} {second:?}");
    }
}
