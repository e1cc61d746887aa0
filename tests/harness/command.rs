//! Tools that are run to their end: kubectl, helm and what a test adds.

use std::ffi::{OsStr, OsString};
use std::io::{Read, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

/// How long a tool may take. Longer than any wait that a test asks of kubectl itself, so that kubectl's own message
/// wins.
const DEADLINE: Duration = Duration::from_secs(180);

/// How often a running tool is looked at.
const POLL: Duration = Duration::from_millis(10);

/// What a tool answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The command line, for messages.
    pub command: String,

    /// The exit code; -1 when a signal ended the tool.
    pub code: i32,

    /// What it wrote to standard output.
    pub stdout: String,

    /// What it wrote to standard error.
    pub stderr: String,
}

impl Output {
    /// Returns the standard output of a tool that ended with 0.
    ///
    /// # Errors
    ///
    /// Tells the command line, the code and what the tool wrote, when it ended with another code.
    pub fn success(self) -> Result<String> {
        if self.code != 0 {
            bail!(
                "failed to run `{}`: it ended with {}\n{}{}",
                self.command,
                self.code,
                self.stderr,
                self.stdout
            );
        }
        Ok(self.stdout)
    }
}

/// A tool that is ready to be run, as often as wanted.
#[derive(Clone, Debug)]
pub struct Tool {
    program: PathBuf,
    environment: Vec<(OsString, OsString)>,
    input: String,
    folder: Option<PathBuf>,
    deadline: Duration,
}

impl Tool {
    /// Prepares `program`, which inherits this process's environment.
    pub fn new(program: &Path) -> Self {
        Self {
            program: program.to_owned(),
            environment: Vec::new(),
            input: String::new(),
            folder: None,
            deadline: DEADLINE,
        }
    }

    /// Returns the program's path.
    pub fn program(&self) -> &Path {
        &self.program
    }

    /// Lets the tool act as the user of this kubeconfig.
    pub fn kubeconfig(self, path: &Path) -> Self {
        self.environment("KUBECONFIG", path)
    }

    /// Sets a variable of the tool's environment; a later value wins.
    pub fn environment(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment
            .push((name.as_ref().to_owned(), value.as_ref().to_owned()));
        self
    }

    /// Gives the tool this text as its standard input, which is otherwise empty.
    pub fn input(mut self, text: impl Into<String>) -> Self {
        self.input = text.into();
        self
    }

    /// Runs the tool in this folder instead of this process's own.
    pub fn folder(mut self, path: impl Into<PathBuf>) -> Self {
        self.folder = Some(path.into());
        self
    }

    /// Sets how long the tool may take before it is killed.
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Runs the tool to its end, whatever its exit code.
    ///
    /// # Errors
    ///
    /// When it cannot be started, or does not end in time.
    pub fn run(&self, arguments: &[&str]) -> Result<Output> {
        let name = self
            .program
            .file_name()
            .unwrap_or(self.program.as_os_str())
            .to_string_lossy();
        let command = format!("{name} {}", arguments.join(" "));
        let mut prepared = Command::new(&self.program);
        if let Some(folder) = &self.folder {
            prepared.current_dir(folder);
        }
        let mut child = prepared
            .args(arguments)
            .envs(self.environment.iter().cloned())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .with_context(|| format!("failed to start `{command}` ({})", self.program.display()))?;
        // A thread for each pipe: the tool may block on any of them, and must not block us.
        let mut stdin = child.stdin.take();
        let input = self.input.clone().into_bytes();
        // A tool that does not read its input closes the pipe, which is its right.
        thread::spawn(move || stdin.as_mut().map(|pipe| pipe.write_all(&input)));
        let stdout = collect(child.stdout.take());
        let stderr = collect(child.stderr.take());

        let begun = Instant::now();
        let status = loop {
            if let Some(status) = child
                .try_wait()
                .with_context(|| format!("failed to wait for `{command}`"))?
            {
                break status;
            }
            if begun.elapsed() > self.deadline {
                child.kill().with_context(|| format!("failed to kill `{command}`"))?;
                child
                    .wait()
                    .with_context(|| format!("failed to wait for `{command}`"))?;
                bail!("unable to run `{command}` within {} s", self.deadline.as_secs());
            }
            thread::sleep(POLL);
        };
        Ok(Output {
            command,
            code: status.code().unwrap_or(-1),
            stdout: stdout.join().unwrap_or_default(),
            stderr: stderr.join().unwrap_or_default(),
        })
    }
}

fn collect(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        // What was read before a failure is still what the tool wrote.
        let _ = pipe.map(|mut pipe| pipe.read_to_end(&mut bytes));
        String::from_utf8_lossy(&bytes).into_owned()
    })
}
