use std::time::{Duration, Instant};

use super::*;
use crate::source::child::bounds::MIB;

const BOUNDS: Bounds = Bounds {
    memory: 64 * MIB,
    processor: Duration::from_secs(1),
    file: MIB,
    clock: Duration::from_secs(60),
    answer: 64,
};

/// What comes of a child that is this shell script, whatever it is asked.
fn ask_shell(script: &str, bounds: &Bounds) -> Result<String, Ending> {
    let mut command = Command::new("/bin/sh");
    ask_by(
        command.args(["-c", &format!("cat >/dev/null; {script}")]),
        bounds,
        b"a question",
        |answer| {
            let mut text = String::new();
            answer.read_to_string(&mut text)?;
            if text.is_empty() {
                Err(io::ErrorKind::UnexpectedEof.into())
            } else {
                Ok(text)
            }
        },
    )
}

/// The threads of this process that talk to children.
fn talking() -> usize {
    let threads = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    threads
        .filter(|thread| std::fs::read_to_string(thread.path().join("comm")).is_ok_and(|name| name.trim() == "child"))
        .count()
}

#[test]
fn an_answer_is_given_and_the_environment_is_empty() {
    assert_eq!(ask_shell("echo yes", &BOUNDS).unwrap(), "yes\n");
    assert_eq!(ask_shell("echo \"home=$HOME\"", &BOUNDS).unwrap(), "home=\n");
}

#[test]
fn each_way_to_end_early_is_told_apart() {
    for (script, words) in [
        ("ulimit -S -t 1; while :; do :; done", "used up 1 s of processor time"),
        (
            "ulimit -f 8; while :; do echo xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx; done >\"$(mktemp)\"",
            "wrote more than 1 MiB",
        ),
        (
            "echo 'memory allocation of 99 bytes failed' >&2; kill -ABRT $$",
            "asked for more than 64 MiB of memory",
        ),
        ("kill -KILL $$", "no memory left"),
        ("echo 'what went wrong' >&2; exit 3", "exit status: 3 what went wrong"),
        ("kill -BUS $$", "no space left on the disk"),
        ("kill -SEGV $$", "by signal 11"),
    ] {
        let ending = ask_shell(script, &BOUNDS).unwrap_err();
        assert!(ending.to_string().contains(words), "{script}: {ending}");
    }
    assert!(matches!(
        ask_by(&mut Command::new("/nowhere"), &BOUNDS, b"", |_| Ok(())),
        Err(Ending::NotStarted(_))
    ));
}

#[test]
fn a_child_that_says_nothing_or_too_much_is_killed_and_leaves_no_thread() {
    let start = Instant::now();
    let silent = ask_shell(
        "exec sleep 600",
        &Bounds {
            clock: Duration::from_millis(300),
            ..BOUNDS
        },
    );
    assert!(matches!(silent, Err(Ending::Clock(_))), "{silent:?}");
    // A reader that wants the end of a text takes the limit for it; one that wants more is told.
    let mut command = Command::new("/bin/sh");
    let endless = ask_by(
        command.args(["-c", "while :; do echo xxxxxxxx; done"]),
        &BOUNDS,
        b"",
        |answer| answer.read_exact(&mut [0; 65]),
    );
    assert!(matches!(endless, Err(Ending::Answer(64))), "{endless:?}");
    assert!(start.elapsed() < Duration::from_secs(300));
    // Other tests of this process may talk to a child at this moment; none of theirs lasts.
    let deadline = Instant::now() + Duration::from_secs(120);
    while talking() > 0 {
        assert!(Instant::now() < deadline, "a thread is left behind");
        thread::yield_now();
    }
}
