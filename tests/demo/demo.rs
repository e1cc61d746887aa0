//! `make demo`: the whole story on a real API server, told in real answers, every claim checked.
//!
//! It ends by itself with 0 when everything held, with 1 and a sentence when something did not. `KEEP=1` stays until
//! Ctrl-C. With `KUBECONFIG` set it plays in that cluster, in a namespace of its own, and cleans up however it ends.

#[path = "../harness/mod.rs"]
mod harness;

mod incident;
mod stage;
mod story;
mod traces;
mod transcript;

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, bail};
use tokio::signal::unix::{SignalKind, signal};

use stage::Stage;
use traces::Traces;
use transcript::{Transcript, print};

/// A Ctrl-C ends the command that runs as well: its failure is not news when the signal is here this soon after it.
const SIGNAL_SLACK: Duration = Duration::from_millis(300);

/// Why the demo ends. The story has its stage with it, so that the stage goes before what it left is removed.
enum End {
    Played(Result<Box<Stage>>),
    Interrupted,
}

fn main() -> ExitCode {
    let traces = Arc::new(Traces::default());
    let outcome = run(&traces);
    let removed = traces.remove().and_then(|things| match things {
        0 => Ok(()),
        things => print(&format!(
            "\nCleaned up: {things} things that were made in the cluster (the namespace, the CRDs) are gone again."
        )),
    });
    let failures: Vec<anyhow::Error> = [outcome.err(), removed.err()].into_iter().flatten().collect();
    for error in &failures {
        eprintln!("\ndemo: {error:#}");
    }
    ExitCode::from(u8::from(!failures.is_empty()))
}

fn run(traces: &Arc<Traces>) -> Result<()> {
    let begun = Instant::now();
    let (ends, ended) = channel();
    await_signals(ends.clone())?;
    let mut told = Transcript::default();
    let story = Arc::clone(traces);
    thread::spawn(move || {
        // What the harness asserts by a panic must end the demo, too.
        let played = catch_unwind(AssertUnwindSafe(|| {
            let stage = story::play(&story, &mut told)?;
            told.say(&format!(
                "All {} checks held, in {} s.",
                told.checks(),
                begun.elapsed().as_secs()
            ))?;
            Ok(Box::new(stage))
        }));
        // Nobody listens only when the process ends.
        let _ = ends.send(End::Played(
            played.unwrap_or_else(|_| Err(anyhow!("the demo itself failed; see above"))),
        ));
    });
    match ended.recv().context("the story ended without an end")? {
        End::Played(Ok(stage)) => stay(&stage, &ended),
        End::Played(Err(error)) => match ended.recv_timeout(SIGNAL_SLACK) {
            Ok(End::Interrupted) => bail!("interrupted"),
            _ => Err(error),
        },
        End::Interrupted => bail!("interrupted"),
    }
}

/// With `KEEP=1`: says how to look around, and waits for a signal.
fn stay(stage: &Stage, ended: &Receiver<End>) -> Result<()> {
    if env::var_os("KEEP").is_none_or(|value| value.is_empty() || value == "0") {
        return Ok(());
    }
    print(&format!(
        "
Everything goes on until Ctrl-C. To look around from another terminal:

  export KUBECONFIG={}
  alias kubectl={} driftmend={}
  kubectl get driftwatches,driftreports,deployments
  kubectl get events --field-selector reason=NextSyncRefused
  kubectl edit deployment web        # make a probe tcpSocket again
  driftmend report web
  curl -s http://{}/metrics | grep ^driftmend",
        stage.kubeconfig(),
        stage.tool("kubectl")?.program().display(),
        harness::driftmend::binary().display(),
        stage.controller()?.address()
    ))?;
    while !matches!(ended.recv(), Ok(End::Interrupted) | Err(_)) {}
    Ok(())
}

/// Tells of Ctrl-C and SIGTERM, again and again.
fn await_signals(ends: Sender<End>) -> Result<()> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .context("failed to create a runtime")?;
    let (mut interrupt, mut terminate) = {
        let _context = runtime.enter();
        let of = |kind| signal(kind).context("failed to await signals");
        (of(SignalKind::interrupt())?, of(SignalKind::terminate())?)
    };
    thread::spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                }
                if ends.send(End::Interrupted).is_err() {
                    return;
                }
            }
        });
    });
    Ok(())
}
