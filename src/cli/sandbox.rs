//! `greenlit sandbox`, and the options of the sandbox that `ship --to sandbox` starts in this process.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use crate::sandbox::{ADGROUP, ADVERTISER, Fault, IDENTITY, SandboxOptions, TOKEN, parse_span, start};
use crate::state_folder::verify_file;
use crate::worker::WorkerPool;

use super::args::{SandboxArgs, TrialArgs};
use super::error::CliError;
use super::exit_code::RunStatus;
use super::interrupt;
use super::prober::WorkerProber;
use super::report_target::check_log;
use super::settings::Settings;

/// Runs the command: serves requests until interrupted.
pub fn run(settings: &Settings, args: &SandboxArgs) -> Result<RunStatus, CliError> {
    let mut options = base_options(settings, args.state.clone());
    options.listen = args.listen;
    options.processing = span("--processing", &args.processing)?;
    options.visibility_lag =
        args.visibility_lag.as_deref().map(|text| span("--visibility-lag", text)).transpose()?;
    options.tier = args.tier.parse().map_err(|error| bad_value("--tier", &args.tier, &error))?;
    options.seed = args.seed;
    options.faults = faults("--fault", &args.fault)?;
    if let Some(log) = &args.log {
        check_log("--log", log)?;
    }
    options.log = args.log.clone();
    options.time_scale = args.time_scale;
    options.no_date = args.no_date;
    let stop = interrupt::flag();
    let runtime = runtime()?;
    runtime.block_on(async {
        if !options.listen.ip().is_loopback() {
            super::notices::say(&format!(
                "warning: the sandbox listens on {}, so other machines reach it; its token is no secret. \
                 Listen on 127.0.0.1 unless that is what you want",
                options.listen
            ));
        }
        let sandbox = start(options).await.map_err(|source| operation("cannot start the sandbox", source))?;
        let mut out = std::io::stdout().lock();
        // One write: a reader may close the pipe after the first line.
        let text = format!(
            "listening on http://{}\ntoken: {TOKEN}\nadvertiser: {ADVERTISER}\nad group: {ADGROUP}\n\
             identity: CUSTOMIZED_USER {IDENTITY}\n",
            sandbox.addr()
        );
        let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
        written.map_err(|source| CliError::WriteReport { target: "standard output".into(), source })?;
        drop(out);
        while !stop.load(Ordering::SeqCst) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        sandbox.shutdown().await;
        Ok(RunStatus::Done)
    })
}

/// Returns the options of a trial sandbox with its state in `folder`.
pub fn trial_options(
    settings: &Settings,
    args: &TrialArgs,
    folder: PathBuf,
) -> Result<SandboxOptions, CliError> {
    let mut options = base_options(settings, folder.clone());
    if let Some(processing) = &args.sandbox_processing {
        options.processing = span("--sandbox-processing", processing)?;
    }
    options.faults = faults("--sandbox-fault", &args.sandbox_fault)?;
    options.seed = args.sandbox_seed.unwrap_or(options.seed);
    options.time_scale = args.sandbox_time_scale.unwrap_or(options.time_scale);
    if let Some(log) = &args.sandbox_log {
        check_log("--sandbox-log", log)?;
    }
    if args.sandbox_log.is_none() {
        let log = folder.join("requests.ndjson");
        verify_file(&log).map_err(|source| operation("cannot start the sandbox", source))?;
        options.log = Some(log);
    } else {
        options.log = args.sandbox_log.clone();
    }
    Ok(options)
}

fn base_options(settings: &Settings, state: PathBuf) -> SandboxOptions {
    let pool = WorkerPool::new(settings.jobs.min(2)).with_isolation(settings.isolation);
    let pool: Arc<dyn crate::job::Runner> = Arc::new(pool);
    SandboxOptions::new(state, Arc::new(WorkerProber(pool)))
}

fn span(option: &str, text: &str) -> Result<(Duration, Duration), CliError> {
    parse_span(text).map_err(|error| bad_value(option, text, &error))
}

fn faults(option: &str, texts: &[String]) -> Result<Vec<Fault>, CliError> {
    texts.iter().map(|text| Fault::parse(text).map_err(|error| bad_value(option, text, &error))).collect()
}

fn bad_value(option: &str, given: &str, problem: &dyn std::fmt::Display) -> CliError {
    CliError::Usage(format!("invalid value `{given}` for {option}: {problem}"))
}

/// Returns the error of a failed operation with its cause.
pub fn operation(what: &str, source: impl std::error::Error + Send + Sync + 'static) -> CliError {
    CliError::Operation { what: what.to_owned(), source: Box::new(source) }
}

/// Creates the runtime for network requests.
pub fn runtime() -> Result<tokio::runtime::Runtime, CliError> {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_all()
        .build()
        .map_err(|source| operation("cannot start the runtime for network requests", source))
}
