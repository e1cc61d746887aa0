//! What the scripts for a new machine say: everything that is missing in one message, before anything else; and never a
//! pass of what was not checked.

use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::{Command, Output};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Where the programs are that every Debian has and the scripts use.
fn bare_path() -> std::io::Result<tempfile::TempDir> {
    let folder = tempfile::tempdir()?;
    for program in ["bash", "cat", "dirname", "sed", "test"] {
        let found = ["/bin", "/usr/bin"]
            .iter()
            .map(|place| Path::new(place).join(program))
            .find(|path| path.exists());
        symlink(found.ok_or(std::io::ErrorKind::NotFound)?, folder.path().join(program))?;
    }
    Ok(folder)
}

fn texts(output: &Output) -> (String, String) {
    (
        String::from_utf8_lossy(&output.stdout).into_owned(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[test]
fn a_machine_without_anything_gets_one_error_with_the_line_that_installs_it() {
    let path = bare_path().unwrap();
    let answer = Command::new("bash")
        .arg("tests/machine/check.sh")
        .current_dir(root())
        .env("PATH", path.path())
        .output()
        .unwrap();
    let (stdout, stderr) = texts(&answer);
    assert_eq!((answer.status.code(), stdout.as_str()), (Some(1), ""), "{stderr}");
    assert_eq!(
        stderr.lines().filter(|line| line.starts_with("error:")).count(),
        1,
        "{stderr}"
    );
    let install = stderr
        .lines()
        .find_map(|line| {
            line.trim()
                .strip_prefix("sudo apt-get install --no-install-recommends ")
        })
        .unwrap();
    let packages: Vec<&str> = install.split(' ').collect();
    for package in [
        "gcc",
        "g++",
        "git",
        "libssl-dev",
        "make",
        "pkg-config",
        "redis-server",
        "zlib1g-dev",
    ] {
        assert!(packages.contains(&package), "{package} is not in {install:?}");
        assert!(stderr.lines().next().unwrap().contains(package), "{stderr}");
    }
    assert!(
        stderr.contains("Rust") && stderr.contains("Go 1.26") && stderr.contains("make setup"),
        "{stderr}"
    );
}

#[test]
fn the_tests_begin_with_that_look_at_the_machine() {
    for target in [
        "test",
        "test-engine",
        "test-all",
        "test-argo",
        "test-flux",
        "test-chart",
        "oracle",
        "oracle-fields",
        "fuzz",
    ] {
        let plan = Command::new("make")
            .args(["--dry-run", target])
            .current_dir(root())
            .output()
            .unwrap();
        let (stdout, stderr) = texts(&plan);
        assert_eq!(
            stdout.lines().find(|line| !line.starts_with("make")),
            Some("bash tests/machine/check.sh"),
            "{target}: {stdout}{stderr}"
        );
    }
}

#[test]
fn advisories_that_were_not_checked_are_told_as_such() {
    let check = |database: Option<&Path>| {
        let mut command = Command::new("bash");
        command
            .arg("tests/advisories.sh")
            .current_dir(root())
            .env_remove("DRIFTMEND_ADVISORY_DB");
        if let Some(database) = database {
            command.env("DRIFTMEND_ADVISORY_DB", database);
        }
        let output = command.output().unwrap();
        (output.status.success(), texts(&output))
    };
    let (passed, (stdout, _)) = check(None);
    assert!(passed && stdout.starts_with("advisories: NOT CHECKED"), "{stdout}");
    let folder = tempfile::tempdir().unwrap();
    let (passed, (_, stderr)) = check(Some(folder.path()));
    assert!(!passed && stderr.starts_with("error: "), "{stderr}");
}
