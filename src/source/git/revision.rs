//! What a DriftWatch may call a revision, and what a server's ref listing says it is.

use std::collections::BTreeSet;
use std::fmt;

use git2::Oid;
use serde::{Deserialize, Serialize};

use super::error::one_line;

/// A branch, a tag, a full reference name or a full commit id.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
pub enum Revision {
    /// The server's default branch.
    #[default]
    Head,

    /// A branch or a tag by its short name, the branch first, or a reference by its full name (`refs/tags/v1`).
    Name(String),

    /// One commit by its full id.
    Commit(#[serde(with = "super::oid_text")] Oid),
}

/// Why a text is not a revision.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is not a revision: name a branch, a tag or a commit by its 40 digits")]
pub struct RevisionError {
    /// The text that was given.
    pub text: String,
}

/// A reference of the server and what it points at. An annotated tag comes twice: itself, and as `name^{}` the commit
/// behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Advertised<'l> {
    pub name: &'l str,
    pub oid: Oid,
}

/// What a revision is on the server: the commit, and the reference to ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Resolved {
    pub oid: Oid,
    /// `None` for a bare commit id that no reference points at.
    pub reference: Option<String>,
}

impl Revision {
    /// Reads a revision; `None`, the empty text and `HEAD` are the default branch.
    ///
    /// # Errors
    ///
    /// A text that Git would not take as the name of a branch.
    pub fn parse(text: Option<&str>) -> Result<Revision, RevisionError> {
        let text = text.unwrap_or_default();
        if matches!(text, "" | "HEAD") {
            return Ok(Revision::Head);
        }
        if text.len() == 40 && text.bytes().all(|byte| byte.is_ascii_hexdigit()) {
            return Oid::from_str(text)
                .map(Revision::Commit)
                .map_err(|_| RevisionError { text: text.to_owned() });
        }
        let full = if text.starts_with("refs/") {
            text.to_owned()
        } else {
            format!("refs/heads/{text}")
        };
        if !git2::Reference::is_valid_name(&full) || text.starts_with('-') {
            return Err(RevisionError { text: text.to_owned() });
        }
        Ok(Revision::Name(text.to_owned()))
    }

    /// Finds the revision in a listing, which is gone through once for each name that it may have; `None` when the
    /// server has no such reference.
    pub(super) fn resolve<'l>(&self, listing: impl Iterator<Item = Advertised<'l>> + Clone) -> Option<Resolved> {
        let named = |name: &str| listing.clone().find(|head| head.name == name).map(|head| head.oid);
        match self {
            Revision::Head => Some(Resolved {
                oid: named("HEAD")?,
                reference: Some("HEAD".to_owned()),
            }),
            Revision::Commit(oid) => {
                let reference = listing
                    .clone()
                    .find(|head| head.oid == *oid && !head.name.ends_with("^{}"));
                Some(Resolved {
                    oid: *oid,
                    reference: reference.map(|head| head.name.to_owned()),
                })
            }
            Revision::Name(name) => {
                let names = if name.starts_with("refs/") {
                    vec![name.clone()]
                } else {
                    vec![format!("refs/heads/{name}"), format!("refs/tags/{name}")]
                };
                names.into_iter().find_map(|name| {
                    let direct = named(&name)?;
                    let oid = named(&format!("{name}^{{}}")).unwrap_or(direct);
                    Some(Resolved {
                        oid,
                        reference: Some(name),
                    })
                })
            }
        }
    }
}

impl fmt::Display for Revision {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Revision::Head => formatter.write_str("HEAD"),
            Revision::Name(name) => formatter.write_str(name),
            Revision::Commit(oid) => write!(formatter, "{oid}"),
        }
    }
}

/// What is kept of a listing, which may have a hundred thousand references.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Listing {
    /// What the revision is; `None` when the server has no such reference.
    pub wanted: Option<Resolved>,

    /// The short names of some branches, sorted.
    pub branches: Vec<String>,

    /// How many more branches there are.
    pub omitted: usize,

    /// Whether there are no references at all.
    pub is_empty: bool,
}

impl Listing {
    /// Looks a revision up, and takes down so many branches, the first by their names.
    pub fn of<'l>(listing: impl Iterator<Item = Advertised<'l>> + Clone, revision: &Revision, most: usize) -> Listing {
        let (mut first, mut seen) = (BTreeSet::new(), 0);
        for branch in listing.clone().filter_map(|head| head.name.strip_prefix("refs/heads/")) {
            seen += 1;
            first.insert(branch);
            if first.len() > most {
                first.pop_last();
            }
        }
        let branches: Vec<String> = first.into_iter().map(one_line).collect();
        let omitted = seen - branches.len();
        Listing {
            wanted: revision.resolve(listing.clone()),
            branches,
            omitted,
            is_empty: listing.clone().next().is_none(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn oid(digit: char) -> Oid {
        Oid::from_str(&digit.to_string().repeat(40)).unwrap()
    }

    fn listing() -> Vec<Advertised<'static>> {
        [
            ("HEAD", '1'),
            ("refs/heads/main", '1'),
            ("refs/heads/v1", '2'),
            ("refs/tags/v1", '3'),
            ("refs/tags/v2", '4'),
            ("refs/tags/v2^{}", '5'),
        ]
        .into_iter()
        .map(|(name, digit)| Advertised { name, oid: oid(digit) })
        .collect()
    }

    #[test]
    fn a_revision_is_found_as_head_branch_tag_reference_or_commit() {
        for (text, digit, reference) in [
            (None, '1', Some("HEAD")),
            (Some("HEAD"), '1', Some("HEAD")),
            (Some("main"), '1', Some("refs/heads/main")),
            (Some("v1"), '2', Some("refs/heads/v1")),
            (Some("refs/tags/v1"), '3', Some("refs/tags/v1")),
            (Some("v2"), '5', Some("refs/tags/v2")),
            (
                Some("2222222222222222222222222222222222222222"),
                '2',
                Some("refs/heads/v1"),
            ),
            (Some("9999999999999999999999999999999999999999"), '9', None),
        ] {
            let revision = Revision::parse(text).unwrap();
            let expected = Resolved {
                oid: oid(digit),
                reference: reference.map(str::to_owned),
            };
            assert_eq!(revision.resolve(listing().into_iter()), Some(expected), "{text:?}");
        }
        assert_eq!(
            Revision::parse(Some("gone")).unwrap().resolve(listing().into_iter()),
            None
        );
    }

    #[test]
    fn of_a_listing_some_branches_are_kept() {
        let kept = |most: usize| {
            let Listing { branches, omitted, .. } = Listing::of(listing().into_iter(), &Revision::Head, most);
            (branches, omitted)
        };
        assert_eq!(kept(10), (vec!["main".to_owned(), "v1".to_owned()], 0));
        assert_eq!(kept(1), (vec!["main".to_owned()], 1));
    }

    #[test]
    fn texts_that_git_takes_for_no_branch_are_refused() {
        for text in ["a b", "a..b", "a~1", "a^", "a:b", "-x", "refs/heads/", "a.lock", "a\nb"] {
            assert!(Revision::parse(Some(text)).is_err(), "{text:?} must be refused");
        }
    }
}
