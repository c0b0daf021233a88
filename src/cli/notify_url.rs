//! `--notify`: sends the result of a run to a server.
//!
//! The body is signed, so that the server can tell who sent it. Neither the secret nor more of the address than its host is
//! printed, because the path and the query of such an address are often secrets themselves.

use std::env::VarError;
use std::path::Path;
use std::time::Duration;

use hmac::{Hmac, KeyInit, Mac};
use reqwest::StatusCode;
use reqwest::header::CONTENT_TYPE;
use secrecy::{ExposeSecret, SecretString};
use serde::Serialize;
use sha2::Sha256;
use sha2::digest::InvalidLength;
use url::Url;

use super::args::NotifyArgs;
use super::destination::{is_readable_by_others, read_secret};
use super::error::{self, CliError};
use super::exit_code::RunStatus;
use super::run_end::RunEnd;
use super::sandbox::operation;
use super::settings::Settings;
use super::ship::network;
use super::{notices, output};
use crate::platform::{Timeouts, http_client, is_loopback};
use crate::report::Summary;

/// The name and version of the schema of a notification.
const SCHEMA: &str = "greenlit.notification/1";

/// The environment variable with the secret.
const SECRET: &str = "GREENLIT_NOTIFY_SECRET";

/// The header with the signature of the body.
const SIGNATURE: &str = "X-Greenlit-Signature";

/// The limit for one attempt.
const ATTEMPT_LIMIT: Duration = Duration::from_secs(5);

/// The waits between attempts.
const WAITS: [Duration; 2] = [Duration::from_millis(500), Duration::from_secs(2)];

/// Runs a command and sends its result to the address of `args`, if it has one. The notification changes neither the
/// result nor the exit code.
///
/// # Errors
/// Those of the command; before it runs, [`CliError::Usage`] for an address or a secret that cannot be used.
pub fn after(
    settings: &Settings,
    command: &'static str,
    args: &NotifyArgs,
    run: impl FnOnce() -> Result<RunEnd, CliError>,
) -> Result<RunStatus, CliError> {
    let Some(url) = &args.notify else { return run().map(|end| end.status) };
    let target = Target::new(url, args)?;
    let ended = run();
    let notification = Notification::of(settings, command, &ended);
    let not_sent =
        || format!("the notification to {} was not delivered (the exit code stays)", target.host());
    let sent = network::run(async {
        target.send(&notification).await.map_err(|problem| operation(&not_sent(), problem))
    });
    if let Err(problem) = sent {
        notices::say(&error::chain(&problem));
    }
    ended.map(|end| end.status)
}

/// The body of a notification.
#[derive(Debug, Serialize)]
struct Notification<'a> {
    schema: &'static str,
    command: &'static str,
    /// The time at which the run ended, so that a server can refuse old notifications.
    time: String,
    exit_code: u8,
    interrupted: bool,
    profiles: &'a [String],
    /// The counts of the report; `None` if the run ended without one.
    summary: Option<&'a Summary>,
    /// The file of `--output`, if it was written.
    report: Option<String>,
    /// The files of `--report`, if they were written.
    reports: Vec<String>,
}

impl<'a> Notification<'a> {
    fn of(
        settings: &Settings,
        command: &'static str,
        ended: &'a Result<RunEnd, CliError>,
    ) -> Notification<'a> {
        let status = ended.as_ref().map_or_else(output::status_of, |end| end.status);
        let totals = ended.as_ref().ok().and_then(|end| end.totals.as_ref());
        let display = |path: &Path| path.display().to_string();
        let written = totals.map_or(&[][..], |_| &settings.reports);
        Notification {
            schema: SCHEMA,
            command,
            time: jiff::Timestamp::now().to_string(),
            exit_code: status.code(),
            interrupted: status == RunStatus::Interrupted,
            profiles: totals.map_or(&[], |totals| &totals.profiles),
            summary: totals.map(|totals| &totals.summary),
            report: settings.output.as_deref().filter(|_| totals.is_some()).map(display),
            reports: written.iter().map(|file| display(&file.path)).collect(),
        }
    }
}

