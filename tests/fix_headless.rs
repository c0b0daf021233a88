//! Films that were cut out of longer ones within a group of pictures: what comes before their first key frame
//! cannot be shown.
#![allow(clippy::unwrap_used)]

mod common;

use common::{Desk, entry};

#[test]
fn what_lacks_its_first_key_frame_is_never_passed_on() {
    let desk = Desk::new();
    for folder in ["in", "whole"] {
        desk.write(&format!("{folder}/film.ts"), "");
    }
    let coded = "-f lavfi -i testsrc2=s=320x240:r=25:d=3 -c:v libx264 -preset ultrafast -g 40 whole/film.ts";
    desk.ffmpeg(&coded.split(' ').collect::<Vec<_>>());
    let cut = ["-i", "whole/film.ts", "-c", "copy", "-bsf:v", r"noise=amount=0:drop=eq(n\,0)", "in/film.ts"];
    desk.ffmpeg(&cut);
    for (id, min_s) in [("house", 1), ("longer", 5)] {
        let rules = format!(
            "id = \"{id}\"\nextends = \"youtube\"\n[rule.container]\nallow = [\"mp4\"]\n\
             [rule.extension]\nallow = [\"mp4\"]\n[rule.duration]\nseverity = \"error\"\nmin_s = {min_s}\n"
        );
        desk.write(&format!("{id}.toml"), rules);
    }
    let fix = |folder: &str, options: &[&str], code: i32| {
        let args = ["fix", folder, "--out", "out", "--format", "json"];
        let report = desk.greenlit(&[&args, options].concat()).expect(code).json();
        entry(&report, "film.ts")["fix"].clone()
    };
    let copied: &[&str] = &["--profile", "house.toml"];
    let encoded: &[&str] = &["--profile", "house.toml", "--recipe", "2"];
    let looped: &[&str] = &["--profile", "longer.toml", "--extend", "loop"];
    for options in [copied, encoded, looped] {
        let refused = fix("in", options, 1);
        assert_eq!(refused["refusal"], "damaged-source", "{options:?}: {refused:#}");
        assert!(refused["reason"].as_str().unwrap().contains("39 packets"), "{options:?}: {refused:#}");
        assert!(!desk.path("out/film.mp4").exists());
        assert_eq!(fix("whole", options, 0)["verified"]["verdict"], "compliant", "{options:?}");
        std::fs::remove_dir_all(desk.path("out")).unwrap();
    }
}
