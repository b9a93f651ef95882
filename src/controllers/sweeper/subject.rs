//! What the sweeper looks at: a stored Job or `CronJob`, told from others by its name.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::sync::Arc;

use crate::batch::Kind;
use crate::cluster::slim::{CronJob, Job, Meta};

/// A stored object as it was when somebody mentioned it. Equal to every other state of it: which
/// one counts is looked up in the store. Two words wide, as there is one for each timer.
#[derive(Clone, Debug)]
pub enum ObjectRef {
    CronJob(Arc<CronJob>),
    Job(Arc<Job>),
}

// === impl ObjectRef ===

impl ObjectRef {
    /// Which of the two.
    pub fn kind(&self) -> Kind {
        match self {
            Self::CronJob(_) => Kind::CronJob,
            Self::Job(_) => Kind::Job,
        }
    }

    /// Its metadata, as of when it was mentioned.
    pub fn meta(&self) -> &Meta {
        match self {
            Self::CronJob(cronjob) => &cronjob.meta,
            Self::Job(job) => &job.meta,
        }
    }

    fn key(&self) -> (Kind, &str, &str) {
        let meta = self.meta();
        (self.kind(), &meta.namespace, &meta.name)
    }
}

impl From<Arc<CronJob>> for ObjectRef {
    fn from(cronjob: Arc<CronJob>) -> Self {
        Self::CronJob(cronjob)
    }
}

impl From<Arc<Job>> for ObjectRef {
    fn from(job: Arc<Job>) -> Self {
        Self::Job(job)
    }
}

impl PartialEq for ObjectRef {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for ObjectRef {}

impl Hash for ObjectRef {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.key().hash(state);
    }
}

impl Ord for ObjectRef {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl PartialOrd for ObjectRef {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl fmt::Display for ObjectRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (kind, namespace, name) = self.key();
        write!(f, "{kind} {namespace}/{name}")
    }
}
