//! The texts that a person reads, and where they stand.

use anyhow::Result;
use regex::Regex;

use super::{NOT_HINTS, code, files};

/// A text that a person reads, and where it stands.
pub(super) struct Said {
    pub(super) place: String,
    pub(super) text: String,
}

/// Every line of a page, and every string of the code; of the command line also its comments, which are the help.
pub(super) fn said() -> Result<Vec<Said>> {
    let string = Regex::new(r#"(?s)"((?:[^"\\]|\\.)*)""#)?;
    let mut said = Vec::new();
    for (name, text) in code()? {
        if NOT_HINTS.iter().any(|other| name.starts_with(other)) {
            continue;
        }
        let comment = |line: &&str| name.starts_with("src/cli/") && line.trim_start().starts_with("///");
        for line in text.lines().filter(comment) {
            said.push(Said {
                place: name.clone(),
                text: line.trim_start().trim_start_matches('/').to_owned(),
            });
        }
        let without: String = text
            .lines()
            .filter(|line| !line.trim_start().starts_with("//"))
            .map(|line| format!("{line}\n"))
            .collect();
        for found in string.captures_iter(&without) {
            let text = found[1].replace("\\\n", " ").replace("\\n", "\n");
            said.extend(text.lines().map(|line| Said {
                place: name.clone(),
                text: line.to_owned(),
            }));
        }
    }
    let pages = files(
        &[
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "docs",
            "charts",
            "Dockerfile",
        ],
        &[".md", ".txt", ".yaml", ".tpl", ".json", "Dockerfile"],
    )?;
    for (name, text) in pages {
        // A command may go on in the next line.
        let text = text.replace("\\\n", " ");
        // What is no comment of the Dockerfile is no text but a program.
        let lines = text
            .lines()
            .filter(|line| name != "Dockerfile" || line.starts_with('#'));
        said.extend(lines.map(|line| Said {
            place: name.clone(),
            text: line.to_owned(),
        }));
    }
    Ok(said)
}
