//! Handles Ctrl-C and SIGTERM: the first signal stops in order, the second exits at once.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// Returns a flag that is set at the first Ctrl-C or SIGTERM.
pub fn flag() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
    // Fails only if a handler is already set, for example by an earlier command in the same process.
    let _ = ctrlc::set_handler(move || {
        if raised.swap(true, Ordering::SeqCst) {
            // Outputs get their final name only when complete, so it is safe to exit here.
            #[allow(clippy::exit)]
            std::process::exit(130);
        }
        super::notices::print_lines(
            "\ngreenlit: stopping; finished outputs stay, the next run continues (press Ctrl-C again to exit)",
        );
    });
    flag
}
