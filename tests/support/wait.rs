//! Waiting for conditions, and the one tokio runtime behind the blocking helpers.

use std::{sync::OnceLock, thread, time::Duration};

use curfew::clock;
use tokio::runtime::{Builder, Runtime};

/// Polls until `probe` gives something.
///
/// # Panics
/// If that has not happened within `limit`; the message names `what`.
#[track_caller]
pub fn eventually<T>(what: &str, limit: Duration, mut probe: impl FnMut() -> Option<T>) -> T {
    let start = clock::instant();
    loop {
        if let Some(found) = probe() {
            return found;
        }
        assert!(start.elapsed() < limit, "not within {limit:?}: {what}");
        thread::sleep(PAUSE);
    }
}

/// Polls for as long as `span` and wants `probe` to hold every time: for what must *not* happen.
#[track_caller]
pub fn throughout(what: &str, span: Duration, mut probe: impl FnMut() -> bool) {
    let start = clock::instant();
    while start.elapsed() < span {
        assert!(probe(), "after {:?}: {what}", start.elapsed());
        thread::sleep(PAUSE);
    }
}

/// The runtime of this test binary. It is never dropped, so connections and stubs that live on it
/// serve tests on any thread.
pub fn runtime() -> &'static Runtime {
    static RUNTIME: OnceLock<Runtime> = OnceLock::new();
    RUNTIME.get_or_init(|| {
        // Whoever comes first installs it; a second attempt is refused, which is as good.
        let _ = rustls::crypto::ring::default_provider().install_default();
        Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .expect("a runtime starts")
    })
}

const PAUSE: Duration = Duration::from_millis(40);
