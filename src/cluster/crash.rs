//! Where a test has this process die: `DRIFTMEND_CRASH_AT=N` kills it right before its Nth write, as `kill -9` would.
//!
//! Debug builds only: a released program neither counts nor reads the variable. All that a process leaves behind are
//! its writes, so that dying before each of them in turn is dying everywhere.

use std::sync::LazyLock;
use std::sync::atomic::{AtomicUsize, Ordering};

const VARIABLE: &str = "DRIFTMEND_CRASH_AT";

/// The number of the write before which to die, the first being 1; zero for none. What is no number lets everything
/// pass.
static AT: LazyLock<usize> = LazyLock::new(|| {
    std::env::var(VARIABLE)
        .ok()
        .and_then(|number| number.parse().ok())
        .unwrap_or_default()
});

static WRITES: AtomicUsize = AtomicUsize::new(0);

/// Counts a write that is about to be sent, and dies where it is the one.
pub(super) fn before_write() {
    let number = WRITES.fetch_add(1, Ordering::SeqCst) + 1;
    if number == *AT {
        // No error is of use to a process that ends here; one that may not signal itself is told by the test, which
        // waits for its end.
        let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
    }
}
