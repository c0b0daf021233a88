//! `greenlit doctor`: checks the installation and shows how to correct problems.

use std::fmt::Write as _;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::SqliteCache;
use crate::job::{Runner, WorkerInfo};
use crate::model::count;
use crate::plan::{FixOptions, VideoEncoder};
use crate::report::escape;
use crate::worker::{self, Isolation, WorkerPool};

use super::args::{DestinationArgs, DoctorArgs};
use super::destination::Destination;
use super::error::CliError;
use super::exit_code::RunStatus;
use super::settings::Settings;

/// Required video encoders; FFmpeg always includes the AAC encoder.
const REQUIRED_ENCODERS: [&str; 1] = ["libx264"];
/// Less free space than this is reported as a failure, in bytes.
const MIN_FREE_SPACE: u64 = 2_000_000_000;

/// The result of one check.
struct DoctorResult {
    ok: bool,
    text: String,
}

/// Runs the command.
pub fn run(settings: &Settings, args: &DoctorArgs) -> Result<RunStatus, CliError> {
    let mut results = media(settings);
    results.push(disk(&settings.config.folder()));
    results.push(configuration(settings));
    results.push(cache(settings));
    let named = args.to.as_deref().map(|name| destination(settings, name));
    results.extend(named.into_iter().flatten());
    let mut text = String::new();
    for result in &results {
        let _ = writeln!(text, "{}  {}", if result.ok { "ok  " } else { "FAIL" }, escape(&result.text));
    }
    super::packaging::print_page(&text)?;
    let all_ok = results.iter().all(|result| result.ok);
    Ok(if all_ok { RunStatus::Done } else { RunStatus::Failed })
}

fn passed(text: String) -> DoctorResult {
    DoctorResult { ok: true, text }
}

fn failed(text: String) -> DoctorResult {
    DoctorResult { ok: false, text }
}

fn media(settings: &Settings) -> Vec<DoctorResult> {
    // Describes the system also where a run would be refused.
    let describing = match settings.isolation {
        Isolation::Required | Isolation::BestEffort => Isolation::BestEffort,
        Isolation::Off => Isolation::Off,
    };
    let info = match WorkerPool::new(1).with_isolation(describing).describe() {
        Ok(info) => info,
        Err(error) => {
            return vec![failed(format!(
                "media worker: {error}; install greenlit-worker of the same build in the folder of greenlit"
            ))];
        }
    };
    let mut results = vec![passed(format!("media library: {}", info.library))];
    for encoder in REQUIRED_ENCODERS {
        results.push(match info.encoders.iter().any(|name| name == encoder) {
            true => passed(format!("encoder: {encoder}")),
            false => failed(format!("encoder: {encoder} is missing; install an FFmpeg build that has it")),
        });
    }
    results.extend(hardware_encoders(settings));
    results.extend(isolation(settings, &info));
    results
}

/// Describes the barriers around a media worker. A missing required one is a failure, as it is in a run.
fn isolation(settings: &Settings, info: &WorkerInfo) -> Vec<DoctorResult> {
    let landlock = info.landlock_abi.map(|abi| format!(" (Landlock ABI {abi})")).unwrap_or_default();
    let mut results = vec![passed(format!("isolation: {}{landlock}", info.in_force.join(", ")))];
    let missing = info.missing_barriers();
    for refused in info.refused.iter().filter(|refused| !missing.contains(refused)) {
        results.push(passed(format!("isolation: weaker, because this system refused {refused}")));
    }
    for missing in missing {
        let text = format!("isolation: a required barrier is missing: {missing}");
        results.push(match settings.isolation {
            Isolation::Required => {
                failed(format!("{text}; `--isolation best-effort` consents to what this system offers"))
            }
            Isolation::BestEffort | Isolation::Off => passed(text),
        });
    }
    results
}

/// Tests the hardware encoders. A missing one is not a failure, since x264 replaces it.
fn hardware_encoders(settings: &Settings) -> Vec<DoctorResult> {
    let pool = WorkerPool::with_devices(1, worker::default_program()).with_isolation(settings.isolation);
    let cancel = Arc::default();
    let results = VideoEncoder::HARDWARE.into_iter().map(|encoder| {
        let options = FixOptions { encoder, ..FixOptions::default() };
        let name = encoder.name();
        passed(match super::encoder::test_encoder(&pool, &options, &cancel) {
            Ok(()) => format!("encoder: {name} works; select it with --encoder {name}"),
            Err(error) => format!("encoder: {name} does not work here, greenlit uses x264 instead: {error}"),
        })
    });
    results.collect()
}

fn disk(folder: &Path) -> DoctorResult {
    let Ok(stat) = rustix::fs::statvfs(folder) else {
        return failed(format!("disk: cannot read the free space of {}", folder.display()));
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let text = format!("disk: {:.1} GB free at {}", free as f64 / 1e9, folder.display());
    if free < MIN_FREE_SPACE {
        failed(format!("{text}; outputs may not fit, free some space"))
    } else {
        passed(text)
    }
}

fn configuration(settings: &Settings) -> DoctorResult {
    match &settings.config.path {
        Some(path) => passed(format!("configuration: {}", path.display())),
        None => passed("configuration: no greenlit.toml found, greenlit uses the defaults".to_owned()),
    }
}

/// Checks the probe cache. A missing cache is not a failure, since it only saves time.
fn cache(settings: &Settings) -> DoctorResult {
    let Some(folder) = &settings.cache else {
        return passed("cache: disabled, because neither XDG_CACHE_HOME nor HOME is set".to_owned());
    };
    passed(match SqliteCache::open(folder, &worker::default_program()) {
        Ok(cache) => {
            let results = count(cache.len() as u64, "probe result", "probe results");
            format!("cache: {results} in {}", cache.path().display())
        }
        Err(error) => {
            format!("cache: disabled, so every file is probed again: {}", super::error::chain(&error))
        }
    })
}

fn destination(settings: &Settings, name: &str) -> Vec<DoctorResult> {
    let destination = match Destination::resolve(settings, name, &DestinationArgs::default()) {
        Ok(destination) => destination,
        Err(error) => return vec![failed(format!("destination: {}", super::error::chain(&error)))],
    };
    let token = match destination.token() {
        Ok(_) => match destination.token_warning() {
            Some(warning) => passed(format!("token: found in {}; {warning}", destination.token_location())),
            None => passed(format!("token: found in {}", destination.token_location())),
        },
        Err(error) => failed(format!("token: {}", super::error::chain(&error))),
    };
    let journal = match destination.journal.exists() {
        true => passed(format!("journal: {}", destination.journal.display())),
        false => passed(format!("journal: none yet; `ship` will create {}", destination.journal.display())),
    };
    let mut results = vec![token, journal];
    if !destination.base_url.is_empty() {
        results.push(connect(&destination.base_url));
    }
    results
}

/// Connects to the host of `base_url` and closes the connection; sends nothing.
fn connect(base_url: &str) -> DoctorResult {
    let Ok(url) = url::Url::parse(base_url) else {
        return failed(format!("address: invalid base_url `{base_url}`"));
    };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return failed(format!("address: base_url `{base_url}` has no host"));
    };
    let connected = (host, port).to_socket_addrs().and_then(|mut addresses| {
        let first =
            addresses.next().ok_or_else(|| std::io::Error::other("the host name has no IP address"))?;
        TcpStream::connect_timeout(&first, Duration::from_secs(5))
    });
    match connected {
        Ok(_) => passed(format!("address: {host} port {port} accepts connections")),
        Err(error) => failed(format!(
            "address: cannot connect to {host} port {port}: {error}; check the network and base_url"
        )),
    }
}
