//! A folder or file inside a commit, as a type that cannot lead out of it.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A path below the root of a repository, with `/` between its segments; empty for the root itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub struct TreePath(String);

/// Why a text is not a path inside a repository.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the path {path:?} {problem}: {}", cure(path))]
pub struct TreePathError {
    /// The text that was given.
    pub path: String,

    /// What is wrong with it.
    pub problem: &'static str,
}

/// How to write it: a path with a `/` before it is meant from the root of the repository, most likely.
fn cure(path: &str) -> String {
    let inner = path.trim_start_matches('/').trim_end_matches('/');
    match TreePath::parse(inner) {
        Ok(inner) if path.starts_with('/') && !inner.as_str().is_empty() => {
            format!(
                "write it as {:?}, since paths begin at the root of the repository",
                inner.as_str()
            )
        }
        _ => "name a folder or file below the root of the repository, such as deploy/web".to_owned(),
    }
}

impl TreePath {
    /// Reads a path; the empty text, `.` and `./` are the root, and `./` before or `/` behind a path is dropped.
    ///
    /// # Errors
    ///
    /// An absolute path, a `.` or `..` segment, an empty segment, a backslash or a control character.
    pub fn parse(text: &str) -> Result<TreePath, TreePathError> {
        let refuse = |problem| {
            Err(TreePathError {
                path: text.to_owned(),
                problem,
            })
        };
        if text.starts_with('/') {
            return refuse("is absolute");
        }
        let inner = text.strip_prefix("./").unwrap_or(text);
        let inner = inner.strip_suffix('/').unwrap_or(inner);
        if matches!(inner, "" | ".") {
            return Ok(TreePath::default());
        }
        if inner.contains('\\') || inner.chars().any(char::is_control) {
            return refuse("has a backslash or a control character");
        }
        for segment in inner.split('/') {
            match segment {
                "" => return refuse("has an empty segment"),
                ".." => return refuse("leads out of the repository"),
                "." => return refuse("has a . segment"),
                _ => {}
            }
        }
        Ok(TreePath(inner.to_owned()))
    }

    /// The path as text; empty for the root.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The names from the root downwards.
    pub(super) fn segments(&self) -> impl Iterator<Item = &str> {
        self.0.split('/').filter(|segment| !segment.is_empty())
    }
}

impl fmt::Display for TreePath {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_empty() { "." } else { &self.0 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_below_the_root_are_taken_as_people_write_them() {
        for (text, path) in [
            ("", ""),
            (".", ""),
            ("./", ""),
            ("deploy", "deploy"),
            ("./deploy/web/", "deploy/web"),
            ("a..b/c.yaml", "a..b/c.yaml"),
        ] {
            assert_eq!(
                TreePath::parse(text).map(|path| path.as_str().to_owned()),
                Ok(path.to_owned()),
                "{text:?}"
            );
        }
        assert_eq!(TreePath::default().to_string(), ".");
    }

    #[test]
    fn a_path_from_the_root_is_told_as_it_is_to_be_written() {
        let told = |text: &str| TreePath::parse(text).unwrap_err().to_string();
        assert_eq!(
            told("/deploy/"),
            "the path \"/deploy/\" is absolute: write it as \"deploy\", since paths begin at the root of the repository"
        );
        for text in ["/", "//", "/..", "/a/../b", "a//b"] {
            assert!(told(text).ends_with("such as deploy/web"), "{}", told(text));
        }
    }

    #[test]
    fn paths_that_lead_elsewhere_are_refused() {
        for text in [
            "/etc", "..", "../etc", "a/../b", "a/..", "a//b", "//", "a/./b", "a\\..\\b", "a\0b", "a\nb", "./../a",
            ".//a",
        ] {
            assert!(TreePath::parse(text).is_err(), "{text:?} must be refused");
        }
    }
}
