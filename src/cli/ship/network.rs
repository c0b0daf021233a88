//! Runs what uses the network so that a cancel ends it soon, whatever a server does.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use crate::cli::error::CliError;
use crate::cli::sandbox::runtime;

/// The interval at which the cancel flag is checked.
const CANCEL_POLL: Duration = Duration::from_millis(100);

/// How long the end of a run waits for blocking work, such as a name server that does not answer.
const END_GRACE: Duration = Duration::from_millis(200);

/// Runs `work` in a runtime of its own, and does not wait for work that it has left behind.
pub fn run<T>(work: impl Future<Output = Result<T, CliError>>) -> Result<T, CliError> {
    let runtime = runtime()?;
    let result = runtime.block_on(work);
    // Dropping the runtime would wait until the system has resolved every host name.
    runtime.shutdown_timeout(END_GRACE);
    result
}

/// Awaits what precedes the first upload; `None` if the user cancels, since a server may take long to answer.
pub async fn unless_cancelled<T>(cancel: &AtomicBool, work: impl Future<Output = T>) -> Option<T> {
    let cancelled = async {
        while !cancel.load(Ordering::Relaxed) {
            tokio::time::sleep(CANCEL_POLL).await;
        }
    };
    tokio::select! {
        biased;
        () = cancelled => None,
        done = work => Some(done),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn work_that_blocks_does_not_delay_the_end() {
        let (sender, receiver) = std::sync::mpsc::channel::<()>();
        let done = run(async {
            // Like a resolver that never returns.
            drop(tokio::task::spawn_blocking(move || receiver.recv()));
            Ok(7)
        });
        assert_eq!(done.unwrap(), 7);
        // The blocked thread exists until here; if `run` had waited for it, this line would never be reached.
        drop(sender);
    }

    #[tokio::test(start_paused = true)]
    async fn a_cancel_ends_what_never_answers() {
        let cancel = AtomicBool::new(false);
        let never = unless_cancelled(&cancel, std::future::pending::<()>());
        let cancelling = async {
            tokio::time::sleep(Duration::from_secs(3)).await;
            cancel.store(true, Ordering::Relaxed);
        };
        let (result, ()) = tokio::join!(never, cancelling);
        assert_eq!(result, None);
        assert_eq!(unless_cancelled(&AtomicBool::new(false), async { 5 }).await, Some(5));
    }
}
