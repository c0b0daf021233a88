//! Frames that change their size, that need conversion, or whose fine detail scalers place differently.
#![allow(clippy::unwrap_used)]

mod common;

use std::process::Command;

use common::{TestDir, entry, errors, words};
use serde_json::Value;

const X264: &str = "-c:v libx264 -preset ultrafast -pix_fmt yuv420p -g 15 -bf 0";

fn check(dir: &TestDir, options: &[&str]) -> Value {
    let args = ["check", "in", "--profile", "house.toml", "--format", "json"];
    dir.greenlit(&[&args, options].concat()).json()
}

fn fix(dir: &TestDir, options: &[&str]) -> Value {
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    dir.greenlit(&[&args, options].concat()).json()
}

fn house(dir: &TestDir, rules: &str) {
    dir.write("house.toml", format!("id = \"house\"\nextends = \"youtube\"\n{rules}"));
    std::fs::create_dir_all(dir.path("in")).unwrap();
}

/// Makes parts of one second in these sizes, each in one colour.
fn parts(dir: &TestDir, extension: &str, codec: &str, parts: &[(&str, &str)]) -> Vec<String> {
    let mut names = Vec::new();
    for (number, (size, color)) in parts.iter().enumerate() {
        let source = format!("color={color}:s={size}:r=15:d=1,noise=alls=4");
        let name = format!("part{number}.{extension}");
        let offset = number.to_string();
        let mut args = vec!["-f", "lavfi", "-i", &source];
        args.extend(words(codec));
        args.extend(["-muxdelay", "0", "-output_ts_offset", &offset, &name]);
        dir.ffmpeg(&args);
        names.push(name);
    }
    names
}

/// Appends the parts as bytes, as a transport stream allows.
fn append(dir: &TestDir, names: &[String], to: &str) {
    let bytes: Vec<u8> = names.iter().flat_map(|name| std::fs::read(dir.path(name)).unwrap()).collect();
    dir.write(to, bytes);
}

/// Returns the pixels of a frame as RGB, with its size.
fn frame(dir: &TestDir, name: &str, at_s: &str) -> (usize, Vec<[u8; 3]>) {
    let probe = common::ffprobe(&dir.path(name));
    let width = probe["streams"][0]["width"].as_u64().unwrap() as usize;
    let filter = "scale=in_color_matrix=bt709:flags=accurate_rnd+full_chroma_int";
    let mut args = vec!["-v", "error", "-ss", at_s, "-i", name, "-frames:v", "1", "-vf", filter];
    args.extend(["-pix_fmt", "rgb24", "-f", "rawvideo", "-"]);
    let output = Command::new("ffmpeg").args(args).current_dir(dir.root()).output().unwrap().stdout;
    (width, output.chunks_exact(3).map(|pixel| pixel.try_into().unwrap()).collect())
}

#[track_caller]
fn assert_near(found: [u8; 3], expected: [u8; 3], tolerance: u8) {
    let near = found.iter().zip(expected).all(|(a, b)| a.abs_diff(b) <= tolerance);
    assert!(near, "found {found:?}, expected {expected:?}");
}

#[test]
fn a_size_that_changes_in_mid_stream_is_an_error_in_every_container() {
    let dir = TestDir::new();
    house(&dir, "[rule.parameter-change]\nseverity = \"advice\"\n");
    let sizes = [("320x180", "red"), ("240x180", "blue"), ("320x180", "red")];
    let appended = [
        ("avc.ts", X264.to_owned()),
        ("hevc.ts", "-c:v libx265 -preset ultrafast -x265-params log-level=none:keyint=15".to_owned()),
        ("mpeg2.ts", "-c:v mpeg2video -b:v 2M".to_owned()),
    ];
    for (name, codec) in &appended {
        let names = parts(&dir, "ts", codec, &sizes);
        append(&dir, &names, &format!("in/{name}"));
    }
    dir.ffmpeg(&words("-i in/avc.ts -c copy in/avc.mp4"));
    dir.ffmpeg(&words("-i in/avc.ts -c copy in/avc.mkv"));
    dir.ffmpeg(&words("-i in/hevc.ts -c copy in/hevc.mp4"));
    for (name, extension, codec) in [
        ("vp8.webm", "webm", "-c:v libvpx -deadline realtime -cpu-used 8 -b:v 500k"),
        ("vp9.webm", "webm", "-c:v libvpx-vp9 -deadline realtime -cpu-used 8 -b:v 500k"),
        ("mpeg4.avi", "avi", "-c:v mpeg4 -b:v 1M"),
    ] {
        let names = parts(&dir, extension, codec, &sizes);
        dir.write("list.txt", names.iter().map(|name| format!("file {name}\n")).collect::<String>());
        let to = format!("in/{name}");
        dir.ffmpeg(&["-f", "concat", "-i", "list.txt", "-c", "copy", &to]);
    }
    let same = parts(&dir, "ts", X264, &[("320x180", "red"), ("320x180", "blue")]);
    append(&dir, &same, "in/same.ts");
    let report = check(&dir, &[]);
    let names = ["avc.ts", "hevc.ts", "mpeg2.ts", "avc.mp4", "avc.mkv", "hevc.mp4", "vp8.webm", "vp9.webm"];
    for name in names.into_iter().chain(["mpeg4.avi"]) {
        let entry = entry(&report, name);
        assert!(errors(entry).contains(&"parameter-change"), "{name}: {entry:#}");
        let video = &entry["media"]["video"][0];
        let expected = serde_json::json!([{"width": 320, "height": 180}, {"width": 240, "height": 180}]);
        assert_eq!(video["frame_sizes"], expected, "{name}");
        assert!(video["parameter_changes"].as_u64() >= Some(2), "{name}: {video:#}");
    }
    let same = entry(&report, "same.ts");
    assert!(!errors(same).contains(&"parameter-change"));
    assert_eq!(same["media"]["video"][0]["frame_sizes"], serde_json::json!([]));
}

