//! Programs beside a test: they must not outlive it, however it ends.

use std::env;
use std::io::{BufRead, BufReader};
use std::ops::ControlFlow;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};

use crate::harness::process::{Folder, Process};
use crate::harness::wait;

/// Tells this test's program, started once more by itself, that it is the one to be killed.
const VICTIM: &str = "DRIFTMEND_TEST_VICTIM";

#[test]
fn programs_and_folders_go_when_the_process_that_made_them_is_killed() -> Result<()> {
    if env::var_os(VICTIM).is_some() {
        return be_the_victim();
    }
    let mut victim = Command::new(env::current_exe()?)
        .args([
            "--exact",
            "process::programs_and_folders_go_when_the_process_that_made_them_is_killed",
            "--nocapture",
        ])
        .env(VICTIM, "yes")
        .stdout(Stdio::piped())
        .spawn()?;
    let output = BufReader::new(victim.stdout.take().context("no pipe")?);
    let told = output
        .lines()
        .map_while(Result::ok)
        .find_map(|line| line.split_once("VICTIM ").map(|(_, told)| told.to_owned()));
    let told = told.context("the victim has not told what it started")?;
    let (id, folder) = told.split_once(' ').context("not two words")?;
    assert!(runs(id)?, "the program is not there to begin with");
    assert!(Path::new(folder).is_dir(), "the folder is not there to begin with");

    victim.kill()?;
    victim.wait()?;

    wait::until(
        "an end of the program and of the folder",
        Duration::from_secs(10),
        || {
            let (running, there) = (runs(id)?, Path::new(folder).exists());
            Ok(if running || there {
                ControlFlow::Continue(format!("running: {running}, folder: {there}"))
            } else {
                ControlFlow::Break(())
            })
        },
    )
}

fn be_the_victim() -> Result<()> {
    let folder = Folder::new("driftmend-victim-")?;
    let program = Process::start(
        Path::new("/bin/sleep"),
        &["600".to_owned()],
        &[],
        &folder.path().join("sleep.log"),
    )?;
    println!("VICTIM {} {}", program.id(), folder.path().display());
    thread::sleep(Duration::from_secs(600));
    Ok(())
}

/// A killed program that nobody waits for stays a zombie (`Z`) where process 1 is not an init.
fn runs(id: &str) -> Result<bool> {
    let state = Command::new("ps")
        .args(["-o", "stat=", "-p", id])
        .output()
        .context("failed to run ps")?;
    Ok(String::from_utf8_lossy(&state.stdout)
        .trim()
        .chars()
        .next()
        .is_some_and(|state| state != 'Z'))
}
