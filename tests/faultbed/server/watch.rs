//! One watch, as a stream of lines.

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;

use bytes::Bytes;
use futures::stream::{self, Stream};
use hyper::body::Frame;
use serde_json::{Value, json};

use super::service::Caller;
use super::store::{Resource, Store};
use super::weather::WatchFate;
use super::{Server, Shared, lock};
use crate::time::{MINUTE, Moment, SECOND};

/// Where a watch stands.
#[derive(Debug)]
pub struct Watch {
    resource: Resource,
    /// Whose it is, and when it began.
    replica: usize,
    began: Moment,
    fate: WatchFate,
    /// The position in the log of the next change.
    position: usize,
    /// The rest of a streamed list.
    initial: Option<VecDeque<Arc<Value>>>,
    sent: u64,
    /// The revision of the last event, or of the list.
    revision: u64,
    last_sent: Moment,
    next_bookmark: Moment,
    ends_at: Moment,
    is_over: bool,
}

enum Step {
    Send(String),
    Break,
    End,
    /// Nothing before this moment, changes aside.
    Wait(Moment),
}

// === impl Watch ===

impl Watch {
    /// Begins after a revision, or with a list of what is stored.
    pub fn new(
        store: &Store,
        replica: usize,
        resource: Resource,
        from: Option<u64>,
        fate: WatchFate,
        now: Moment,
    ) -> Self {
        let changes = store.changes.get(&resource).map_or(&[][..], Vec::as_slice);
        let revision = from.unwrap_or(store.revision);
        Self {
            resource,
            replica,
            began: now,
            fate,
            position: changes.partition_point(|change| change.revision <= revision),
            initial: from
                .is_none()
                .then(|| store.all(resource).map(|(_, one)| Arc::clone(one)).collect()),
            sent: 0,
            revision,
            last_sent: now,
            next_bookmark: now + MINUTE,
            ends_at: now + 290 * SECOND,
            is_over: false,
        }
    }

    fn step(&mut self, server: &mut Server, now: Moment) -> Step {
        if self.is_over {
            return Step::End;
        }
        let passed = |at: Option<Moment>| at.is_some_and(|at| at <= now);
        let hushed = server.hushed.get(&(self.replica, self.resource)).copied();
        if passed(hushed.filter(|at| *at > self.began)) && !passed(self.fate.silent_at) {
            self.fate.silent_at = hushed;
        }
        if passed(self.fate.silent_at) {
            let noticed = self.last_sent.max(self.fate.silent_at.unwrap_or_default()) + SILENCE;
            if now < noticed {
                return Step::Wait(noticed);
            }
            server.strike("silent watch");
            return Step::Break;
        }
        if passed(self.fate.drops_at) {
            server.strike("dropped watch");
            return if self.fate.lag.is_multiple_of(2) { Step::Break } else { Step::End };
        }
        if passed(self.fate.gone_at) {
            server.strike("410 in a watch");
            return self.gone();
        }
        if now >= self.ends_at {
            return Step::End;
        }
        if let Some(initial) = &mut self.initial {
            if self.fate.breaks_after.is_some_and(|most| self.sent >= most) {
                server.strike("streamed list broken off");
                return Step::Break;
            }
            let Some(object) = initial.pop_front() else {
                self.initial = None;
                return self.bookmark(now, &json!({"k8s.io/initial-events-end": "true"}));
            };
            return self.send(now, event("ADDED", &object));
        }
        let changes = server.store.changes.get(&self.resource).map_or(&[][..], Vec::as_slice);
        if let Some(change) = changes.get(self.position) {
            let visible = change.at + self.fate.lag;
            if visible > now {
                return Step::Wait(visible);
            }
            self.position += 1;
            self.revision = change.revision;
            let line = match (&change.before, &change.after) {
                (None, Some(after)) => event("ADDED", after),
                (Some(_), Some(after)) => event("MODIFIED", after),
                (before, None) => {
                    let mut last = before.as_deref().cloned().unwrap_or_default();
                    last["metadata"]["resourceVersion"] = change.revision.to_string().into();
                    event("DELETED", &last)
                }
            };
            return self.send(now, line);
        }
        if now >= self.next_bookmark {
            // A follower may be behind, but not before what it has sent.
            if self.fate.lag <= 100 {
                self.revision = self.revision.max(server.store.revision);
            }
            return self.bookmark(now, &json!({}));
        }
        let fate = &self.fate;
        let all = [
            fate.drops_at,
            fate.silent_at,
            fate.gone_at,
            Some(self.ends_at),
            Some(self.next_bookmark),
        ];
        Step::Wait(all.into_iter().flatten().min().expect("it ends"))
    }

    fn send(&mut self, now: Moment, line: String) -> Step {
        self.sent += 1;
        self.last_sent = now;
        Step::Send(line)
    }

    fn bookmark(&mut self, now: Moment, annotations: &Value) -> Step {
        self.next_bookmark = now + MINUTE;
        let (api_version, kind) = self.resource.names();
        let version = self.revision.to_string();
        let metadata = json!({"resourceVersion": version, "annotations": annotations, "creationTimestamp": null});
        let object = json!({"apiVersion": api_version, "kind": kind, "metadata": metadata});
        self.send(now, event("BOOKMARK", &object))
    }

    fn gone(&mut self) -> Step {
        self.is_over = true;
        Step::Send(event("ERROR", &super::status(410, "Expired", "too old resource version")))
    }
}

/// A line of a watch. The type comes first, as the API server writes it.
fn event(kind: &str, object: &Value) -> String {
    format!("{{\"type\":\"{kind}\",\"object\":{object}}}\n")
}

/// The lines of a watch, as its caller gets them.
pub fn lines(
    shared: Shared,
    caller: Caller,
    watch: Watch,
) -> impl Stream<Item = io::Result<Frame<Bytes>>> + Send {
    stream::unfold(Some((shared, caller, watch)), |state| async {
        let (shared, caller, mut watch) = state?;
        loop {
            let changed = lock(&shared).changed.clone();
            // Made before the look: whatever changes after it is noticed.
            let changed = changed.notified();
            let now = caller.now();
            let step = watch.step(&mut lock(&shared), now);
            match step {
                Step::Send(line) => {
                    return Some((
                        Ok(Frame::data(Bytes::from(line))),
                        Some((shared, caller, watch)),
                    ));
                }
                Step::End => return None,
                Step::Break => {
                    let error =
                        io::Error::new(io::ErrorKind::ConnectionReset, "the watch broke off");
                    return Some((Err(error), None));
                }
                Step::Wait(until) => {
                    tokio::select! {
                        biased;
                        () = changed => {}
                        () = caller.sleep_until(until) => {}
                    }
                }
            }
        }
    })
}

/// The read time-out of production (`cluster::connect`): nothing arrives for so long.
const SILENCE: Moment = 75 * SECOND;
