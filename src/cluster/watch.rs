//! Following a kind: list it object by object, watch it, and feed an [`Index`].
//!
//! [`follow`] runs until it is told to stop. What it meets is folded into three calls: `apply`,
//! `delete` and `reset`. A reset is given only with a complete list: whatever interrupts one, a
//! 410 between two pages included, starts it anew and leaves the index as it was. An object that
//! cannot be decoded is taken out of the index, counted and said once; nothing is ever done to
//! what is not in an index.
//!
//! It must not know what an index does with the objects, and an index must not wait for anything:
//! it is called between two events of the stream.

mod fold;
mod health;
mod index;
mod source;

use std::sync::Arc;

use futures::StreamExt;
use k8s_openapi::Resource;
use kube::Api;
use kube::runtime::watcher;
use tokio::sync::watch;
use tokio_util::sync::CancellationToken;

use self::fold::Fold;
use self::source::Source;
use super::slim::{Keep, Slim, Wire};
use crate::telemetry::chain;

pub use self::health::{Health, State};
pub use self::index::Index;

/// Follows a kind until `stop`.
///
/// `keep` says what decoding is to keep. Where a later one asks for more than was kept, everything
/// is listed again, and until then the index has been told the old one.
pub async fn follow<K: Slim>(
    api: Api<Wire<K>>,
    mut keep: watch::Receiver<Arc<Keep>>,
    index: impl Index<K>,
    health: watch::Sender<Health>,
    stop: CancellationToken,
) {
    let mut fold = Fold::new(index, Arc::clone(&keep.borrow_and_update()));
    // Once nobody can ask for more, that arm of the loop has nothing to wait for.
    let mut may_ask = true;
    loop {
        let mut stream = std::pin::pin!(Source::new(api.clone()).events());
        health.send_modify(|health| health.state = State::Listing);
        loop {
            let event = tokio::select! {
                biased;
                () = stop.cancelled() => return,
                // Cancel-safe: a change that was not looked at is reported again.
                changed = keep.changed(), if may_ask => {
                    may_ask = changed.is_ok();
                    if fold.keep(&keep.borrow_and_update()) {
                        break;
                    }
                    continue;
                }
                // Cancel-safe: what is under way stays in the stream.
                event = stream.next() => event,
            };
            match event {
                Some(Ok(event)) => fold.event(event, &health),
                Some(Err(error)) => failed::<K>(&error, &health),
                // The stream has no end.
                None => break,
            }
        }
    }
}

fn failed<K: Slim>(error: &watcher::Error, health: &watch::Sender<Health>) {
    let kind = <K::Like as Resource>::KIND;
    let error = chain(error);
    tracing::warn!(kind, error, "watch interrupted");
    health.send_modify(|health| {
        health.errors += 1;
        health.state = State::Failing(error);
    });
}

#[cfg(test)]
mod tests;
