//! Ctrl-C and SIGTERM: the first asks for an orderly end, the second does not wait.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// A flag that is raised when the user asks to stop.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    // Fails only when a handler is set already, as when a program runs two commands in one process.
    let _ = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            // Nothing is half-written under a final name, so there is nothing to wait for.
            #[allow(clippy::exit)]
            std::process::exit(130);
        }
        eprintln!(
            "\ngreenlit: stopping; what is finished stays, the next run goes on (again to stop at once)"
        );
    });
    flag
}
