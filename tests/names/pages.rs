//! The pages themselves: where their links lead, and how long the first one is.

use std::fs;
use std::path::Path;

use anyhow::Result;
use pretty_assertions::assert_eq;
use regex::Regex;

use super::{files, root};

/// What is read in one sitting; decisions and references have pages of their own.
const LONGEST_ARCHITECTURE: usize = 150;

#[test]
fn each_link_of_a_page_leads_to_a_file_and_a_heading_of_it() -> Result<()> {
    let pages = files(
        &[
            "README.md",
            "ARCHITECTURE.md",
            "CHANGELOG.md",
            "CONTRIBUTING.md",
            "docs",
        ],
        &[".md"],
    )?;
    let link = Regex::new(r"\]\(([^)#\s]*)(?:#([^)\s]+))?\)")?;
    let (mut lost, mut seen) = (Vec::new(), 0);
    for (name, text) in &pages {
        for found in link.captures_iter(text).filter(|found| !found[1].contains("://")) {
            let folder = root().join(name);
            let target = match &found[1] {
                "" => folder,
                path => folder.parent().unwrap_or(Path::new("")).join(path),
            };
            seen += 1;
            let heading = found.get(2).map(|heading| heading.as_str());
            if !target.exists() || heading.is_some_and(|heading| !has(&target, heading)) {
                lost.push(format!("{name}: {}", &found[0]));
            }
        }
    }
    assert_eq!((lost, seen > 30), (Vec::<String>::new(), true));
    Ok(())
}

/// A page that leads to a file which has moved leads a newcomer astray. The pages that tell of what was name what was.
#[test]
fn each_file_that_a_page_on_the_house_names_is_there() -> Result<()> {
    let sources = [".rs", ".go", ".sh", ".json", ".tsv", ".yaml", ".tpl", ".toml"];
    let places = [
        "src",
        "tests",
        "charts",
        "crds",
        "Cargo.toml",
        "clippy.toml",
        "deny.toml",
    ];
    let there: Vec<String> = files(&places, &sources)?.into_iter().map(|(name, _)| name).collect();
    let named = Regex::new(r"`((?:[\w.-]+/)*[\w-]+\.(?:rs|go|sh|json|tsv|yaml|tpl|toml))`")?;
    let (mut lost, mut seen) = (Vec::new(), 0);
    for (page, text) in files(
        &["ARCHITECTURE.md", "CONTRIBUTING.md", "docs/decisions", "docs/tests.md"],
        &[".md"],
    )? {
        for found in named.captures_iter(&text) {
            let end = format!("/{}", &found[1]);
            seen += 1;
            if !there.iter().any(|file| format!("/{file}").ends_with(&end)) {
                lost.push(format!("{page}: {}", &found[1]));
            }
        }
    }
    assert_eq!((lost, seen > 50), (Vec::<String>::new(), true));
    Ok(())
}

/// Whether a page has a heading that a code host gives this anchor.
fn has(page: &Path, anchor: &str) -> bool {
    let headings = fs::read_to_string(page).unwrap_or_default();
    headings.lines().filter(|line| line.starts_with('#')).any(|line| {
        let words = line.trim_start_matches('#').trim().to_lowercase().replace(' ', "-");
        words == anchor
    })
}

#[test]
fn the_architecture_is_read_in_one_sitting() -> Result<()> {
    let lines = fs::read_to_string(root().join("ARCHITECTURE.md"))?.lines().count();
    assert!(
        lines <= LONGEST_ARCHITECTURE,
        "{lines} lines: a decision goes below docs/decisions"
    );
    Ok(())
}