/// Why a notification did not arrive.
#[derive(Debug, thiserror::Error)]
enum NotifyError {
    #[error("no reply")]
    Transport(#[source] reqwest::Error),
    #[error("the server answered {0}")]
    Status(StatusCode),
    #[error("the notification cannot be signed")]
    Signature(#[source] InvalidLength),
    #[error("the notification cannot be serialized")]
    Body(#[from] serde_json::Error),
}

impl NotifyError {
    /// Returns the error without the address, which may hold secrets.
    fn transport(error: reqwest::Error) -> NotifyError {
        NotifyError::Transport(error.without_url())
    }

    /// Returns whether another attempt may succeed.
    fn may_pass(&self) -> bool {
        match self {
            NotifyError::Transport(error) => !error.is_builder(),
            NotifyError::Status(status) => {
                status.is_server_error()
                    || [StatusCode::TOO_MANY_REQUESTS, StatusCode::REQUEST_TIMEOUT].contains(status)
            }
            NotifyError::Signature(_) | NotifyError::Body(_) => false,
        }
    }
}

/// The address of notifications, and the secret that signs them.
struct Target {
    url: Url,
    secret: Option<SecretString>,
}

impl Target {
    fn new(url: &str, args: &NotifyArgs) -> Result<Target, CliError> {
        let url = Url::parse(url).map_err(|source| usage(&format!("is not a valid address: {source}")))?;
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(usage("must begin with https://, except for a server on this machine")),
            _ => return Err(usage("must begin with https://")),
        }
        let (secret, source) = match &args.notify_secret_file {
            Some(path) => {
                if is_readable_by_others(path) {
                    let path = path.display();
                    notices::say(&format!(
                        "warning: other users can read the secret in {path}: take that permission away (chmod go-r {path})"
                    ));
                }
                (Some(read_secret(path)?), path.display().to_string())
            }
            None => match std::env::var(SECRET) {
                Err(VarError::NotUnicode(_)) => {
                    return Err(CliError::Usage(format!(
                        "the secret for --notify from {SECRET} is not UTF-8"
                    )));
                }
                secret => (secret.ok(), SECRET.to_owned()),
            },
        };
        let secret = secret.map(|text| SecretString::from(text.trim()));
        if secret.as_ref().is_some_and(|secret| secret.expose_secret().is_empty()) {
            return Err(CliError::Usage(format!("the secret for --notify from {source} is empty")));
        }
        Ok(Target { url, secret })
    }

    /// Returns the part of the address that messages may name.
    fn host(&self) -> &str {
        self.url.host_str().unwrap_or_default()
    }

    /// Sends the notification, several times if necessary.
    async fn send(&self, notification: &Notification<'_>) -> Result<(), NotifyError> {
        let body = serde_json::to_vec(notification)?;
        let signature = self.secret.as_ref().map(|secret| signature(secret, &body)).transpose()?;
        let client = http_client(&Timeouts::default(), &self.url).map_err(NotifyError::transport)?;
        let mut waits = WAITS.into_iter();
        loop {
            let mut request = client.post(self.url.clone()).timeout(ATTEMPT_LIMIT).body(body.clone());
            request = request.header(CONTENT_TYPE, "application/json");
            if let Some(signature) = &signature {
                request = request.header(SIGNATURE, signature);
            }
            let problem = match request.send().await {
                Ok(reply) if reply.status().is_success() => return Ok(()),
                Ok(reply) => NotifyError::Status(reply.status()),
                Err(error) => NotifyError::transport(error),
            };
            match waits.next().filter(|_| problem.may_pass()) {
                Some(wait) => tokio::time::sleep(wait).await,
                None => return Err(problem),
            }
        }
    }
}

fn usage(problem: &str) -> CliError {
    CliError::Usage(format!("the value of --notify {problem}"))
}

/// Returns the value of the header: HMAC-SHA256 of the body.
fn signature(secret: &SecretString, body: &[u8]) -> Result<String, NotifyError> {
    let mut mac =
        Hmac::<Sha256>::new_from_slice(secret.expose_secret().as_bytes()).map_err(NotifyError::Signature)?;
    mac.update(body);
    let hex: String = mac.finalize().into_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(format!("sha256={hex}"))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    /// The second test case of RFC 4231.
    #[test]
    fn signs_with_hmac_sha256() {
        let signed = signature(&SecretString::from("Jefe"), b"what do ya want for nothing?").unwrap();
        assert_eq!(signed, "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }

    #[test]
    fn only_https_and_this_machine_get_notifications() {
        let args = NotifyArgs::default();
        for url in ["https://a.example/x?y=z", "http://127.0.0.1:1/x", "http://[::1]/", "http://localhost:9/"]
        {
            assert!(Target::new(url, &args).is_ok(), "{url}");
        }
        for url in [
            "http://a.example/s3cret",
            "http://127.0.0.1.a.example/s3cret",
            "ftp://127.0.0.1/s3cret",
            "s3cret",
        ] {
            let Err(refused) = Target::new(url, &args) else { panic!("{url}") };
            assert!(!error::chain(&refused).contains("s3cret"), "{url}");
        }
    }

    #[test]
    fn only_what_may_pass_is_sent_again() {
        let again = [500, 502, 503, 429, 408];
        for code in again.into_iter().chain([301, 400, 401, 404, 410]) {
            let status = StatusCode::from_u16(code).unwrap();
            assert_eq!(NotifyError::Status(status).may_pass(), again.contains(&code), "{code}");
        }
    }
}
