//! Covers that change between the check, the hash and the upload: what is sent is what was checked, and a cover that
//! changed is told as that. The real binary against a real sandbox.
#![allow(clippy::unwrap_used)]

mod common;

use std::path::Path;
use std::process::{Child, Stdio};

use common::CliRun;
use common::one_ad::{one_ad, ship};
use common::ship_setup::{KillOnDrop, ShipSetup, once_each, wait_for};
use md5::{Digest, Md5};

fn png(path: &Path, shade: u8) {
    // The compliant clip is wide.
    image::RgbImage::from_pixel(1280, 720, image::Rgb([shade; 3])).save(path).unwrap();
}

fn md5_of(path: &Path) -> String {
    Md5::digest(std::fs::read(path).unwrap()).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// One ad whose row names `cover.png`.
fn with_cover() -> ShipSetup {
    let setup = one_ad(&["--processing", "3s..3s"], "60s", "1s");
    png(&setup.dir.path("cover.png"), 100);
    let text = std::fs::read_to_string(setup.dir.path("ads.csv")).unwrap();
    setup.dir.write("ads.csv", text.trim_end().to_owned() + "cover.png\n");
    setup
}

/// Runs `ship` and changes the cover as soon as the video was uploaded, which is after the covers were checked and
/// before they are sent.
fn changed_after_the_upload(setup: &ShipSetup, change: impl FnOnce(&Path)) -> CliRun {
    let mut command = ship(setup, &["--format", "json"]);
    let mut child = KillOnDrop(command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap());
    wait_for("the upload", || !setup.effects("video_created").is_empty());
    change(&setup.dir.path("cover.png"));
    let read = |stream: &mut dyn std::io::Read| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let Child { stdout, stderr, .. } = &mut child.0;
    let (stdout, stderr) = (read(stdout.as_mut().unwrap()), read(stderr.as_mut().unwrap()));
    CliRun::of(std::process::Output { status: child.0.wait().unwrap(), stdout, stderr })
}

type Change = fn(&Path);

#[test]
fn a_cover_that_changes_after_its_check_is_told_and_not_sent() {
    let changes: [(&str, Change); 4] = [
        ("overwritten", |path| png(path, 7)),
        ("replaced", |path| {
            png(&path.with_extension("new.png"), 8);
            std::fs::rename(path.with_extension("new.png"), path).unwrap();
        }),
        ("another size", |path| image::RgbImage::new(720, 1280).save(path).unwrap()),
        ("linked elsewhere", |path| {
            let other = path.with_extension("other.png");
            png(&other, 9);
            std::fs::remove_file(path).unwrap();
            std::os::unix::fs::symlink(other, path).unwrap();
        }),
    ];
    std::thread::scope(|scope| {
        let runs: Vec<_> = changes
            .into_iter()
            .map(|(kind, change)| {
                scope.spawn(move || {
                    let setup = with_cover();
                    let run = changed_after_the_upload(&setup, change).expect(2);
                    let ad = run.json()["files"][0]["delivery"]["ads"][0].clone();
                    let reason = ad["reason"].as_str().unwrap();
                    assert!(
                        reason.contains("cover.png: changed while it was checked: run again"),
                        "{kind}: {ad:#}"
                    );
                    assert_eq!(ad["problem"], "cover-changed", "{kind}");
                    assert!(setup.effects("image_created").is_empty(), "{kind}");
                    assert!(setup.ads().is_empty(), "{kind}");
                    (kind, setup)
                })
            })
            .collect();
        for run in runs {
            let (kind, setup) = run.join().unwrap();
            if kind == "another size" {
                continue;
            }
            // The next run checks the new image and sends it.
            setup.run().expect(0);
            let images = setup.effects("image_created");
            assert_eq!(images.len(), 1, "{kind}");
            assert_eq!(images[0]["md5"], md5_of(&setup.dir.path("cover.png")).as_str(), "{kind}");
            assert_eq!((setup.videos(), setup.ads()), (once_each(&["face"]), once_each(&["one"])), "{kind}");
        }
    });
}

#[test]
fn a_cover_that_disappears_after_its_check_fails_its_row() {
    let setup = with_cover();
    let run = changed_after_the_upload(&setup, |path| std::fs::remove_file(path).unwrap()).expect(2);
    let reason = run.json()["files"][0]["delivery"]["ads"][0]["reason"].as_str().unwrap().to_owned();
    assert!(reason.contains("cover.png: cannot be read any more: No such file"), "{reason}");
    assert!(setup.ads().is_empty());
}

#[test]
fn a_cover_that_stays_is_sent_once_and_rewriting_the_same_bytes_is_no_change() {
    let setup = with_cover();
    changed_after_the_upload(&setup, |path| {
        let bytes = std::fs::read(path).unwrap();
        std::fs::write(path, bytes).unwrap();
    })
    .expect(0);
    assert_eq!(setup.effects("image_created")[0]["md5"], md5_of(&setup.dir.path("cover.png")).as_str());
    assert_eq!(setup.ads(), once_each(&["one"]));
}
