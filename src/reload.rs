//! Values made of files, replaced when the files change and the new content is good.
//!
//! [`FileWatcher`] is the rule, a step at a time and without a clock; [`run`] is the loop around it,
//! which polls once a second, off the threads that answer requests. Polling by content, because
//! the kubelet publishes a `ConfigMap` or a Secret by swapping a symlink: whoever watches the file
//! itself watches an inode that is never written, and its time of modification says nothing.
//!
//! [`policy`] and [`certificate`] say what is read and what it becomes.

pub mod certificate;
pub mod policy;

use std::fmt::Display;
use std::io::{self, Read as _};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

use crate::clock;

/// Holds what was last seen of some files, and how to read them and make a value of them.
pub struct FileWatcher<I, T, E> {
    read: Box<Read<I>>,
    build: Box<Build<I, T, E>>,
    /// What the value in use was made of.
    good: Digest,
    /// What was refused last, unless the good content is back.
    bad: Option<Bad>,
}

/// What a first look gives: the value, and how to go on looking.
pub struct Started<I, T, E> {
    pub value: T,
    pub watched: FileWatcher<I, T, E>,
}

/// Content that can be told from other content.
pub trait Content {
    fn digest(&self) -> Digest;
}

/// SHA-256 over everything that was read.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct Digest([u8; 32]);

/// What a look at the files led to.
#[derive(Debug, Eq, PartialEq)]
pub enum LookResult<T, E> {
    /// What is in use came back after something that was refused.
    Recovered,
    /// Told once for each content: the value in use stays.
    Refused(Refusal<E>),
    /// A new value, to be put in use.
    Replaced(T),
    Unchanged,
}

/// Why new content is not put in use.
#[derive(Debug, Eq, PartialEq, thiserror::Error)]
pub enum Refusal<E> {
    #[error("{0}")]
    Content(E),
    #[error("{0}")]
    Read(ReadError),
}

/// Why a file or a folder cannot be read.
#[derive(Clone, Debug, Eq, PartialEq, thiserror::Error)]
pub enum ReadError {
    #[error("{path}: the folder holds no policy: expected files that end in .yaml or .yml", path = path.display())]
    Empty { path: PathBuf },
    #[error("{path}: there is no such file or folder", path = path.display())]
    Missing { path: PathBuf },
    #[error("{path}: it is no regular file: whoever reads a pipe or a device may wait for ever", path = path.display())]
    NotRegular { path: PathBuf },
    #[error("{path}: byte {offset} is not UTF-8: save the file as UTF-8 without a byte order mark", path = path.display())]
    NotUtf8 { path: PathBuf, offset: usize },
    #[error("{path}: {size} bytes are more than the {limit} that are read: split the file", path = path.display())]
    TooLarge { path: PathBuf, size: u64, limit: u64 },
    #[error("{path}: cannot be read: {reason}", path = path.display())]
    Unreadable { path: PathBuf, reason: String },
}

/// What a path may lead to.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Accept {
    /// Also pipes, such as a shell's `<(…)`, which are read once and may wait for their writer.
    Pipes,
    /// What can be read again and again without waiting for anybody.
    RegularFiles,
}

type Read<I> = dyn Fn() -> Result<I, ReadError> + Send;
type Build<I, T, E> = dyn Fn(&I, Timestamp) -> Result<T, E> + Send;

/// What was refused, so that it is told once.
#[derive(Debug, Eq, PartialEq)]
enum Bad {
    Content(Digest),
    Read(ReadError),
}

/// Looks at the files again and again until the token is cancelled, and hands on what a look led
/// to, except [`LookResult::Unchanged`].
pub async fn run<I, T, E>(
    watched: FileWatcher<I, T, E>,
    every: Duration,
    stop: CancellationToken,
    mut act: impl FnMut(LookResult<T, E>),
) where
    I: Content + 'static,
    T: Send + 'static,
    E: Send + 'static,
{
    let watched = Arc::new(Mutex::new(watched));
    let mut ticks = tokio::time::interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            () = stop.cancelled() => return,
            // Cancel-safe: a tick that is not taken stays due.
            _ = ticks.tick() => {}
        }
        let watched = Arc::clone(&watched);
        // Reading may hang on a network file system, and compiling 10,000 rules takes a while:
        // neither must hold up a thread that answers requests, or the end.
        let mut look = tokio::task::spawn_blocking(move || {
            // A panic while building left nothing half-done: the content counts as refused.
            watched.lock().look(clock::now())
        });
        let looked = tokio::select! {
            biased;
            () = stop.cancelled() => return,
            looked = &mut look => looked,
        };
        // A panic was already reported by the hook; the next content is looked at all the same.
        if let Ok(step) = looked
            && !matches!(step, LookResult::Unchanged)
        {
            act(step);
        }
    }
}

