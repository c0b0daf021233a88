//! Handles Ctrl-C and SIGTERM: the first signal stops in order, the second exits at once.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

/// The flag of this process. Signals are a matter of the whole process, and a handler can be set once.
static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// Returns a flag that is set at the first Ctrl-C or SIGTERM.
pub fn flag() -> Arc<AtomicBool> {
    Arc::clone(FLAG.get_or_init(set_up))
}

fn set_up() -> Arc<AtomicBool> {
    let flag = Arc::new(AtomicBool::new(false));
    let raised = Arc::clone(&flag);
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
