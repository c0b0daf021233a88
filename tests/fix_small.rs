//! Videos so small that the comparison of frames has few pixels.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;

#[test]
fn encodes_and_verifies_the_smallest_videos() {
    let dir = TestDir::new();
    dir.write("house.toml", "id = \"house\"\nextends = \"youtube\"\n");
    let colors = |size: &str| format!("testsrc=s={size}:r=25:d=1");
    for (name, source, codec) in [
        ("flat.avi", colors("16x8"), "ffv1"),
        ("dot.avi", colors("2x2"), "ffv1"),
        ("pixel.gif", "color=red:s=2x2:r=25:d=1,format=rgb24,crop=1:1".into(), "gif"),
        // Sharp colour edges that chroma subsampling blurs.
        ("icon.gif", colors("47x46"), "gif"),
        ("badge.avi", colors("64x64"), "ffv1"),
    ] {
        dir.write(&format!("in/{name}"), "");
        dir.ffmpeg(&["-f", "lavfi", "-i", &source, "-c:v", codec, &format!("in/{name}")]);
    }
    let args = ["fix", "in", "--profile", "house.toml", "--out", "out", "--format", "json"];
    let report = dir.greenlit(&args).expect(0).json();
    let files = report["files"].as_array().unwrap();
    assert_eq!(files.len(), 5);
    for file in files {
        let verified = &file["fix"]["verified"];
        assert_eq!(verified["verdict"], "compliant", "{file}");
        // SSIM is at most 1, SSIMULACRA2 at most 100.
        let (metric, mean) =
            (&verified["similarity"]["metric"], verified["similarity"]["mean"].as_f64().unwrap());
        assert!(mean > if metric == "ssim" { 0.9 } else { 60.0 }, "{file}");
    }
}
