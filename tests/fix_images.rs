//! Still images through the real binaries: what `fix` makes of them, and what it refuses.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::Cursor;

use common::{TestDir, entry};
use image::codecs::png::PngEncoder;
use image::{ExtendedColorType, ImageEncoder, ImageFormat, Rgb, RgbImage, Rgba, RgbaImage};
use serde_json::Value;

/// A profile for small images.
const SMALL: &str = "id = \"small\"\nextends = \"tiktok-ads\"\n[rule.image-size]\nmax_pixels = 10000\n\
    warn_min_for_ratio = []\n[rule.image-aspect-ratio]\nwarn_allow = []\n";
/// A profile that allows square images only.
const SQUARE: &str = "id = \"square\"\nextends = \"tiktok-ads\"\n[rule.image-size]\nwarn_min_for_ratio = []\n\
    [rule.image-aspect-ratio]\nallow = [\"1:1\"]\nwarn_allow = []\n";
/// A profile that allows no location.
const PRIVATE: &str =
    "id = \"private\"\nextends = \"tiktok-ads\"\n[rule.metadata-privacy]\nseverity = \"error\"\n";

const RED: Rgb<u8> = Rgb([220, 30, 30]);
const BLUE: Rgb<u8> = Rgb([30, 30, 220]);

fn test_dir(profile: &str) -> TestDir {
    let dir = TestDir::new();
    dir.write("house.toml", profile);
    dir
}

/// Fixes files into `out` under the profile of the folder. Returns the report.
fn fix(dir: &TestDir, names: &[&str], options: &[&str], code: i32) -> Value {
    let args = ["fix", "--out", "out", "--format", "json", "--profile", "house.toml"];
    dir.greenlit(&[&args, options, names].concat()).expect(code).json()
}

/// Returns the texts of the steps of a fix, in lines.
fn steps(report: &Value, name: &str) -> String {
    let steps = entry(report, name)["fix"]["steps"].as_array().unwrap();
    steps.iter().map(|step| step.as_str().unwrap()).collect::<Vec<_>>().join("\n")
}

fn action<'a>(report: &'a Value, name: &str) -> &'a str {
    entry(report, name)["fix"]["action"].as_str().unwrap()
}

fn open(dir: &TestDir, name: &str) -> RgbImage {
    image::open(dir.path(name)).unwrap().into_rgb8()
}

/// Returns a blue image whose left half is red.
fn halves(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, _| if x < width / 2 { RED } else { BLUE })
}

fn coded(pixels: &RgbImage, format: ImageFormat) -> Vec<u8> {
    let mut bytes = Cursor::new(Vec::new());
    pixels.write_to(&mut bytes, format).unwrap();
    bytes.into_inner()
}

fn is_near(found: Rgb<u8>, wanted: Rgb<u8>) -> bool {
    found.0.iter().zip(wanted.0).all(|(found, wanted)| found.abs_diff(wanted) <= 4)
}

/// Returns EXIF data with an orientation and a position.
fn exif(orientation: u8) -> Vec<u8> {
    let entry = |tag: u16, kind: u16, value: u32| {
        [&tag.to_le_bytes()[..], &kind.to_le_bytes(), &1_u32.to_le_bytes(), &value.to_le_bytes()].concat()
    };
    let entries = [entry(0x112, 3, u32::from(orientation)), entry(0x8825, 4, 38)].concat();
    let position = [&b"\x01\0"[..], &entry(1, 2, u32::from(b'N')), &[0; 4]].concat();
    [b"II*\0\x08\0\0\0\x02\0", &entries[..], &[0; 4], &position].concat()
}

/// Returns a JPEG with EXIF data.
fn jpeg_with_exif(pixels: &RgbImage, orientation: u8) -> Vec<u8> {
    let jpeg = coded(pixels, ImageFormat::Jpeg);
    let content = [b"Exif\0\0", &exif(orientation)[..]].concat();
    let length = (content.len() as u16 + 2).to_be_bytes();
    [&jpeg[..2], &[0xff, 0xe1], &length, &content, &jpeg[2..]].concat()
}

