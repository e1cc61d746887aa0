//! Programs that run beside the test and never outlive it.
//!
//! `Drop` is not enough: it does not run for a static, nor when the test process is killed. So each program has a
//! watcher: a shell that reads from a pipe whose other end only this process holds. When this process ends, in whatever
//! way, the kernel closes the pipe, and the watcher kills the program.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};

use anyhow::{Context, Result, bail};

/// Forks the watcher, then becomes the program: so the program is our own child, with the process id and the exit
/// status that we see.
///
/// A line on the pipe says that the program has ended and been waited for; then its process id may belong to somebody
/// else.
const WATCHED: &str = r#"
exec 3<&0 </dev/null
(read -r _ <&3 || kill -KILL $$) >/dev/null 2>&1 &
exec "$@" 3<&-
"#;

/// Removes the folder at the end of this process; a line on the pipe says that it shall stay.
///
/// The second try is for a program that still wrote into the folder while it was being killed.
const REMOVER: &str = r#"read -r _ || rm -rf "$1" || { sleep 1; rm -rf "$1"; }"#;

/// How many lines of a log an error shows: enough for the fatal line and what led to it.
const TAIL_LINES: usize = 15;

/// A running program; it is killed when this value is dropped, and when this process ends without dropping it.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    watcher: Option<ChildStdin>,
}

impl Process {
    /// Starts `program`; what it writes is appended to the file `log`. `environment` is added to this process's own.
    pub fn start(program: &Path, arguments: &[String], environment: &[(&str, &str)], log: &Path) -> Result<Self> {
        let name = program
            .file_name()
            .unwrap_or(program.as_os_str())
            .to_string_lossy()
            .into_owned();
        if !program.is_file() {
            bail!("failed to start {name}: {} is not there", program.display());
        }
        let output = File::options()
            .create(true)
            .append(true)
            .open(log)
            .with_context(|| format!("failed to open {}", log.display()))?;
        let errors = output
            .try_clone()
            .with_context(|| format!("failed to open {}", log.display()))?;
        let mut child = Command::new("sh")
            .args(["-c", WATCHED, &name])
            .arg(program)
            .args(arguments)
            .envs(environment.iter().copied())
            .stdin(Stdio::piped())
            .stdout(output)
            .stderr(errors)
            // Not in our process group: a signal from a terminal must not take the watcher before it has seen us end.
            .process_group(0)
            .spawn()
            .with_context(|| format!("failed to start {name} ({})", program.display()))?;
        let watcher = child.stdin.take();
        Ok(Self {
            name,
            log: log.to_owned(),
            child,
            watcher,
        })
    }

    /// Returns the program's process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Returns the file that holds what the program wrote.
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Returns how the program ended, if it has.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        let status = self
            .child
            .try_wait()
            .with_context(|| format!("failed to wait for {}", self.name))?;
        if status.is_some() {
            self.dismiss_watcher();
        }
        Ok(status)
    }

    /// Fails with the end of the log if the program has ended.
    pub fn check_running(&mut self) -> Result<()> {
        match self.ended()? {
            Some(status) => bail!(
                "failed to keep {} running: it ended with {status}; {}",
                self.name,
                self.log_tail()
            ),
            None => Ok(()),
        }
    }

    /// Kills the program at once (SIGKILL) and waits until it is gone.
    pub fn kill(&mut self) {
        // Both fail only when the program has already ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
        self.dismiss_watcher();
    }

    /// Returns the program's name, its log file and the log's last lines, for an error message.
    pub fn log_tail(&self) -> String {
        let text = fs::read(&self.log)
            .map(|bytes| String::from_utf8_lossy(&bytes).into_owned())
            .unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        let tail = lines[lines.len().saturating_sub(TAIL_LINES)..].join("\n  ");
        format!("the end of {}'s log, {}:\n  {tail}", self.name, self.log.display())
    }

    fn dismiss_watcher(&mut self) {
        if let Some(mut pipe) = self.watcher.take() {
            // Fails only when the watcher is gone, which is what is wanted.
            let _ = pipe.write_all(b"ended\n");
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// A new temporary folder; it is removed when this value is dropped, and when this process ends without dropping it.
#[derive(Debug)]
pub struct Folder {
    path: PathBuf,
    remover: Child,
}

impl Folder {
    /// Creates the folder.
    pub fn new(prefix: &str) -> Result<Self> {
        let path = tempfile::Builder::new()
            .prefix(prefix)
            .tempdir()
            .context("failed to create a temporary folder")?
            .keep();
        let remover = Command::new("sh")
            .args(["-c", REMOVER, "remover"])
            .arg(&path)
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .context("failed to start sh")?;
        Ok(Self { path, remover })
    }

    /// Returns the folder's path.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Leaves the folder where it is, for a person who reads the logs of a failed start.
    pub fn keep(&mut self) {
        if let Some(mut pipe) = self.remover.stdin.take() {
            // Fails only when the remover is gone: then nobody removes the folder either.
            let _ = pipe.write_all(b"keep\n");
        }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.remover.stdin.take());
        // Fails only when the remover has been waited for; a folder that stays behind in the temporary folder harms
        // nobody.
        let _ = self.remover.wait();
    }
}
