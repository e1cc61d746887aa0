//! `driftmend crds`: the custom resource definitions.

use std::path::PathBuf;
use std::process::ExitCode;

use clap::Args;
use kube::ResourceExt;

use super::{Fault, output};
use crate::api::v1alpha1;

/// Prints the custom resource definitions, ready for `kubectl apply -f -`.
#[derive(Clone, Debug, Args)]
pub struct Arguments {
    /// Writes one file a definition into this folder instead, which is made where it is not there.
    #[arg(long, value_name = "FOLDER")]
    output: Option<PathBuf>,
}

pub(super) fn run(arguments: &Arguments) -> Result<ExitCode, Fault> {
    if let Some(folder) = &arguments.output {
        std::fs::create_dir_all(folder)
            .map_err(|error| Fault::new(format!("failed to make {}", folder.display())).because(error))?;
    }
    let mut all = String::new();
    for definition in v1alpha1::definitions() {
        let text =
            serde_yaml::to_string(&definition).map_err(|error| Fault::new("failed to write YAML").because(error))?;
        match &arguments.output {
            Some(folder) => {
                let path = folder.join(format!("{}.yaml", definition.spec.names.plural));
                std::fs::write(&path, text)
                    .map_err(|error| Fault::new(format!("failed to write {}", path.display())).because(error))?;
                output::print_line(&format!("{}: {}", path.display(), definition.name_any()))?;
            }
            None => all.push_str(&format!("---\n{text}")),
        }
    }
    output::print(&all)?;
    Ok(ExitCode::SUCCESS)
}