/// Reads a file of at most so many bytes.
///
/// # Errors
/// Where it is missing, larger, no file that is accepted, or cannot be read.
pub fn read_file(path: &Path, limit: u64, accept: Accept) -> Result<Vec<u8>, ReadError> {
    let fail = |error: io::Error| ReadError::from_io(path, &error);
    let before = std::fs::metadata(path).map_err(fail)?;
    if accept == Accept::RegularFiles && !before.is_file() {
        return Err(ReadError::NotRegular { path: path.to_owned() });
    }
    // A pipe has no size before it ends, and a file may grow.
    let mut content = Vec::new();
    let file = std::fs::File::open(path).map_err(fail)?;
    file.take(limit + 1).read_to_end(&mut content).map_err(fail)?;
    let size = before.len().max(content.len() as u64);
    if size > limit {
        return Err(ReadError::TooLarge { path: path.to_owned(), size, limit });
    }
    Ok(content)
}

// === impl FileWatcher ===

impl<I: Content, T, E> FileWatcher<I, T, E> {
    /// Reads the files for the first time.
    ///
    /// # Errors
    /// Where they cannot be read or are no good: there is no earlier value to fall back to.
    pub fn start(
        read: impl Fn() -> Result<I, ReadError> + Send + 'static,
        build: impl Fn(&I, Timestamp) -> Result<T, E> + Send + 'static,
        now: Timestamp,
    ) -> Result<Started<I, T, E>, Refusal<E>> {
        let input = read().map_err(Refusal::Read)?;
        let value = build(&input, now).map_err(Refusal::Content)?;
        let good = input.digest();
        let watched = Self { read: Box::new(read), build: Box::new(build), good, bad: None };
        Ok(Started { value, watched })
    }

    /// Looks at the files once.
    pub fn look(&mut self, now: Timestamp) -> LookResult<T, E> {
        let input = match (self.read)() {
            Ok(input) => input,
            Err(error) => return self.unreadable(error),
        };
        let digest = input.digest();
        if digest == self.good {
            return if self.bad.take().is_some() {
                LookResult::Recovered
            } else {
                LookResult::Unchanged
            };
        }
        if self.bad == Some(Bad::Content(digest)) {
            return LookResult::Unchanged;
        }
        // Several files are not read at one instant: a swap in between gives old files with new
        // ones, which may even load. Such a mix is not there a second time.
        if !(self.read)().is_ok_and(|again| again.digest() == digest) {
            return LookResult::Unchanged;
        }
        // Counts as refused until it is built, so that a panic in `build` is not repeated.
        self.bad = Some(Bad::Content(digest));
        match (self.build)(&input, now) {
            Ok(value) => {
                self.good = digest;
                self.bad = None;
                LookResult::Replaced(value)
            }
            Err(error) => LookResult::Refused(Refusal::Content(error)),
        }
    }

    fn unreadable(&mut self, error: ReadError) -> LookResult<T, E> {
        let bad = Some(Bad::Read(error.clone()));
        if self.bad == bad {
            return LookResult::Unchanged;
        }
        self.bad = bad;
        LookResult::Refused(Refusal::Read(error))
    }
}

// === impl Digest ===

impl Digest {
    /// Of parts in this order; where one ends and the next begins counts.
    pub fn of<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> Self {
        let mut hash = Sha256::new();
        for part in parts {
            hash.update((part.len() as u64).to_le_bytes());
            hash.update(part);
        }
        Self(hash.finalize().into())
    }
}

// === impl ReadError ===

impl ReadError {
    fn from_io(path: &Path, error: &io::Error) -> Self {
        let path = path.to_owned();
        match error.kind() {
            io::ErrorKind::NotFound => Self::Missing { path },
            _ => Self::Unreadable { path, reason: reason(error) },
        }
    }
}

/// What the operating system says, without its number.
fn reason(error: &impl Display) -> String {
    let text = error.to_string();
    let end = text.find(" (os error").unwrap_or(text.len());
    text[..end].to_lowercase()
}

#[cfg(test)]
mod tests {
    use std::cell::RefCell;
    use std::collections::VecDeque;

    use super::*;

    impl Content for String {
        fn digest(&self) -> Digest {
            Digest::of([self.as_bytes()])
        }
    }