#[test]
fn compliant_image_is_copied_and_one_with_the_wrong_extension_renamed() {
    let dir = TestDir::new();
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=720x1280", "-frames:v", "1", "good.png"]);
    std::fs::copy(dir.path("good.png"), dir.path("wrong.jpg")).unwrap();
    let args = ["fix", "good.png", "wrong.jpg", "--out", "out", "--format", "json"];
    let report = dir.greenlit(&args).expect(0).json();
    let source = std::fs::read(dir.path("good.png")).unwrap();
    for (name, output) in [("good.png", "out/good.png"), ("wrong.jpg", "out/wrong.png")] {
        assert_eq!(action(&report, name), "copy");
        assert_eq!(std::fs::read(dir.path(output)).unwrap(), source);
    }
}

#[test]
fn other_formats_and_large_images_are_converted_once() {
    let dir = test_dir(SMALL);
    for name in ["a.webp", "b.gif", "c.png", "d.jpg"] {
        let args = ["-f", "lavfi", "-i", "testsrc2=s=120x200", "-frames:v", "1", "-update", "1", name];
        dir.ffmpeg(&args);
    }
    let names = ["a.webp", "b.gif", "c.png", "d.jpg"];
    let planned = dir
        .greenlit(
            &[&["fix", "--dry-run", "--format", "json", "--profile", "house.toml"], &names[..]].concat(),
        )
        .json();
    assert!(steps(&planned, "a.webp").contains("scaled from 120x200 to 77x129"), "{planned:#}");
    let report = fix(&dir, &names, &[], 0);
    let outputs = ["out/a.jpg", "out/b.png", "out/c.png", "out/d.jpg"];
    for (name, output) in names.into_iter().zip(outputs) {
        assert_eq!(action(&report, name), "reencode-video");
        assert_eq!(entry(&report, name)["fix"]["output"], output);
        assert_eq!(entry(&report, name)["fix"]["verified"]["verdict"], "compliant");
        assert_eq!(entry(&report, name)["fix"]["verified"]["decoded_frames"], 1);
        assert_eq!(open(&dir, output).dimensions(), (77, 129));
    }
    let similarity = &entry(&report, "d.jpg")["fix"]["verified"]["similarity"];
    assert!(
        similarity["metric"] == "ssimulacra2" && similarity["mean"].as_f64().unwrap() > 60.0,
        "{similarity}"
    );
    let again = fix(&dir, &names, &[], 0);
    assert!(names.iter().all(|name| entry(&again, name)["fix"]["reused"] == true), "{again:#}");
    let check = [&["check", "--profile", "house.toml"], &outputs[..]].concat();
    dir.greenlit(&check).expect(0);
}

#[test]
fn orientation_is_applied_and_metadata_removed() {
    let dir = test_dir(SMALL);
    // The left half is at the top after a quarter turn clockwise.
    dir.write("phone.jpg", jpeg_with_exif(&halves(200, 120), 6));
    let report = fix(&dir, &["phone.jpg"], &[], 0);
    let steps = steps(&report, "phone.jpg");
    assert!(steps.contains("orientation of the EXIF data applied to the pixels"), "{steps}");
    assert!(steps.contains("metadata removed: EXIF, GPS position"), "{steps}");
    let found = open(&dir, "out/phone.jpg");
    assert_eq!(found.dimensions(), (77, 129));
    assert!(
        is_near(found[(10, 10)], RED) && is_near(found[(70, 10)], RED) && is_near(found[(10, 120)], BLUE)
    );
    let bytes = std::fs::read(dir.path("out/phone.jpg")).unwrap();
    assert!(!bytes.windows(4).any(|word| word == b"Exif"));
}

