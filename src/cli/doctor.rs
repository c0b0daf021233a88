//! `greenlit doctor`: what works on this machine, and what to do about what does not.

use std::fmt::Write as _;
use std::net::{TcpStream, ToSocketAddrs};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use crate::cache::SqliteCache;
use crate::job::Runner;
use crate::job::worker::{self, WorkerPool};
use crate::plan::{FixOptions, VideoEncoder};

use super::args::{DestinationArgs, DoctorArgs};
use super::destination::Destination;
use super::error::CliError;
use super::run_status::RunStatus;
use super::settings::Settings;

/// Video encoders the plans use; the audio encoder is part of the library itself.
const NEEDED: [&str; 1] = ["libx264"];
/// Less free space than this deserves a word, in bytes.
const LITTLE_SPACE: u64 = 2_000_000_000;

/// One line of the examination.
struct Finding {
    well: bool,
    text: String,
}

/// Runs the command.
pub fn run(settings: &Settings, args: &DoctorArgs) -> Result<RunStatus, CliError> {
    let mut findings = media();
    findings.push(disk(&settings.config.folder()));
    findings.push(configuration(settings));
    findings.push(cache(settings));
    let named = args.to.as_deref().map(|name| destination(settings, name));
    findings.extend(named.into_iter().flatten());
    let mut text = String::new();
    for finding in &findings {
        let _ = writeln!(text, "{} {}", if finding.well { "ok  " } else { "FAIL" }, finding.text);
    }
    super::packaging::print(text.as_bytes())?;
    let well = findings.iter().all(|finding| finding.well);
    Ok(if well { RunStatus::Done } else { RunStatus::Failed })
}

fn good(text: String) -> Finding {
    Finding { well: true, text }
}

fn bad(text: String) -> Finding {
    Finding { well: false, text }
}

fn media() -> Vec<Finding> {
    let isolation = match WorkerPool::new(1).describe() {
        Ok(isolation) => isolation,
        Err(error) => {
            return vec![bad(format!(
                "media worker: {error}; greenlit-worker must lie beside greenlit and come from the same build"
            ))];
        }
    };
    let mut findings = vec![good(format!("media library: {}", isolation.library))];
    for encoder in NEEDED {
        findings.push(match isolation.encoders.iter().any(|name| name == encoder) {
            true => good(format!("encoder: {encoder}")),
            false => bad(format!("encoder: {encoder} is missing; install an FFmpeg build that has it")),
        });
    }
    findings.extend(devices());
    findings.push(good(format!("isolation: {}", isolation.in_force.join(", "))));
    for refused in &isolation.refused {
        findings.push(good(format!("isolation refused by this system, so weaker: {refused}")));
    }
    findings
}

/// Never a failure: x264 does what they do.
fn devices() -> Vec<Finding> {
    let (pool, cancel) = (WorkerPool::with_devices(1, worker::program()), Arc::default());
    let tried = VideoEncoder::HARDWARE.into_iter().map(|encoder| {
        let options = FixOptions { encoder, ..FixOptions::default() };
        let name = encoder.name();
        good(match super::encoder::works(&pool, &options, &cancel) {
            Ok(()) => format!("encoder: {name} works, --encoder {name} chooses it"),
            Err(error) => format!("encoder: {name} does not work here, x264 would take its place: {error}"),
        })
    });
    tried.collect()
}

fn disk(folder: &Path) -> Finding {
    let Ok(stat) = rustix::fs::statvfs(folder) else {
        return bad(format!("disk: the free space of {} cannot be read", folder.display()));
    };
    let free = stat.f_bavail.saturating_mul(stat.f_frsize);
    let text = format!("disk: {:.1} GB free at {}", free as f64 / 1e9, folder.display());
    if free < LITTLE_SPACE { bad(format!("{text}; outputs may not fit")) } else { good(text) }
}

fn configuration(settings: &Settings) -> Finding {
    match &settings.config.path {
        Some(path) => good(format!("configuration: {}", path.display())),
        None => good("configuration: none found, defaults are used".to_owned()),
    }
}

/// Never a failure: everything works without, only slower.
fn cache(settings: &Settings) -> Finding {
    let Some(folder) = &settings.cache else {
        return good("cache: none, neither XDG_CACHE_HOME nor HOME is set".to_owned());
    };
    good(match SqliteCache::open(folder, &worker::program()) {
        Ok(cache) => format!("cache: {} answers in {}", cache.len(), cache.path().display()),
        Err(error) => {
            format!("cache: none is used, every file is probed anew: {}", super::error::chain(&error))
        }
    })
}

fn destination(settings: &Settings, name: &str) -> Vec<Finding> {
    let destination = match Destination::resolve(settings, name, &DestinationArgs::default()) {
        Ok(destination) => destination,
        Err(error) => return vec![bad(format!("destination: {}", super::error::chain(&error)))],
    };
    let token = match destination.token() {
        Ok(_) => good(format!("token: found in {}", destination.token_place())),
        Err(error) => bad(format!("token: {}", super::error::chain(&error))),
    };
    let journal = match destination.journal.exists() {
        true => good(format!("journal: {}", destination.journal.display())),
        false => good(format!("journal: none yet; it will be {}", destination.journal.display())),
    };
    let mut findings = vec![token, journal];
    if !destination.base_url.is_empty() {
        findings.push(reach(&destination.base_url));
    }
    findings
}

/// Opens a connection and closes it again: nothing is sent.
fn reach(base_url: &str) -> Finding {
    let Ok(url) = url::Url::parse(base_url) else { return bad(format!("address: {base_url} is no address")) };
    let (Some(host), Some(port)) = (url.host_str(), url.port_or_known_default()) else {
        return bad(format!("address: {base_url} names no host"));
    };
    let connected = (host, port).to_socket_addrs().and_then(|mut addresses| {
        let first = addresses.next().ok_or_else(|| std::io::Error::other("the name has no address"))?;
        TcpStream::connect_timeout(&first, Duration::from_secs(5))
    });
    match connected {
        Ok(_) => good(format!("address: {host} port {port} answers")),
        Err(error) => bad(format!(
            "address: {host} port {port} does not answer: {error}; check the network and base_url"
        )),
    }
}
