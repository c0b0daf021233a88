//! The pictures of the HTML report.
#![allow(clippy::unwrap_used)]

mod common;

use common::TestDir;

fn page(dir: &TestDir, code: i32, args: &[&str]) -> String {
    dir.greenlit(&[args, &["--format", "html", "--no-progress"]].concat()).expect(code).stdout
}

/// Returns the texts of the pictures in their order.
fn pictures(page: &str) -> Vec<&str> {
    let images = page.split("<img ").skip(1).map(|image| image.split('>').next().unwrap());
    images
        .map(|image| {
            assert!(image.starts_with("src=\"data:image/jpeg;base64,/9j/"), "{image}");
            image.split("alt=\"").nth(1).unwrap().split('"').next().unwrap()
        })
        .collect()
}

#[test]
fn a_fix_shows_the_same_times_before_and_after() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.avi", "in/b.avi");
    let page = page(&dir, 0, &["fix", "in", "--out", "out", "--upscale"]);
    let times = |label: &str| -> Vec<f64> {
        let label = format!("{label}, frame at ");
        let of_label = pictures(&page).into_iter().filter_map(|text| text.strip_prefix(&label));
        of_label.map(|time| time.trim_end_matches(" s").parse().unwrap()).collect()
    };
    let (before, after) = (times("Before"), times("After"));
    assert_eq!((before.len(), after.len()), (5, 5), "{before:?} {after:?}");
    for (one, other) in before.iter().zip(&after) {
        assert!((one - other).abs() < 0.05, "{before:?} {after:?}");
    }
}

#[test]
fn the_option_sets_how_many_files_have_how_many_pictures() {
    let dir = TestDir::new();
    dir.put("pypi-gradio-b.avi", "in/refused.avi");
    let compliant = ["-f", "lavfi", "-i", "testsrc2=s=720x1280:r=30:d=6", "-f", "lavfi", "-i", "sine=d=6"];
    let encoded = ["-c:v", "libx264", "-b:v", "1M", "-pix_fmt", "yuv420p"];
    let tagged = ["-vf", "setparams=range=tv:color_primaries=bt709:color_trc=bt709:colorspace=bt709"];
    let audio = ["-c:a", "aac", "-ar", "48000", "-ac", "2", "-movflags", "+faststart", "in/good.mp4"];
    dir.ffmpeg(&[&compliant[..], &encoded, &tagged, &audio].concat());
    let count = |pictures_option: &[&str]| {
        let page = page(&dir, 1, &[&["check", "in"], pictures_option].concat());
        let cards: Vec<usize> = page.split("<article ").skip(1).map(|card| pictures(card).len()).collect();
        (cards[0], cards[1])
    };
    assert_eq!(count(&["--pictures", "none"]), (0, 0));
    assert_eq!(count(&[]), (5, 0), "only the file that is refused");
    assert_eq!(count(&["--pictures", "all"]), (12, 12));
    let other = dir.greenlit(&["check", "in", "--format", "json", "--pictures", "few"]).expect(2);
    assert!(other.stderr.contains("--format html"), "{}", other.stderr);
}

#[test]
fn an_image_is_shown_and_a_damaged_file_costs_only_its_pictures() {
    let dir = TestDir::new();
    dir.ffmpeg(&["-f", "lavfi", "-i", "testsrc2=s=300x200", "-frames:v", "1", "-y", "in.webp"]);
    dir.write("in/a.webp", std::fs::read(dir.path("in.webp")).unwrap());
    let mut bytes = std::fs::read(dir.put("npm-vide-ocean.mp4", "in/b.mp4")).unwrap();
    let media = bytes.windows(4).position(|name| name == b"mdat").unwrap() + 4;
    bytes[media..].fill(0);
    dir.write("in/b.mp4", bytes);
    let page = page(&dir, 1, &["check", "in"]);
    let image = page.split("in/a.webp</h2>").nth(1).unwrap().split("</article>").next().unwrap();
    assert_eq!(pictures(image), ["Frame at 0 s"]);
    let damaged = page.split("in/b.mp4</h2>").nth(1).unwrap().split("</article>").next().unwrap();
    assert_eq!(pictures(damaged), Vec::<&str>::new());
    assert!(damaged.contains("class=\"findings\""), "{damaged}");
}

#[test]
fn plots_the_bit_rate_and_marks_the_key_frames() {
    let dir = TestDir::new();
    let source = [
        "-f",
        "lavfi",
        "-i",
        "testsrc2=s=320x240:r=25:d=8",
        "-c:v",
        "libx264",
        "-g",
        "50",
        "-sc_threshold",
        "0",
    ];
    dir.ffmpeg(&[&source[..], &["-pix_fmt", "yuv420p", "a.mp4"]].concat());
    let page = page(&dir, 1, &["check", "a.mp4"]);
    assert!(page.contains("aria-label=\"key frames: 0 s, 2 s, 4 s, 6 s\""), "{page}");
    assert!(page.contains("aria-label=\"video bit rate, at most "), "{page}");
}