#[test]
fn each_part_is_fitted_into_the_frame_of_the_first_without_stretching() {
    for (name, copied) in [("in/parts.ts", false), ("in/parts.mp4", true)] {
        let dir = TestDir::new();
        house(&dir, "");
        let sizes = [("320x180", "red"), ("180x180", "blue"), ("640x360", "green")];
        let names = parts(&dir, "ts", X264, &sizes);
        append(&dir, &names, if copied { "parts.ts" } else { name });
        if copied {
            dir.ffmpeg(&["-i", "parts.ts", "-c", "copy", name]);
        }
        let report = fix(&dir, &["--background", "ffffff"]);
        let fixed = &entry(&report, &name[3..])["fix"];
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
        let steps = fixed["steps"].to_string();
        assert!(steps.contains("180x180, 640x360 scaled and padded to 320x180"), "{steps}");
        let at = |seconds, x: usize| {
            let (width, pixels) = frame(&dir, "out/parts.mp4", seconds);
            assert_eq!((width, pixels.len()), (320, 320 * 180));
            pixels[90 * width + x]
        };
        // A square of 180 pixels between borders of 70.
        for (seconds, x, color) in [
            ("0.5", 5, [254, 0, 0]),
            ("1.5", 30, [255, 255, 255]),
            ("1.5", 160, [0, 0, 254]),
            ("1.5", 80, [0, 0, 254]),
            ("1.5", 290, [255, 255, 255]),
            ("2.5", 5, [0, 128, 0]),
            ("2.5", 310, [0, 128, 0]),
        ] {
            assert_near(at(seconds, x), color, 12);
        }
        let cropped = TestDir::new();
        house(&cropped, "");
        cropped.write(name, std::fs::read(dir.path(name)).unwrap());
        let report = fix(&cropped, &["--fit", "crop"]);
        let fixed = &entry(&report, &name[3..])["fix"];
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
        assert_near(frame(&cropped, "out/parts.mp4", "1.5").1[90 * 320 + 5], [0, 0, 254], 12);
    }
}

#[test]
fn transparency_beside_the_frames_is_composed_on_the_background() {
    let dir = TestDir::new();
    house(&dir, "[rule.pixel-format]\nseverity = \"error\"\nchroma = [\"4:2:0\"]\n");
    // The left half is opaque red; the right half hides green.
    let source = "color=red:s=320x180:r=15:d=1,format=yuva444p,geq=\
                  r='if(lt(X,160),255,0)':g='if(lt(X,160),0,255)':b=0:a='if(lt(X,160),255,0)',format=yuva420p";
    for (name, codec) in [("vp8.webm", "libvpx"), ("vp9.webm", "libvpx-vp9")] {
        let mut args = vec!["-f", "lavfi", "-i", source, "-c:v", codec, "-auto-alt-ref", "0"];
        let to = format!("in/{name}");
        args.extend(words("-deadline realtime -cpu-used 8 -b:v 1M -pix_fmt yuva420p"));
        args.push(&to);
        dir.ffmpeg(&args);
    }
    let mov =
        ["-f", "lavfi", "-i", source, "-c:v", "prores_ks", "-profile:v", "4", "-pix_fmt", "yuva444p10le"];
    dir.ffmpeg(&[&mov[..], &["in/prores.mov"]].concat());
    let report = fix(&dir, &["--background", "0000ff"]);
    for name in ["vp8.webm", "vp9.webm", "prores.mov"] {
        let entry = entry(&report, name);
        assert_eq!(entry["media"]["video"][0]["alpha"], true, "{name}");
        assert_eq!(entry["fix"]["verified"]["verdict"], "compliant", "{name}: {entry:#}");
        let steps = entry["fix"]["steps"].to_string();
        assert!(steps.contains("transparent pixels composed on the background"), "{name}: {steps}");
        let output = match name {
            "prores.mov" => "out/prores.mp4",
            "vp8.webm" => "out/vp8.mp4",
            _ => "out/vp9.mp4",
        };
        let (width, pixels) = frame(&dir, output, "0.5");
        assert_near(pixels[90 * width + 40], [254, 0, 0], 16);
        assert_near(pixels[90 * width + 280], [0, 0, 254], 16);
    }
}

