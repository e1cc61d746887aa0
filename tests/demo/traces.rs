//! What the demo leaves in a cluster that is not its own, and how it goes again.

use std::sync::{Mutex, OnceLock, PoisonError};

use anyhow::{Context, Result, bail};

use crate::harness::ControlPlane;

/// Everything that was made in somebody's cluster, newest last. In a control plane of our own nothing is recorded: it
/// goes as a whole.
#[derive(Default)]
pub struct Traces {
    // Here, because what must be removed needs the cluster's kubeconfig until the very end.
    control_plane: OnceLock<ControlPlane>,
    removals: Mutex<Removals>,
}

#[derive(Default)]
enum Removals {
    #[default]
    None,
    /// The arguments of one kubectl for each thing.
    Some(Vec<Vec<String>>),
    /// They were carried out: nothing may be made any more.
    Closed,
}

impl Traces {
    /// Keeps the cluster until the end of the process.
    pub fn keep(&self, control_plane: ControlPlane) -> &ControlPlane {
        self.control_plane.get_or_init(|| control_plane)
    }

    /// The cluster, once it was started.
    pub fn control_plane(&self) -> Option<&ControlPlane> {
        self.control_plane.get()
    }

    /// Makes something, after it was noted how it is removed.
    ///
    /// # Errors
    ///
    /// What `make` says, and when the demo is over.
    pub fn make<T>(&self, removal: &[&str], make: impl FnOnce() -> Result<T>) -> Result<T> {
        // Held while it is made: a Ctrl-C meanwhile removes it after that, and not before.
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        let removal = removal.iter().map(ToString::to_string).collect();
        match &mut *removals {
            Removals::Closed => bail!("the demo is over"),
            Removals::Some(all) => all.push(removal),
            none @ Removals::None => *none = Removals::Some(vec![removal]),
        }
        make()
    }

    /// Removes everything that was made, and lets nothing be made any more. Gives the things that were removed.
    ///
    /// # Errors
    ///
    /// Names the command that has to be repeated by hand; the others were carried out.
    pub fn remove(&self) -> Result<usize> {
        let mut removals = self.removals.lock().unwrap_or_else(PoisonError::into_inner);
        let Removals::Some(all) = std::mem::replace(&mut *removals, Removals::Closed) else {
            return Ok(0);
        };
        let control_plane = self
            .control_plane
            .get()
            .context("there is no cluster to remove anything from")?;
        let mut failures = Vec::new();
        for arguments in all.iter().rev() {
            let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
            let removed = control_plane.kubectl(&arguments).and_then(|output| output.success());
            failures.extend(
                removed
                    .err()
                    .map(|error| format!("{error:#}\nrepeat it by hand: kubectl {}", arguments.join(" "))),
            );
        }
        if failures.is_empty() {
            Ok(all.len())
        } else {
            bail!("failed to clean up: {}", failures.join("\n"))
        }
    }
}
