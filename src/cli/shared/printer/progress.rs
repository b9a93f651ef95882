//! A bar for what takes longer than a second.

use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::clock;

/// How far something has come. It is shown once that has taken a second, and gone when dropped.
#[derive(Debug)]
pub struct Progress {
    bar: ProgressBar,
    /// Whether there is a terminal, and somebody who wants to look at it.
    wanted: bool,
    started: Instant,
}

// === impl Progress ===

impl Progress {
    pub(super) fn new(what: &str, total: Option<u64>, wanted: bool) -> Self {
        let bar = ProgressBar::with_draw_target(total, ProgressDrawTarget::hidden())
            .with_message(what.to_owned());
        let style = ProgressStyle::with_template("{msg} {wide_bar} {pos}/{len} {eta}");
        bar.set_style(style.expect("the template is a good one"));
        Self { bar, wanted, started: clock::instant() }
    }

    /// So much more is done.
    pub fn advance(&self, by: u64) {
        self.bar.inc(by);
        if self.wanted && self.bar.is_hidden() && self.started.elapsed() >= PATIENCE {
            self.bar.set_draw_target(ProgressDrawTarget::stderr());
        }
    }

    /// There is so much to do beyond what is done.
    pub fn expect(&self, left: u64) {
        self.bar.set_length(self.bar.position() + left);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        self.bar.finish_and_clear();
    }
}

const PATIENCE: Duration = Duration::from_secs(1);