/// Chromaticities of red, green, blue and white.
type Chromaticities = [(f64, f64); 4];

/// Converts linear RGB between primaries with the same white point, by Cramer's rule.
fn convert(rgb: [f64; 3], from: Chromaticities, to: Chromaticities) -> [f64; 3] {
    let xyz = |(x, y): (f64, f64)| [x / y, 1.0, (1.0 - x - y) / y];
    let determinant = |c: [[f64; 3]; 3]| {
        c[0][0] * (c[1][1] * c[2][2] - c[2][1] * c[1][2]) - c[1][0] * (c[0][1] * c[2][2] - c[2][1] * c[0][2])
            + c[2][0] * (c[0][1] * c[1][2] - c[1][1] * c[0][2])
    };
    // The factors by which three columns add up to a colour.
    let solve = |columns: [[f64; 3]; 3], sum: [f64; 3]| {
        [0, 1, 2].map(|i| {
            let mut replaced = columns;
            replaced[i] = sum;
            determinant(replaced) / determinant(columns)
        })
    };
    let columns = |c: Chromaticities| {
        let [r, g, b] = [c[0], c[1], c[2]].map(xyz);
        let scale = solve([r, g, b], xyz(c[3]));
        [r.map(|v| v * scale[0]), g.map(|v| v * scale[1]), b.map(|v| v * scale[2])]
    };
    let source = columns(from);
    let color = [0, 1, 2].map(|i| source[0][i] * rgb[0] + source[1][i] * rgb[1] + source[2][i] * rgb[2]);
    solve(columns(to), color)
}

/// The name of a matrix for the filter `scale`.
fn name_for_scale(matrix: &str) -> &str {
    match matrix {
        "smpte170m" => "bt601",
        "bt2020nc" => "bt2020",
        other => other,
    }
}

#[test]
fn other_primaries_are_converted_to_bt709() {
    const D65: (f64, f64) = (0.3127, 0.3290);
    const P3: Chromaticities = [(0.68, 0.32), (0.265, 0.69), (0.15, 0.06), D65];
    const BT2020: Chromaticities = [(0.708, 0.292), (0.17, 0.797), (0.131, 0.046), D65];
    const SMPTE_C: Chromaticities = [(0.63, 0.34), (0.31, 0.595), (0.155, 0.07), D65];
    const BT709: Chromaticities = [(0.64, 0.33), (0.30, 0.60), (0.15, 0.06), D65];
    let dir = TestDir::new();
    // Only encoded outputs are converted.
    house(&dir, "[rule.frame-rate]\nseverity = \"error\"\nmin = 30\n");
    let patches = [[161, 40, 32], [60, 150, 70], [40, 50, 140], [120, 120, 120]];
    let cases = [
        ("p3.mp4", "smpte432", "bt709", P3, "Display P3"),
        ("p3-rgb.mov", "smpte432", "bt709", P3, "Display P3"),
        ("wide.mp4", "bt2020", "bt2020nc", BT2020, "BT.2020"),
        ("ntsc.mp4", "smpte170m", "smpte170m", SMPTE_C, "SMPTE 170M"),
    ];
    let source = "nullsrc=s=320x80:r=15:d=1,format=gbrp,geq=\
                  r='if(lt(X,80),161,if(lt(X,160),60,if(lt(X,240),40,120)))':\
                  g='if(lt(X,80),40,if(lt(X,160),150,if(lt(X,240),50,120)))':\
                  b='if(lt(X,80),32,if(lt(X,160),70,if(lt(X,240),140,120)))'";
    for (name, primaries, matrix, ..) in cases {
        let scale = name_for_scale(matrix);
        let (codec, filter) = match name.ends_with(".mov") {
            true => ("-c:v qtrle -pix_fmt rgb24".to_owned(), source.to_owned()),
            false => (
                format!("{X264} -crf 8"),
                format!(
                    "{source},scale=out_color_matrix={scale}:out_range=tv:flags=accurate_rnd,format=yuv444p"
                ),
            ),
        };
        let mut args = vec!["-f", "lavfi", "-i", &filter];
        args.extend(words(&codec));
        args.extend(["-color_primaries", primaries, "-color_trc", "bt709", "-colorspace", matrix]);
        let to = format!("in/{name}");
        args.push(&to);
        dir.ffmpeg(&args);
    }
    let report = fix(&dir, &["--background", "000000"]);
    for (name, _, _, primaries, title) in cases {
        let entry = entry(&report, name);
        let tagged = entry["media"]["video"][0]["color"]["primaries"].is_string();
        assert_eq!(entry["fix"]["verified"]["verdict"], "compliant", "{name}: {entry:#}");
        // QuickTime RLE may lose the tag when it is written.
        if !tagged {
            continue;
        }
        let steps = entry["fix"]["steps"].to_string();
        assert!(steps.contains(&format!("from {title} to BT.709")), "{name}: {steps}");
        let output = format!("out/{}.mp4", name.split('.').next().unwrap());
        let stream = &common::ffprobe(&dir.path(&output))["streams"][0];
        assert_eq!(stream["color_primaries"], "bt709");
        let (width, pixels) = frame(&dir, &output, "0.5");
        for (at, patch) in patches.iter().enumerate() {
            let light = patch.map(|value| (f64::from(value) / 255.0).powf(2.4));
            let converted = convert(light, primaries, BT709);
            let expected = converted.map(|v| (v.clamp(0.0, 1.0).powf(1.0 / 2.4) * 255.0).round() as u8);
            assert_near(pixels[40 * width + at * 80 + 40], expected, 7);
        }
    }
}