    /// Answers reads from a list, and goes on with its last entry for ever.
    fn watched(reads: &[&str]) -> FileWatcher<String, i32, String> {
        let parse =
            |text: &String, _| text.parse::<i32>().map_err(|_| format!("no number: {text}"));
        let reads: VecDeque<String> = reads.iter().map(ToString::to_string).collect();
        let reads = RefCell::new(reads);
        let read = move || {
            let mut reads = reads.borrow_mut();
            let next = if reads.len() > 1 { reads.pop_front() } else { reads.front().cloned() };
            match next.expect("a list of reads is never empty") {
                text if text == "gone" => Err(ReadError::Missing { path: "policy".into() }),
                text => Ok(text),
            }
        };
        let Started { value, watched } =
            FileWatcher::start(read, parse, Timestamp::UNIX_EPOCH).unwrap();
        assert_eq!(value, 1);
        watched
    }

    fn looks(
        watched: &mut FileWatcher<String, i32, String>,
        count: usize,
    ) -> Vec<LookResult<i32, String>> {
        (0..count).map(|_| watched.look(Timestamp::UNIX_EPOCH)).collect()
    }

    fn refused(text: &str) -> LookResult<i32, String> {
        LookResult::Refused(Refusal::Content(format!("no number: {text}")))
    }

    #[test]
    fn new_content_replaces_once() {
        let mut watched = watched(&["1", "1", "2"]);
        assert_eq!(
            looks(&mut watched, 3),
            [LookResult::Unchanged, LookResult::Replaced(2), LookResult::Unchanged]
        );
    }

    #[test]
    fn bad_content_is_told_once_and_keeps_the_old_value() {
        let mut watched = watched(&["1", "x", "x", "x", "y", "y", "x", "x", "1"]);
        assert_eq!(
            looks(&mut watched, 6),
            [
                refused("x"),
                LookResult::Unchanged,
                refused("y"),
                refused("x"),
                LookResult::Recovered,
                LookResult::Unchanged
            ]
        );
    }

    #[test]
    fn good_content_after_bad_replaces() {
        let mut watched = watched(&["1", "x", "x", "2"]);
        assert_eq!(
            looks(&mut watched, 3),
            [refused("x"), LookResult::Replaced(2), LookResult::Unchanged]
        );
    }

    #[test]
    fn missing_files_are_told_once_and_recover() {
        let mut watched = watched(&["1", "gone", "gone", "1"]);
        let missing = ReadError::Missing { path: "policy".into() };
        assert_eq!(
            looks(&mut watched, 4),
            [
                LookResult::Refused(Refusal::Read(missing)),
                LookResult::Unchanged,
                LookResult::Recovered,
                LookResult::Unchanged
            ]
        );
    }

    #[test]
    fn a_mix_of_old_and_new_files_is_never_used() {
        // 7 stands for a mix: it would load, and it is gone when looked at again.
        let mut watched = watched(&["1", "7", "2", "2"]);
        assert_eq!(looks(&mut watched, 2), [LookResult::Unchanged, LookResult::Replaced(2)]);
    }

    #[test]
    fn a_panic_while_building_is_not_repeated() {
        let reads = RefCell::new(0);
        let read = move || {
            *reads.borrow_mut() += 1;
            Ok(if *reads.borrow() == 1 { "1".to_owned() } else { "boom".to_owned() })
        };
        let build = |text: &String, _| {
            assert_eq!(text, "1", "the loader has a bug");
            Ok::<i32, String>(1)
        };
        let mut watched = FileWatcher::start(read, build, Timestamp::UNIX_EPOCH).unwrap().watched;
        let look = std::panic::AssertUnwindSafe(|| watched.look(Timestamp::UNIX_EPOCH));
        std::panic::catch_unwind(look).unwrap_err();
        assert_eq!(watched.look(Timestamp::UNIX_EPOCH), LookResult::Unchanged);
    }

    /// A network file system that is gone answers nobody, and must not keep the process from ending.
    #[tokio::test]
    async fn a_look_that_hangs_does_not_hold_up_the_end() {
        let hangs = Arc::new(std::sync::Barrier::new(2));
        let (began, first) = (Arc::clone(&hangs), std::cell::Cell::new(true));
        let read = move || {
            if !first.replace(false) {
                began.wait();
            }
            Ok("1".to_owned())
        };
        let build = |_: &String, _| Ok::<i32, String>(1);
        let watched = FileWatcher::start(read, build, Timestamp::UNIX_EPOCH).unwrap().watched;
        let stop = CancellationToken::new();
        let running = tokio::spawn(run(watched, Duration::from_millis(1), stop.clone(), |_| {}));
        tokio::time::sleep(Duration::from_millis(50)).await;
        stop.cancel();
        // The read still waits for the barrier: had the loop waited for it, this would never end.
        running.await.unwrap();
        hangs.wait();
    }

    #[test]
    fn where_a_part_ends_counts() {
        assert_ne!(Digest::of([b"ab".as_slice(), b"c"]), Digest::of([b"a".as_slice(), b"bc"]));
    }
}