#[test]
fn colours_of_a_profile_are_converted_to_srgb() {
    let dir = test_dir(SMALL);
    let pixels = RgbImage::from_pixel(120, 120, Rgb([200, 60, 40]));
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_icc_profile(moxcms::ColorProfile::new_display_p3().encode().unwrap()).unwrap();
    encoder.write_image(&pixels, 120, 120, ExtendedColorType::Rgb8).unwrap();
    dir.write("wide.png", png);
    let report = fix(&dir, &["wide.png"], &[], 0);
    assert!(steps(&report, "wide.png").contains("converted to sRGB"), "{report:#}");
    // By the matrices of both spaces (CSS Color 4, section 10.8).
    let found = open(&dir, "out/wide.png");
    assert!(is_near(found[(50, 50)], Rgb([217, 42, 23])), "{:?}", found[(50, 50)]);
    let bytes = std::fs::read(dir.path("out/wide.png")).unwrap();
    assert!(!bytes.windows(4).any(|word| word == b"iCCP"));
}

#[test]
fn each_fit_gives_an_allowed_aspect_ratio() {
    let dir = test_dir(SQUARE);
    dir.write("wide.png", coded(&halves(120, 80), ImageFormat::Png));
    let made = |options: &[&str], what: &str| {
        let report = fix(&dir, &["wide.png"], options, 0);
        assert!(steps(&report, "wide.png").contains(what), "{report:#}");
        open(&dir, "out/wide.png")
    };
    let padded = made(&["--background", "00ff00"], "padded to 120x120 with single-colour borders");
    assert_eq!(padded.dimensions(), (120, 120));
    let green = Rgb([0, 255, 0]);
    assert_eq!(
        (padded[(5, 19)], padded[(5, 20)], padded[(115, 99)], padded[(5, 100)]),
        (green, RED, BLUE, green)
    );
    let blurred = made(&["--fit", "blur"], "a blurred copy of the image");
    assert_eq!((blurred.dimensions(), blurred[(5, 20)]), ((120, 120), RED));
    assert!(is_near(blurred[(5, 5)], RED) && is_near(blurred[(115, 115)], BLUE));
    let cropped = made(&["--fit", "crop"], "cropped to 80x80");
    assert_eq!((cropped.dimensions(), cropped[(39, 5)], cropped[(40, 5)]), ((80, 80), RED, BLUE));
}

#[test]
fn transparent_pixels_are_kept_in_a_png_and_composed_in_a_jpeg() {
    let only_jpeg =
        SMALL.replace("[rule.image-size]", "[rule.image-format]\nallow = [\"jpeg\"]\n[rule.image-size]");
    let pixels = RgbaImage::from_fn(60, 60, |x, _| Rgba([200, 0, 0, if x < 30 { 0 } else { 255 }]));
    let mut webp = Cursor::new(Vec::new());
    pixels.write_to(&mut webp, ImageFormat::WebP).unwrap();
    let dir = test_dir(&only_jpeg);
    dir.write("clear.webp", webp.get_ref());
    let report = fix(&dir, &["clear.webp"], &["--background", "0000ff"], 0);
    assert!(steps(&report, "clear.webp").contains("composed on the background colour #0000ff"), "{report:#}");
    let flat = open(&dir, "out/clear.jpg");
    assert!(is_near(flat[(5, 5)], Rgb([0, 0, 255])) && is_near(flat[(55, 55)], Rgb([200, 0, 0])));
    let dir = test_dir(SMALL);
    dir.write("clear.webp", webp.get_ref());
    fix(&dir, &["clear.webp"], &[], 0);
    let kept = image::open(dir.path("out/clear.png")).unwrap().into_rgba8();
    assert_eq!(kept, pixels);
}

