//! The pages below `docs/reference`, made of what the code says: the definitions' schemas, the metrics as they are
//! registered, and the command line's own help.
//!
//! A test holds each page against the code; with `DRIFTMEND_WRITE_DOCS` set it writes them instead.

mod cli;
mod crds;
mod metrics;

use std::path::Path;
use std::{env, fs, io};

use pretty_assertions::assert_eq;

/// What makes the tests write the pages.
const WRITE: &str = "DRIFTMEND_WRITE_DOCS";

/// The first lines of each page.
fn head(title: &str) -> String {
    format!("<!-- Generated: `make reference` writes it anew. -->\n# {title}\n\n")
}

/// Holds a page against its file, or writes it.
fn hold(name: &str, page: &str) -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/reference").join(name);
    if env::var_os(WRITE).is_some() {
        return fs::write(path, page);
    }
    let stored = fs::read_to_string(&path).unwrap_or_default();
    assert_eq!(
        stored, page,
        "docs/reference/{name} is not what the code says: make reference"
    );
    Ok(())
}

/// A text as a cell of a table: in one line, and without what would end the cell or be read as HTML.
fn cell(text: &str) -> String {
    text.split_whitespace()
        .collect::<Vec<_>>()
        .join(" ")
        .replace('|', "\\|")
        .replace('<', "&lt;")
}

#[test]
fn the_page_on_the_definitions_is_what_they_say() -> io::Result<()> {
    hold("crds.md", &crds::page()?)
}

#[test]
fn the_page_on_metrics_is_what_is_registered() -> io::Result<()> {
    hold("metrics.md", &metrics::page().map_err(io::Error::other)?)
}

#[test]
fn the_page_on_the_command_line_is_its_help() -> io::Result<()> {
    hold("cli.md", &cli::page())
}

#[test]
fn a_cell_is_one_line_of_one_column() {
    assert_eq!(cell("a\n  b | <c>"), "a b \\| &lt;c>");
}
