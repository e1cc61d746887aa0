//! Which folders are plain manifests, and which want a renderer.

use super::SourceFile;
use crate::source::yaml::Remark;

/// A tool that makes manifests of a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Renderer {
    /// A folder with a `kustomization.yaml`.
    Kustomize,

    /// A folder with a `Chart.yaml`.
    Helm,
}

/// A source that is not plain manifests: what it holds becomes objects only through its renderer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("failed to read {file} as plain manifests: the folder is made for {renderer}")]
pub struct NotPlain {
    /// Whose folder it is.
    pub renderer: Renderer,

    /// The file that says so.
    pub file: String,
}

impl std::fmt::Display for Renderer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Kustomize => "Kustomize",
            Self::Helm => "Helm",
        })
    }
}

impl NotPlain {
    /// What a person can do about it.
    pub fn hint(&self) -> String {
        let command = match self.renderer {
            Renderer::Kustomize => "kubectl kustomize FOLDER",
            Renderer::Helm => "helm template NAME FOLDER",
        };
        format!("render it first and hand over the result: {command} > manifests.yaml")
    }
}

/// The files by which Kustomize and Helm know their folders.
///
/// Source: `konfig.RecognizedKustomizationFileNames` of `sigs.k8s.io/kustomize/api`, `chartutil.ChartfileName` of Helm.
fn renderer(path: &str) -> Option<Renderer> {
    match path.rsplit('/').next()? {
        "kustomization.yaml" | "kustomization.yml" | "Kustomization" => Some(Renderer::Kustomize),
        "Chart.yaml" => Some(Renderer::Helm),
        _ => None,
    }
}

/// Whether a file of a folder is read.
pub fn is_manifest(path: &str) -> bool {
    [".yaml", ".yml", ".json"].iter().any(|ending| path.ends_with(ending)) || renderer(path).is_some()
}

/// Looks for a renderer's file on the top level, which is the level of the files with the fewest folders in their path.
pub(super) fn check(files: &[SourceFile]) -> Result<(), NotPlain> {
    let level = |file: &SourceFile| file.path.matches('/').count();
    let top = files.iter().map(level).min();
    let mut found: Vec<_> = files.iter().filter(|file| Some(level(file)) == top).collect();
    found.sort_unstable();
    match found
        .into_iter()
        .find_map(|file| Some((renderer(&file.path)?, &file.path)))
    {
        Some((renderer, file)) => Err(NotPlain {
            renderer,
            file: file.clone(),
        }),
        None => Ok(()),
    }
}

/// The problem with a renderer's file below the top level: what lies beside it is no plain manifest.
pub(super) fn nested(path: &str) -> Option<Remark> {
    let renderer = renderer(path)?;
    let message = format!("the folder of this file is made for {renderer}, and stands among plain manifests");
    Some(Remark::file(
        path,
        message,
        "give it a source of its own, or move it out",
    ))
}
