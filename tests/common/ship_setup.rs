//! A test folder with a sandbox process, and access to the effects in the sandbox's log.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::{CliRun, TestDir};

/// The only token that the sandbox accepts; tests pass it in an environment variable.
pub const TOKEN: &str = "sandbox-token";
/// The longest time that [`wait_for`] waits.
pub const WAIT_TIMEOUT: Duration = Duration::from_secs(120);

/// A process that is killed when the test ends, also when it panics.
pub struct KillOnDrop(pub Child);

impl Drop for KillOnDrop {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A test folder and the sandbox that its configuration names.
pub struct ShipSetup {
    pub dir: TestDir,
    pub port: u16,
    sandbox: Option<KillOnDrop>,
}

impl ShipSetup {
    pub fn new(options: &[&str]) -> ShipSetup {
        let mut setup = ShipSetup { dir: TestDir::new(), port: 0, sandbox: None };
        setup.start(options);
        setup.configure(setup.port);
        setup
    }

    /// Starts the sandbox, at the same address as before if it ran already.
    pub fn start(&mut self, options: &[&str]) {
        let listen = format!("127.0.0.1:{}", self.port);
        let mut args = vec!["sandbox", "--listen", &listen, "--state", "platform", "--log", "log.ndjson"];
        args.extend(["--tier", "ultimate"]);
        if !options.contains(&"--processing") {
            args.extend(["--processing", "200ms..600ms"]);
        }
        args.extend(options);
        let mut command = self.dir.command(&args);
        let mut child = KillOnDrop(command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap());
        let mut line = String::new();
        BufReader::new(child.0.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let port = line.trim().rsplit_once(':').and_then(|(_, port)| port.parse().ok());
        self.port = port.unwrap_or_else(|| panic!("the sandbox printed {line:?}"));
        assert!(line.starts_with("listening on http://127.0.0.1:"), "{line}");
        self.sandbox = Some(child);
    }

    pub fn stop(&mut self) {
        self.sandbox = None;
    }

    /// Writes the configuration for the sandbox, or for a proxy in front of it.
    pub fn configure(&self, port: u16) {
        let text = format!(
            "[destination.test]\nplatform = \"tiktok-ads\"\nadvertiser_id = \"7000000000000000001\"\n\
             token_env = \"TEST_TOKEN\"\nbase_url = \"http://127.0.0.1:{port}/open_api/v1.3\"\n\
             tier = \"ultimate\"\npoll_deadline = \"45s\"\nvisibility_window = \"3s\"\nallow_private = true\n"
        );
        self.dir.write("greenlit.toml", text);
    }

    /// Adds a destination for posts at the same sandbox.
    pub fn configure_posts(&self, port: u16, mode: &str) {
        let config = std::fs::read_to_string(self.dir.path("greenlit.toml")).unwrap();
        let text = format!(
            "{config}[destination.posts]\nplatform = \"tiktok-post\"\naccount = \"me\"\nmode = \"{mode}\"\n\
             token_env = \"TEST_TOKEN\"\nbase_url = \"http://127.0.0.1:{port}\"\n\
             poll_deadline = \"45s\"\nvisibility_window = \"3s\"\n"
        );
        self.dir.write("greenlit.toml", text);
    }

    /// Writes a manifest with one row per ad: video and ad name.
    pub fn manifest(&self, rows: &[(&str, &str)]) {
        let mut text = "video,adgroup_id,ad_name,identity_type,identity_id,ad_text,call_to_action,\
                        landing_page_url,display_name,cover\n"
            .to_owned();
        for (video, name) in rows {
            text.push_str(&format!(
                "{video},1800000000000000001,{name},CUSTOMIZED_USER,1700000000000000001,Look,LEARN_MORE,\
                 http://127.0.0.1:{}/landing/200,Brand,\n",
                self.port
            ));
        }
        self.dir.write("ads.csv", text);
    }

    pub fn ship(&self, more: &[&str]) -> Command {
        let mut args = vec!["ship", "ads.csv", "--to", "test", "--format", "json"];
        args.extend(more);
        let mut command = self.dir.command(&args);
        command.env("TEST_TOKEN", TOKEN).env_remove("GREENLIT_CRASH_AT");
        command.stdin(Stdio::null());
        command
    }

    pub fn run(&self) -> CliRun {
        CliRun::of(self.ship(&[]).output().unwrap())
    }

    /// Returns every line of the sandbox's log.
    pub fn log(&self) -> Vec<Value> {
        let text = std::fs::read_to_string(self.dir.path("log.ndjson")).unwrap_or_default();
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    pub fn requests(&self) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["path"].is_string()).collect()
    }

    pub fn effects(&self, kind: &str) -> Vec<Value> {
        self.log().into_iter().filter(|line| line["effect"] == kind).collect()
    }

