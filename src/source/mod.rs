//! Where the desired state comes from: files of a Git commit or of a folder, and how their text becomes objects.

pub mod child;
pub mod git;
pub mod ignore;
pub mod local;
pub mod render;
pub mod yaml;

/// One file of a source, by its path from the source's root.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct SourceFile {
    /// The path, with `/` between its segments.
    pub path: String,

    /// The content.
    pub bytes: Vec<u8>,
}