#[test]
fn a_copy_of_other_primaries_is_a_warning_and_keeps_its_tags() {
    let dir = TestDir::new();
    house(&dir, "");
    let mut args = vec!["-f", "lavfi", "-i", "testsrc2=s=320x180:r=15:d=1"];
    args.extend(words(X264));
    // The transfer is not declared, which alone would be cleared by declaring BT.709.
    args.extend(words(
        "-bsf:v h264_metadata=colour_primaries=12:matrix_coefficients=1 -movflags +faststart in/p3.mp4",
    ));
    dir.ffmpeg(&args);
    let report = fix(&dir, &[]);
    let file = entry(&report, "p3.mp4");
    let findings = file["findings"].to_string();
    assert!(findings.contains("Display P3 primaries"), "{findings}");
    let stream = &common::ffprobe(&dir.path("out/p3.mp4"))["streams"][0];
    assert_eq!(stream["color_primaries"], "smpte432", "the samples are still those of Display P3");
}

#[test]
fn one_pixel_patterns_pass_the_comparison() {
    let dir = TestDir::new();
    house(
        &dir,
        "[rule.resolution]\nseverity = \"error\"\nmin_side = 720\n[rule.interlaced]\nseverity = \"error\"\n",
    );
    let patterns = [
        ("checks.mp4", "geq=lum='255*mod(X+Y,2)':cb=128:cr=128", "360x640", ""),
        ("columns.mp4", "geq=lum='255*mod(X,2)':cb=128:cr=128", "360x640", ""),
        ("rows.mp4", "geq=lum='255*mod(Y,2)':cb=128:cr=128", "360x640", ""),
        ("square.mp4", "geq=lum='255*mod(X+Y,2)':cb=128:cr=128", "500x500", ""),
        ("wide.mp4", "geq=lum='255*mod(Y,2)':cb=128:cr=128", "1000x700", ""),
        ("halftone.mp4", "geq=lum='if(lt(mod(X,3)+mod(Y,3),2),255,X/3)':cb=128:cr=128", "402x714", ""),
    ];
    for (name, filter, size, options) in patterns {
        let source = format!("nullsrc=s={size}:r=15:d=1,format=yuv420p,{filter}");
        let mut args = vec!["-f", "lavfi", "-i", &source];
        args.extend(words(X264));
        args.extend(words("-crf 10"));
        args.extend(words(options));
        let to = format!("in/{name}");
        args.push(&to);
        dir.ffmpeg(&args);
    }
    let mut args =
        vec!["-f", "lavfi", "-i", "testsrc2=s=720x540:r=50:d=1,tinterlace=interleave_top,setsar=4/3"];
    args.extend(words(X264));
    args.extend(words("-flags +ilme+ildct -x264-params tff=1 in/interlaced.mp4"));
    dir.ffmpeg(&args);
    let report = fix(&dir, &["--upscale"]);
    for (name, ..) in patterns {
        let fixed = &entry(&report, name)["fix"];
        assert_eq!(fixed["verified"]["verdict"], "compliant", "{name}: {fixed:#}");
        assert!(fixed["action"].as_str().unwrap().starts_with("reencode"), "{name}: {fixed:#}");
    }
    let fixed = &entry(&report, "interlaced.mp4")["fix"];
    assert_eq!(fixed["verified"]["verdict"], "compliant", "{fixed:#}");
}
