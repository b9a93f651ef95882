//! A process to be measured. It cannot outlive the benchmark, however that ends, and its process
//! id is known, because what the kernel says of it is part of the result.

use std::{
    fs::{self, File},
    io::Write,
    os::unix::process::CommandExt,
    path::{Path, PathBuf},
    process::{Child as Process, ChildStdin, Command, ExitStatus, Stdio},
    time::Duration,
};

/// Holds a running process and the pipe that keeps it alive.
pub struct Child {
    process: Process,
    /// `None` once dropped: then the process is being killed.
    lifeline: Option<ChildStdin>,
    log: PathBuf,
}

/// What the kernel says of the memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
pub struct Memory {
    /// `VmRSS`: everything resident, the pages of the binary among it.
    pub resident: u64,
    /// `RssAnon`: the part of it that is heap and stacks.
    pub anonymous: u64,
    /// `VmHWM`: the most that was ever resident.
    pub peak: u64,
}

// === impl Child ===

impl Child {
    /// Starts `command`, in its directory and with nothing in its environment but the `PATH`; both
    /// its outputs go to `log`.
    pub fn start(command: &Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).expect("it is writable");
        let mut shell = Command::new("/bin/sh");
        shell.arg("-c").arg(WATCHDOG).arg("watchdog");
        shell.arg(command.get_program()).args(command.get_args());
        shell.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        if let Some(directory) = command.get_current_dir() {
            shell.current_dir(directory).env("HOME", directory);
        }
        // A process group of its own: Ctrl-C at the terminal reaches only us, and the pipe does
        // the rest.
        shell.process_group(0).stdin(Stdio::piped());
        shell.stdout(output.try_clone().expect("there are descriptors left")).stderr(output);
        let mut process = shell.spawn().expect("/bin/sh starts");
        let lifeline = process.stdin.take();
        Self { process, lifeline, log: log.to_path_buf() }
    }

    /// How it ended, if it has.
    pub fn ended(&mut self) -> Option<ExitStatus> {
        self.process.try_wait().expect("the process is ours to wait for")
    }

    /// Everything it has written so far.
    pub fn log(&self) -> String {
        fs::read(&self.log).map_or_else(
            |error| error.to_string(),
            |bytes| String::from_utf8_lossy(&bytes).into_owned(),
        )
    }

    /// Processor time used since its start, by all its threads; `None` where there is no `/proc`.
    /// The kernel gives it in hundredths of a second.
    pub fn processor_time(&self) -> Option<Duration> {
        let stat = self.proc("stat")?;
        // The second field is the name, in parentheses, and may hold anything.
        let (_, fields) = stat.rsplit_once(") ")?;
        let mut ticks = fields.split(' ').skip(11).take(2).map(str::parse::<u64>);
        let (user, system) = (ticks.next()?.ok()?, ticks.next()?.ok()?);
        Some(Duration::from_millis((user + system) * 10))
    }

    /// Its memory now; `None` where there is no `/proc`.
    pub fn memory(&self) -> Option<Memory> {
        let status = self.proc("status")?;
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name))?;
            line.split_whitespace().nth(1)?.parse().ok()
        };
        let (resident, anonymous) = (field("VmRSS:")?, field("RssAnon:")?);
        Some(Memory { resident, anonymous, peak: field("VmHWM:")? })
    }

    fn proc(&self, file: &str) -> Option<String> {
        fs::read_to_string(format!("/proc/{}/{file}", self.process.id())).ok()
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        if self.ended().is_some()
            && let Some(mut pipe) = self.lifeline.take()
        {
            // Its number may belong to a stranger by now.
            let _ = pipe.write_all(b"ended\n");
        }
        drop(self.lifeline.take());
        let _ = self.process.wait();
    }
}

// `unsafe` is forbidden here, so there is no `prctl`. A reader in the background holds one end of a
// pipe whose other end only the benchmark holds; the kernel closes that when the benchmark ends, by
// whatever cause, and the reader kills. The shell itself becomes the process that is measured.
const WATCHDOG: &str = r#"
exec 3<&0
(read -r word <&3 || kill -s KILL $$) >/dev/null 2>&1 &
exec 3<&-
exec "$@" </dev/null
"#;