    /// Counts the created ads by name.
    pub fn ads(&self) -> BTreeMap<String, usize> {
        count(self.effects("ad_created").iter().map(|ad| ad["ad_name"].as_str().unwrap()))
    }

    /// Counts the uploads by name without hash and extension; later encode modes end in `-rN`.
    pub fn videos(&self) -> BTreeMap<String, usize> {
        count(self.effects("video_created").iter().map(|video| {
            let name = video["file_name"].as_str().unwrap().trim_end_matches(".mp4");
            let (name, recipe) = match name.rsplit_once("-r") {
                Some((head, recipe)) if recipe.len() == 1 => (head, Some(recipe)),
                _ => (name, None),
            };
            let stem = name.rsplit_once('-').unwrap().0;
            recipe.map_or(stem.to_owned(), |recipe| format!("{stem}-r{recipe}"))
        }))
    }

    /// Asserts that no file of the folder and no output of `runs` contains the secret.
    #[track_caller]
    pub fn assert_secret_is_nowhere(&self, secret: &str, runs: &[&CliRun]) {
        for run in runs {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "the secret was printed");
        }
        let all = files(self.dir.root());
        assert!(all.iter().any(|path| path.ends_with("journal.db")), "{all:?}");
        for path in all {
            let bytes = std::fs::read(&path).unwrap();
            let found = bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            assert!(!found, "the token is in {}", path.display());
        }
    }

    pub fn status(&self) -> String {
        self.dir.greenlit(&["status", "--to", "test"]).stdout
    }
}

fn count(names: impl Iterator<Item = impl Into<String>>) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for name in names {
        *counts.entry(name.into()).or_default() += 1;
    }
    counts
}

/// `{"a": 1, "b": 1}`.
pub fn once_each(names: &[&str]) -> BTreeMap<String, usize> {
    names.iter().map(|name| ((*name).to_owned(), 1)).collect()
}

/// Returns every file below a folder, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let mut found: Vec<PathBuf> = entries
        .flatten()
        .flat_map(|entry| match entry.file_type() {
            Ok(kind) if kind.is_dir() => files(&entry.path()),
            Ok(_) => vec![entry.path()],
            Err(_) => Vec::new(),
        })
        .collect();
    found.sort();
    found
}

/// Returns the partial outputs (`.part`) below a folder.
pub fn partial_outputs(folder: &Path) -> Vec<PathBuf> {
    let is_part = |path: &PathBuf| path.file_name().unwrap().to_string_lossy().ends_with(".part");
    files(folder).into_iter().filter(is_part).collect()
}

/// Waits until `condition` is true; panics after [`WAIT_TIMEOUT`].
#[track_caller]
pub fn wait_for(what: &str, mut condition: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !condition() {
        assert!(begin.elapsed() < WAIT_TIMEOUT, "timed out waiting for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// Returns whether an encoder has begun to write below a folder.
pub fn is_writing(folder: &Path) -> bool {
    partial_outputs(folder).iter().any(|part| std::fs::metadata(part).is_ok_and(|meta| meta.len() > 0))
}

pub fn signal(child: &Child, name: &str) {
    // Minimal systems have no `kill` program.
    let signal = match name {
        "-INT" => rustix::process::Signal::INT,
        "-TERM" => rustix::process::Signal::TERM,
        "-KILL" => rustix::process::Signal::KILL,
        "-STOP" => rustix::process::Signal::STOP,
        other => panic!("unknown signal {other}"),
    };
    let pid = i32::try_from(child.id()).ok().and_then(rustix::process::Pid::from_raw).unwrap();
    rustix::process::kill_process(pid, signal).unwrap();
}

/// Appends a `free` box of `bytes` bytes, which players skip.
pub fn lengthen(video: &Path, bytes: u32) {
    let mut file = std::fs::OpenOptions::new().append(true).open(video).unwrap();
    file.write_all(&[&bytes.to_be_bytes()[..], b"free"].concat()).unwrap();
    let size = file.metadata().unwrap().len();
    file.set_len(size + u64::from(bytes) - 8).unwrap();
}

/// Makes a WebM video that must be re-encoded, which takes some seconds.
pub fn make_webm(dir: &TestDir, name: &str, seconds: u32) {
    let to = dir.path(name);
    std::fs::create_dir_all(to.parent().unwrap()).unwrap();
    let video = format!("testsrc2=size=960x540:rate=30:duration={seconds}");
    let audio = format!("sine=frequency=440:duration={seconds}");
    dir.ffmpeg(&[
        "-f",
        "lavfi",
        "-i",
        &video,
        "-f",
        "lavfi",
        "-i",
        &audio,
        "-c:v",
        "libvpx",
        "-deadline",
        "realtime",
        "-cpu-used",
        "8",
        "-b:v",
        "2M",
        "-c:a",
        "libvorbis",
        to.to_str().unwrap(),
    ]);
}
