//! Starts a child, asks it, and sees to its end.

use std::io::{self, Read, Write};
use std::process::{ChildStderr, ChildStdin, ChildStdout, Command, Stdio};
use std::sync::mpsc;
use std::thread;

use super::program::program;
use super::{Bounds, Ending, Job};

/// What of this process's environment a child gets: which authorities it trusts, and where names are resolved.
const HANDED_ON: [&str; 4] = ["SSL_CERT_FILE", "SSL_CERT_DIR", "LOCALDOMAIN", "RES_OPTIONS"];

/// The settings of the allocator, which would take a gibibyte of address space beforehand and count it as a child's
/// memory.
const ALLOCATOR: [(&str, &str); 2] = [("MIMALLOC_ARENA_RESERVE", "0"), ("MIMALLOC_ARENA_EAGER_COMMIT", "0")];

/// How much of what a child says to its standard error is read.
const MOST_SAID: u64 = 4 << 10;

/// Asks a child one question and reads its answer, which ends where the child's output ends.
///
/// # Errors
/// [`Ending`] where the child gives no answer; that of the reader counts as one.
pub fn ask<T: Send>(
    job: Job,
    bounds: &Bounds,
    question: &[u8],
    answer: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send,
) -> Result<T, Ending> {
    let mut command = Command::new(program().map_err(Ending::NotStarted)?);
    command
        .args(["child", job.word()])
        .args(bounds.words())
        .args(["--parent", &std::process::id().to_string()]);
    ask_by(&mut command, bounds, question, answer)
}

/// Asks the child that a command starts.
pub(super) fn ask_by<T: Send>(
    command: &mut Command,
    bounds: &Bounds,
    question: &[u8],
    answer: impl FnOnce(&mut dyn Read) -> io::Result<T> + Send,
) -> Result<T, Ending> {
    let environment = HANDED_ON
        .into_iter()
        .filter_map(|name| Some((name, std::env::var_os(name)?)));
    let mut child = command
        .env_clear()
        .envs(environment)
        .envs(ALLOCATOR)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(Ending::NotStarted)?;
    let (stdin, stdout, stderr) = (child.stdin.take(), child.stdout.take(), child.stderr.take());
    // Two waits at once, for the answer and for the clock, are two threads; the scope ends with both.
    let (in_time, ended, talked) = thread::scope(|scope| {
        let (done, wait) = mpsc::sync_channel(1);
        let talking = thread::Builder::new()
            .name("child".to_owned())
            .spawn_scoped(scope, move || {
                let talked = talk(stdin, stdout, question, bounds.answer, answer);
                let _ = done.send(());
                talked
            });
        let started = talking.is_ok();
        let in_time = !started || wait.recv_timeout(bounds.clock) != Err(mpsc::RecvTimeoutError::Timeout);
        // Also after an answer: a child that goes on is not waited for. Without it the other end of the pipes is
        // closed, and the thread ends.
        let _ = child.kill();
        let ended = child.wait();
        (in_time, ended, talking.map(|talking| talking.join()))
    });
    let talked = match talked {
        Err(error) => return Err(Ending::NotStarted(error)),
        Ok(Err(_)) => return Err(Ending::Died("its answer made its reader panic".to_owned())),
        Ok(Ok(talked)) => talked,
    };
    match talked {
        Talked::Answer(answer) => Ok(answer),
        Talked::TooLong => Err(Ending::Answer(bounds.answer)),
        Talked::Nothing(_) if !in_time => Err(Ending::Clock(bounds.clock)),
        Talked::Nothing(error) => Err(match ended {
            Ok(status) if status.success() => Ending::Died(error.to_string()),
            Ok(status) => Ending::of(status, &said(stderr), bounds),
            Err(error) => Ending::Died(error.to_string()),
        }),
    }
}

enum Talked<T> {
    Answer(T),
    TooLong,
    Nothing(io::Error),
}

fn talk<T>(
    stdin: Option<ChildStdin>,
    stdout: Option<ChildStdout>,
    question: &[u8],
    most: u64,
    answer: impl FnOnce(&mut dyn Read) -> io::Result<T>,
) -> Talked<T> {
    // The child reads all before it writes, so that neither waits for the other. One that died early does not read; its
    // silence is the answer.
    let _ = stdin.map(|mut stdin| stdin.write_all(question));
    let Some(stdout) = stdout else {
        return Talked::Nothing(io::ErrorKind::BrokenPipe.into());
    };
    let mut limited = stdout.take(most);
    match answer(&mut limited) {
        Ok(answer) => Talked::Answer(answer),
        Err(_) if limited.limit() == 0 => Talked::TooLong,
        Err(error) => Talked::Nothing(error),
    }
}

/// What a child that has ended said; it has no child of its own that would keep the pipe open.
fn said(stderr: Option<ChildStderr>) -> String {
    let mut text = Vec::new();
    let _ = stderr.map(|stderr| stderr.take(MOST_SAID).read_to_end(&mut text));
    String::from_utf8_lossy(&text).into_owned()
}

#[cfg(all(test, unix))]
#[path = "run/tests.rs"]
mod tests;