#[test]
fn only_the_metadata_is_removed_where_nothing_else_is_wrong() {
    let dir = test_dir(PRIVATE);
    let pixels = halves(640, 640);
    let plain = coded(&pixels, ImageFormat::Jpeg);
    dir.write("a.jpg", jpeg_with_exif(&pixels, 1));
    let mut png = Vec::new();
    let mut encoder = PngEncoder::new(&mut png);
    encoder.set_exif_metadata(exif(1)).unwrap();
    encoder.write_image(&pixels, 640, 640, ExtendedColorType::Rgb8).unwrap();
    dir.write("b.png", png);
    dir.write("turned.jpg", jpeg_with_exif(&pixels, 3));
    let report = fix(&dir, &["a.jpg", "b.png", "turned.jpg"], &[], 0);
    assert_eq!((action(&report, "a.jpg"), action(&report, "b.png")), ("remux", "remux"));
    assert!(steps(&report, "b.png").contains("metadata removed: EXIF, GPS position"), "{report:#}");
    assert_eq!(std::fs::read(dir.path("out/a.jpg")).unwrap(), plain);
    assert_eq!(open(&dir, "out/b.png"), pixels);
    let bytes = std::fs::read(dir.path("out/b.png")).unwrap();
    assert!(!bytes.windows(4).any(|word| word == b"eXIf"));
    // Without its metadata, this one would be shown upside down.
    assert_eq!(action(&report, "turned.jpg"), "reencode-video");
    assert!(is_near(open(&dir, "out/turned.jpg")[(600, 20)], RED));
    dir.greenlit(&["check", "out/a.jpg", "out/b.png", "out/turned.jpg", "--profile", "house.toml"]).expect(0);
}

#[test]
fn damaged_and_enormous_images_are_refused_and_the_others_fixed() {
    let dir = test_dir(SMALL);
    let png = coded(&halves(200, 200), ImageFormat::Png);
    let jpeg = coded(&halves(200, 200), ImageFormat::Jpeg);
    dir.write("good.png", &png);
    dir.write("short.jpg", &jpeg[..jpeg.len() - 40]);
    let mut broken = png.clone();
    let data = png.windows(4).position(|word| word == b"IDAT").unwrap();
    broken[data + 9..data + 20].fill(0x55);
    dir.write("broken.png", broken);
    // The header declares 30000x30000 pixels; no data of that size follows.
    let mut bomb = png;
    bomb[16..24].copy_from_slice(&[0, 0, 0x75, 0x30, 0, 0, 0x75, 0x30]);
    dir.write("bomb.png", bomb);
    // Nothing is to be changed in this one.
    let mut small = coded(&halves(90, 90), ImageFormat::Png);
    small[data + 9..data + 20].fill(0x55);
    dir.write("small.png", small);
    let report = fix(&dir, &["good.png", "short.jpg", "broken.png", "bomb.png", "small.png"], &[], 1);
    assert_eq!(action(&report, "good.png"), "reencode-video");
    let reason = |name| entry(&report, name)["fix"]["reason"].as_str().unwrap_or_default();
    assert!(reason("short.jpg").contains("the end-of-image marker of the JPEG is missing"), "{report:#}");
    assert!(reason("broken.png").contains("copy or export the original again"), "{report:#}");
    let bomb = entry(&report, "bomb.png");
    assert_eq!(bomb["fix"]["action"], "refused", "{bomb:#}");
    assert!(reason("small.png").contains("the source is damaged"), "{report:#}");
    for name in ["short.jpg", "broken.png", "bomb.png", "small.png"] {
        assert!(!dir.path(&format!("out/{name}")).exists(), "{name}");
    }
}

#[test]
#[ignore = "needs the corpus"]
fn fixes_avif_images_with_corpus() {
    let dir = test_dir(SMALL);
    let put = |path: &str, name: &str| std::fs::copy(common::corpus().join(path), dir.path(name)).unwrap();
    put("wpt-img/pattern-srgb.avif", "plain.avif");
    put("wpt-img/pattern-srgb.webp", "plain.webp");
    put("firefox-img/img_irot1_imir1.avif", "turned.avif");
    let report = fix(&dir, &["plain.avif", "plain.webp", "turned.avif"], &[], 1);
    assert_eq!(entry(&report, "turned.avif")["fix"]["refusal"], "no-decoder");
    let [one, other] = ["plain.avif", "plain.webp"]
        .map(|name| open(&dir, entry(&report, name)["fix"]["output"].as_str().unwrap()));
    // Small and lossy: the middles of the four fields have nearly the same colours.
    for at in [(5, 5), (15, 5), (5, 15), (15, 15)] {
        let mut pairs = one[at].0.into_iter().zip(other[at].0);
        assert!(pairs.all(|(one, other)| one.abs_diff(other) < 16), "{:?} {:?}", one[at], other[at]);
    }
}
