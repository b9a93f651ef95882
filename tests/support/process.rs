//! Child processes and scratch directories that cannot outlive the test process, however it ends.
//!
//! `unsafe` is forbidden here, so there is no `prctl`: each child runs under a few lines of shell
//! that hold the reading end of a pipe. Only we hold the writing end, and the kernel closes it when
//! we end, by a return, a panic or SIGKILL alike; the shell then kills the child. A line written
//! into the pipe is the name of a signal to pass on.

use std::{
    fs::{self, File},
    io::{self, Write},
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio},
    thread,
    time::Duration,
};

use curfew::clock;
use tempfile::TempDir;

/// Holds a running child and the pipe that keeps it alive.
#[derive(Debug)]
pub struct Child {
    process: Process,
    /// `None` once dropped: then the child is being killed.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
    name: String,
}

/// Holds a temporary directory that is removed with us.
#[derive(Debug)]
pub struct Scratch {
    directory: TempDir,
    janitor: Process,
}

// === impl Child ===

impl Child {
    /// Starts `command` with an environment of its own (what `command` sets, `PATH` apart); both
    /// its outputs go to `log`.
    pub fn start(command: &Command, log: &Path) -> io::Result<Self> {
        let name = Path::new(command.get_program())
            .file_name()
            .map_or_else(String::new, |name| name.to_string_lossy().into_owned());
        let output = File::options().create(true).append(true).open(log)?;
        let mut process = Command::new("/bin/sh");
        process.arg("-c").arg(WATCHDOG).arg("watchdog");
        process.arg(command.get_program()).args(command.get_args());
        process.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        for (key, value) in command.get_envs() {
            if let Some(value) = value {
                process.env(key, value);
            }
        }
        if let Some(directory) = command.get_current_dir() {
            process.current_dir(directory);
        }
        // A process group of its own: Ctrl-C at the terminal reaches only us, and the pipe does the rest.
        process.process_group(0).stdin(Stdio::piped()).stdout(output.try_clone()?).stderr(output);
        let mut process = process.spawn()?;
        let lifeline = process.stdin.take();
        Ok(Self { process, lifeline, log: log.to_path_buf(), name })
    }

    /// Sends a signal by name, such as `TERM`.
    pub fn signal(&mut self, signal: &str) {
        let pipe = self.lifeline.as_mut().expect("the pipe is open until drop");
        // A watchdog that is gone has no child left to signal.
        let _ = writeln!(pipe, "{signal}").and_then(|()| pipe.flush());
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("the child is ours to wait for")
    }

    /// Waits for it to end by itself.
    pub fn wait(&mut self, limit: Duration) -> Option<ExitStatus> {
        let start = clock::instant();
        while start.elapsed() < limit {
            if let Some(status) = self.ended() {
                return Some(status);
            }
            thread::sleep(Duration::from_millis(10));
        }
        None
    }

    /// The most bytes that it ever had in memory; `None` where the kernel does not say.
    pub fn peak_memory(&self) -> Option<u64> {
        let text = |pid: &str, file: &str| fs::read_to_string(format!("/proc/{pid}/{file}")).ok();
        let watchdog = self.process.id().to_string();
        // The shell has two children: it, and a copy of the shell.
        let children = fs::read_dir("/proc").ok()?.filter_map(|entry| {
            let pid = entry.ok()?.file_name().into_string().ok()?;
            let status = text(&pid, "status")?;
            let value = |name: &str| {
                status.lines().find_map(|line| Some(line.strip_prefix(name)?.trim().to_owned()))
            };
            let is_it = value("PPid:")? == watchdog && value("Name:")? != "sh";
            is_it.then(|| value("VmHWM:"))?
        });
        let kibibytes = children.last()?;
        Some(kibibytes.split(' ').next()?.parse::<u64>().ok()? * 1024)
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| format!("no log of {}: {error}", self.name),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        drop(self.lifeline.take());
        let _ = self.process.wait();
    }
}

// === impl Scratch ===

impl Scratch {
    pub fn new() -> io::Result<Self> {
        let directory = tempfile::Builder::new().prefix("curfew-test-").tempdir()?;
        let janitor = Command::new("/bin/sh")
            .arg("-c")
            .arg(JANITOR)
            .arg("janitor")
            .arg(directory.path())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()?;
        Ok(Self { directory, janitor })
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn join(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a file and gives its path.
    pub fn write(&self, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, content).expect("a scratch directory is writable");
        path
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // The directory itself is removed by its own drop; the janitor only need not wait.
        if let Some(mut pipe) = self.janitor.stdin.take() {
            let _ = pipe.write_all(b"done\n");
        }
        let _ = self.janitor.wait();
    }
}

// The child gets neither end of the pipe. The reader is told off as soon as the child has ended, so
// that it never signals a stranger that was given the same process id.
const WATCHDOG: &str = r#"
exec 3<&0
"$@" </dev/null 3<&- &
child=$!
(
  while read -r signal <&3; do kill -s "$signal" "$child"; done
  kill -s KILL "$child"
) >/dev/null 2>&1 &
reader=$!
exec 3<&-
wait "$child"
status=$?
kill -s KILL "$reader" 2>/dev/null
exit "$status"
"#;

// The pause lets the children die first; they would write into the directory while it is removed.
const JANITOR: &str = r#"read -r word && exit 0; sleep 1; rm -rf -- "$1"; sleep 2; rm -rf -- "$1""#;
