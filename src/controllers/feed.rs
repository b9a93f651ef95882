//! What has happened in the cluster since a controller last looked.
//!
//! Watches write here on every replica; only a leader listens, and what nobody listens to is not
//! kept. The sweeper and the scheduler have a feed each, since each looks in its own time.

use std::mem;
use std::sync::Arc;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::sweeper::ObjectRef;
use crate::clock::HashSet;
use crate::cluster::slim::{Job, Keep, Key, Namespace};
use crate::cluster::store::{Namespaces, Objects, Stored};
use crate::cluster::watch::Index;

/// Passes news from the watches to whoever leads. Clones are the same feed.
#[derive(Clone, Debug, Default)]
pub struct Feed(Arc<Inner>);

#[derive(Debug, Default)]
struct Inner {
    /// `None` while nobody listens.
    news: Mutex<Option<News>>,
    arrived: Notify,
}

/// Everything since the last look.
#[derive(Debug, Default)]
pub struct News {
    /// Objects that appeared or changed.
    pub changed: HashSet<ObjectRef>,
    /// Jobs that were not there before.
    pub appeared: Vec<Arc<Job>>,
    /// Jobs as they were when they went.
    pub gone: Vec<Arc<Job>>,
    /// In the order in which it happened; the store learns of it afterwards.
    pub namespaces: Vec<NamespaceNews>,
    /// A complete list came: anything may be different.
    pub relisted: bool,
}

/// What happened to namespaces.
#[derive(Debug)]
pub enum NamespaceNews {
    /// It appeared or changed.
    Applied(Arc<Namespace>),
    /// The namespace of this name is gone.
    Deleted(String),
    /// These are all.
    Listed(Vec<Arc<Namespace>>),
}

/// An index of the store that also feeds controllers.
#[derive(Debug)]
pub struct Fed<I> {
    /// The index of the store.
    pub index: I,
    /// Who is told beside it.
    pub feeds: Feeds,
}

/// The feeds of both controllers. Clones are the same feeds.
#[derive(Clone, Debug, Default)]
pub struct Feeds {
    pub sweeper: Feed,
    pub scheduler: Feed,
}

// === impl Feed ===

impl Feed {
    /// Begins to keep news; whatever was there before is to be read from the store.
    pub fn listen(&self) {
        *self.0.news.lock() = Some(News { relisted: true, ..News::default() });
    }

    /// Stops keeping news.
    pub fn leave(&self) {
        *self.0.news.lock() = None;
    }

    /// Takes the news, if there are any.
    pub fn take(&self) -> News {
        self.0.news.lock().as_mut().map(mem::take).unwrap_or_default()
    }

    /// Waits for news. Cancel-safe.
    pub async fn arrived(&self) {
        self.0.arrived.notified().await;
    }

    fn tell(&self, add: impl FnOnce(&mut News)) {
        if let Some(news) = self.0.news.lock().as_mut() {
            add(news);
            self.0.arrived.notify_one();
        }
    }
}

// === impl Feeds ===

impl Feeds {
    fn tell(&self, add: impl Fn(&mut News)) {
        self.sweeper.tell(&add);
        self.scheduler.tell(&add);
    }
}

// === impl Fed ===

impl<T: Stored> Index<T> for Fed<Arc<Objects<T>>>
where
    ObjectRef: From<Arc<T>>,
{
    fn apply(&mut self, object: &Arc<T>) {
        let meta = object.meta();
        let known = self.index.find(&meta.namespace, &meta.name);
        let appeared = known.is_none_or(|known| known.meta().uid != meta.uid);
        self.index.apply(object);
        self.feeds.tell(|news| {
            let subject = ObjectRef::from(Arc::clone(object));
            if let (ObjectRef::Job(job), true) = (&subject, appeared) {
                news.appeared.push(Arc::clone(job));
            }
            news.changed.insert(subject);
        });
    }

    fn delete(&mut self, key: &Key) {
        let gone = self.index.find(&key.namespace, &key.name);
        self.index.delete(key);
        let Some(gone) = gone else { return };
        self.feeds.tell(|news| {
            let subject = ObjectRef::from(Arc::clone(&gone));
            if let ObjectRef::Job(job) = &subject {
                news.gone.push(Arc::clone(job));
            }
            news.changed.insert(subject);
        });
    }

    fn reset(&mut self, objects: &[Arc<T>], keep: &Arc<Keep>) {
        self.index.reset(objects, keep);
        self.feeds.tell(|news| news.relisted = true);
    }

    fn share(&self, fresh: T) -> Arc<T> {
        self.index.share(fresh)
    }
}

/// The sweeper hears of a change before the store does: it must look at what the new labels make
/// due before anything is judged by them.
impl Index<Namespace> for Fed<Arc<Namespaces>> {
    fn apply(&mut self, object: &Arc<Namespace>) {
        self.feeds.sweeper.tell(|all| {
            all.namespaces.push(NamespaceNews::Applied(Arc::clone(object)));
        });
        self.index.apply(object);
    }

    fn delete(&mut self, key: &Key) {
        let news = NamespaceNews::Deleted(key.name.clone());
        self.feeds.sweeper.tell(|all| all.namespaces.push(news));
        self.index.delete(key);
    }

    fn reset(&mut self, objects: &[Arc<Namespace>], keep: &Arc<Keep>) {
        let news = NamespaceNews::Listed(objects.to_vec());
        self.feeds.sweeper.tell(|all| {
            all.namespaces.clear();
            all.namespaces.push(news);
            all.relisted = true;
        });
        self.index.reset(objects, keep);
    }
}
