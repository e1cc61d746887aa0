//! Texts made to hurt, read by the command line: how long each takes, and the most memory.

use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

/// What a text took.
pub struct Taken {
    /// What is hostile about it.
    pub what: &'static str,

    /// By the clock on the wall, from start to end of the process.
    pub whole: Duration,

    /// `utime` and `stime` of the process, which others on the same cores do not lengthen.
    pub processor: Duration,

    /// The most that was in memory at a time, in KiB; Linux begins to count with what this program had.
    pub peak: i64,

    /// The exit status: 0 where the documents were printed, 2 where the text was refused.
    pub code: i32,
}

/// Reads each text with `driftmend render`, the output thrown away.
pub fn measure(driftmend: &Path) -> Result<Vec<Taken>> {
    let folder = tempfile::tempdir()?;
    let file = folder.path().join("hostile.yaml");
    let take = |(what, text): Text| {
        std::fs::write(&file, text())?;
        let taken = rendered(driftmend, &file, what)?;
        ensure!(matches!(taken.code, 0 | 2), "{what} ended with {}", taken.code);
        Ok(taken)
    };
    TEXTS.into_iter().map(take).collect()
}

fn rendered(driftmend: &Path, file: &Path, what: &'static str) -> Result<Taken> {
    let begun = Instant::now();
    let child = Command::new(driftmend)
        .arg("render")
        .arg(file)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .with_context(|| format!("failed to start {}", driftmend.display()))?;
    let (status, usage) = wait(child.id())?;
    let whole = begun.elapsed();
    let time = |time: libc::timeval| {
        Duration::new(
            time.tv_sec.unsigned_abs(),
            u32::try_from(time.tv_usec).unwrap_or(0) * 1_000,
        )
    };
    let code = if libc::WIFEXITED(status) {
        libc::WEXITSTATUS(status)
    } else {
        -libc::WTERMSIG(status)
    };
    Ok(Taken {
        what,
        whole,
        processor: time(usage.ru_utime) + time(usage.ru_stime),
        peak: usage.ru_maxrss,
        code,
    })
}

/// Waits for a child and asks what it used, which the standard library cannot; `/proc` forgets it as soon as the child
/// has ended.
#[allow(unsafe_code)]
fn wait(id: u32) -> Result<(i32, libc::rusage)> {
    let id = libc::pid_t::try_from(id)?;
    let mut status = 0;
    let mut usage = std::mem::MaybeUninit::<libc::rusage>::zeroed();
    // SAFETY: both pointers lead to values of the right types that live until the call returns.
    let ended = unsafe { libc::wait4(id, &mut status, 0, usage.as_mut_ptr()) };
    ensure!(
        ended == id,
        "failed to wait for process {id}: {}",
        std::io::Error::last_os_error()
    );
    // SAFETY: all bits zero is a valid `rusage`, and `wait4` has filled it in.
    Ok((status, unsafe { usage.assume_init() }))
}

/// A text and what is hostile about it; each is made when its turn comes, so that this process stays small.
type Text = (&'static str, fn() -> String);

const TEXTS: [Text; 15] = [
    ("a billion laughs", || {
        let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "));
        format!("a0: &a0 ha\n{}", (1..10).map(level).collect::<String>())
    }),
    ("maps that double 25 times", || {
        let level = |n: usize| format!("a{n}: &a{n} {{x: *a{0}, y: *a{0}}}\n", n - 1);
        format!("a0: &a0 {{}}\n{}", (1..26).map(level).collect::<String>())
    }),
    ("100,000 brackets", || "[".repeat(100_000)),
    ("20,000 aliases of 20 kB", || aliases(20_000)),
    ("as many such aliases as are let through", || aliases(1_150)),
    ("20,000 question marks", || "? ".repeat(20_000)),
    ("lists 5,000 deep", || "- ".repeat(5_000)),
    ("maps 2,800 deep", || {
        (0..2_800).map(|n| format!("{}a:\n", " ".repeat(n))).collect()
    }),
    ("brackets 5,000 deep", || {
        format!("a: {}{}", "{a: ".repeat(5_000), "}".repeat(5_000))
    }),
    ("200,000 separators", || "---\n".repeat(200_000)),
    ("200,000 small documents", || "a: 1\n---\n".repeat(200_000)),
    ("a map of 99,000 keys", || {
        format!(
            "a: {{{}}}",
            (0..99_000).map(|n| format!("k{n}: 1, ")).collect::<String>()
        )
    }),
    ("a list of 199,000 numbers", || format!("a: [{}]", "1,".repeat(199_000))),
    ("4 MB of escapes", || format!("a: \"{}\"", "\\u0041".repeat(690_000))),
    ("4 MB of comments", || "# x\n".repeat(1_040_000)),
];

fn aliases(count: usize) -> String {
    format!("a: &a {}\nb: [{}]\n", "x".repeat(20_000), "*a, ".repeat(count))
}
