//! Where the programs come from.

use std::collections::BTreeMap;
use std::env;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, anyhow, bail};

/// Names the folder that holds etcd, kube-apiserver and kubectl, as everywhere in the Kubernetes ecosystem.
const ASSETS_VARIABLE: &str = "KUBEBUILDER_ASSETS";

/// Says where a program is looked for.
#[derive(Clone, Debug, Default)]
pub enum Binaries {
    /// `KUBEBUILDER_ASSETS` where it is set, and what that folder lacks in `PATH`; then what
    /// `tests/components/build.sh` builds.
    #[default]
    Discovered,

    /// `KUBEBUILDER_ASSETS` where it is set, then `PATH`, then the components: the tools that belong to a cluster which
    /// exists already.
    Installed,

    /// This folder and nothing else.
    Folder(PathBuf),
}

impl Binaries {
    /// Returns the path of the program called `name`.
    ///
    /// # Errors
    ///
    /// Names the program and every place that was looked at.
    pub fn find(&self, name: &str) -> Result<PathBuf> {
        if let Self::Folder(folder) = self {
            return in_folder(folder, name)
                .ok_or_else(|| anyhow!("failed to find {name}: it is not in {}", folder.display()));
        }
        let assets = env::var_os(ASSETS_VARIABLE).map(PathBuf::from);
        if let Some(found) = assets.as_deref().and_then(|folder| in_folder(folder, name)) {
            return Ok(found);
        }
        if (assets.is_some() || matches!(self, Self::Installed))
            && let Some(found) = in_path(name)
        {
            return Ok(found);
        }
        let folder = components("kubernetes").with_context(|| match &assets {
            Some(assets) => {
                format!(
                    "failed to find {name}: it is not in {ASSETS_VARIABLE}={}, not in PATH, and could not be built",
                    assets.display()
                )
            }
            None => format!("failed to find {name}: {ASSETS_VARIABLE} is not set, and it could not be built"),
        })?;
        in_folder(&folder, name).ok_or_else(|| anyhow!("failed to find {name}: it is not in {}", folder.display()))
    }
}

fn in_folder(folder: &Path, name: &str) -> Option<PathBuf> {
    let path = folder.join(name);
    path.is_file().then_some(path)
}

fn in_path(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).find_map(|folder| in_folder(&folder, name))
}

/// Returns the path of a program that a package of the machine brings, by `PATH`.
///
/// # Errors
///
/// Names the program.
pub fn installed(name: &str) -> Result<PathBuf> {
    in_path(name).ok_or_else(|| anyhow!("failed to find {name}: it is not in PATH; the Debian package {name} has it"))
}

/// Builds a set of components (a folder of `tests/components`), or finds it built, and returns the folder of its
/// programs and files.
///
/// # Errors
///
/// Names the script that failed; what it said stands in this process's own stderr.
pub fn components(set: &'static str) -> Result<PathBuf> {
    static COMPONENTS: Mutex<BTreeMap<&str, Result<PathBuf, String>>> = Mutex::new(BTreeMap::new());
    // Held while it builds: whoever asks for the same meanwhile shall wait and not build it as well.
    let mut known = COMPONENTS.lock().unwrap_or_else(PoisonError::into_inner);
    let built = known
        .entry(set)
        .or_insert_with(|| build_components(set).map_err(|error| format!("{error:#}")));
    built.clone().map_err(|reason| anyhow!(reason))
}

fn build_components(set: &str) -> Result<PathBuf> {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/components/build.sh");
    // Its progress goes to our own stderr: the first build takes minutes and must not look like a hang.
    let output = Command::new("bash")
        .arg(&script)
        .arg(set)
        .stderr(Stdio::inherit())
        .output()
        .with_context(|| format!("failed to run {}", script.display()))?;
    if !output.status.success() {
        bail!(
            "failed to build the components: {} {set} ended with {}",
            script.display(),
            output.status
        );
    }
    Ok(PathBuf::from(String::from_utf8_lossy(&output.stdout).trim()))
}
