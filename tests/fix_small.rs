//! Pictures so small that what compares pictures has little to hold on to.
#![allow(clippy::unwrap_used)]

mod common;

use common::Desk;

#[test]
fn the_smallest_videos_are_encoded_and_proven() {
    let desk = Desk::new();
    desk.write("house.toml", "id = \"house\"\nextends = \"youtube\"\n");
    let colors = |size: &str| format!("testsrc=s={size}:r=25:d=1");
    for (name, picture, codec) in [
        ("flat.avi", colors("16x8"), "ffv1"),
        ("dot.avi", colors("2x2"), "ffv1"),
        ("pixel.gif", "color=red:s=2x2:r=25:d=1,format=rgb24,crop=1:1".into(), "gif"),
        // Hard edges between colours that an output must blur.
        ("icon.gif", colors("47x46"), "gif"),
        ("badge.avi", colors("64x64"), "ffv1"),
    ] {
        desk.write(&format!("in/{name}"), "");
        desk.ffmpeg(&["-f", "lavfi", "-i", &picture, "-c:v", codec, &format!("in/{name}")]);
    }
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    let report = desk.greenlit(&args).expect(0).json();
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 5);
    for file in files {
        let proof = &file["fix"]["verified"];
        assert_eq!(proof["verdict"], "compliant", "{file}");
        // Of how alike the frames are, ffmpeg says 1 at most, and the model of sight 100.
        let (metric, mean) = (&proof["similarity"]["metric"], proof["similarity"]["mean"].as_f64().unwrap());
        assert!(mean > if metric == "ssim" { 0.9 } else { 60.0 }, "{file}");
    }
}
