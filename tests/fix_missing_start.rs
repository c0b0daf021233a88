//! Videos that start within a group of pictures: the frames before the first key frame cannot be decoded.
#![allow(clippy::unwrap_used)]

mod common;

use common::{TestDir, entry};

#[test]
fn refuses_a_video_without_its_first_key_frame() {
    let dir = TestDir::new();
    for folder in ["in", "complete"] {
        dir.write(&format!("{folder}/video.ts"), "");
    }
    let encode =
        "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -c:v libx264 -preset ultrafast -g 40 complete/video.ts";
    dir.ffmpeg(&encode.split(' ').collect::<Vec<_>>());
    let drop_first =
        ["-i", "complete/video.ts", "-c", "copy", "-bsf:v", r"noise=amount=0:drop=eq(n\,0)", "in/video.ts"];
    dir.ffmpeg(&drop_first);
    for (id, min_s) in [("house", 1), ("longer", 5)] {
        let rules = format!(
            "id = \"{id}\"\nextends = \"youtube\"\n[rule.container]\nallow = [\"mp4\"]\n\
             [rule.extension]\nallow = [\"mp4\"]\n[rule.duration]\nseverity = \"error\"\nmin_s = {min_s}\n"
        );
        dir.write(&format!("{id}.toml"), rules);
    }
    let fix = |folder: &str, options: &[&str], code: i32| {
        let args = ["fix", folder, "--out", "out", "--format", "json"];
        let report = dir.greenlit(&[&args, options].concat()).expect(code).json();
        entry(&report, "video.ts")["fix"].clone()
    };
    let stream_copy: &[&str] = &["--profile", "house.toml"];
    let reencode: &[&str] = &["--profile", "house.toml", "--recipe", "2"];
    let lengthen: &[&str] = &["--profile", "longer.toml", "--extend", "loop"];
    for options in [stream_copy, reencode, lengthen] {
        let refused = fix("in", options, 1);
        assert_eq!(refused["refusal"], "needs-from-key-frame", "{options:?}: {refused:#}");
        let reason = refused["reason"].as_str().unwrap();
        assert!(reason.contains("first 39 frames"), "{options:?}: {refused:#}");
        assert!(!dir.path("out/video.mp4").exists());
        assert_eq!(fix("complete", options, 0)["verified"]["verdict"], "compliant", "{options:?}");
        std::fs::remove_dir_all(dir.path("out")).unwrap();
    }
}
