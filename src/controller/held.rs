//! How much memory what was read from sources may take, for as long as it is in force.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use super::index::{Desired, Rendition, Target, WatchKey};
use super::share;
use super::source_error::SourceError;
use crate::api::v1alpha1::Notice;
use crate::source::child::{Place, Places};
use crate::source::git::Reading;
use crate::source::yaml;

/// How long a source that was fetched waits until others are rendered.
const PATIENCE: Duration = Duration::from_secs(120);

/// What a Deployment takes in the index beside its values and words.
const ENTRY: usize = std::mem::size_of::<Target>() + std::mem::size_of::<Desired>() + 64;

/// The budget of bytes held, of one source, of a namespace's sources and of all.
///
/// What is counted is the memory of the values, as the YAML reader counts it. While it is read, a source is counted
/// with all of its objects and with the other commits that are compared; in force it holds its Deployments alone.
#[derive(Clone, Debug, Default)]
pub struct Held {
    budget: Option<Budget>,
    taken: Arc<Mutex<HashMap<WatchKey, u64>>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Budget {
    namespace: u64,
    total: u64,
}

impl Held {
    /// The budget of a process that has so much memory of its own, in bytes: two fifths of it for all that is in force;
    /// a quarter for what one source is while it is read, and one after the other is, and for what one namespace has in
    /// force. As much again is for the file that is being read, which takes at most 64 MiB with its objects, and the
    /// rest for everything else.
    pub fn of_memory(bytes: u64) -> Self {
        let budget = Budget {
            namespace: bytes / 4,
            total: bytes / 5 * 2,
        };
        Self {
            budget: Some(budget),
            taken: Arc::default(),
        }
    }

    /// What one source may take while it is read, in bytes.
    pub fn of_source(&self) -> usize {
        self.budget.map_or(usize::MAX, |budget| {
            usize::try_from(budget.namespace).unwrap_or(usize::MAX)
        })
    }

    /// Waits until a source may be read: one at a time is, in turns between namespaces. Only who has a place to read
    /// from asks for it: a turn in which somebody waits for a server of their own would be everybody's wait.
    ///
    /// # Errors
    ///
    /// [`SourceError::Busy`].
    pub fn turn(namespace: &str, _reading: &Reading<'_>) -> Result<Place<'static>, SourceError> {
        static TURNS: OnceLock<Places> = OnceLock::new();
        TURNS
            .get_or_init(|| Places::new(1, 1))
            .take(namespace, 1, PATIENCE)
            .ok_or(SourceError::Busy { waited: PATIENCE })
    }

    /// Counts what a watch is about to hold in place of what it held before.
    ///
    /// # Errors
    ///
    /// Those of [`Held::affords`]; what it held before still counts, since it stays in force.
    pub fn admit(&self, key: &WatchKey, rendition: &Rendition) -> Result<(), SourceError> {
        let bytes = size_of(rendition);
        let mut taken = self.lock();
        self.fits(&taken, key, bytes)?;
        taken.insert(key.clone(), bytes);
        Ok(())
    }

    /// Whether a watch could hold so many bytes in place of what it holds.
    ///
    /// # Errors
    ///
    /// [`SourceError::TooMuch`] or [`SourceError::Crowded`].
    pub fn affords(&self, key: &WatchKey, bytes: u64) -> Result<(), SourceError> {
        self.fits(&self.lock(), key, bytes)
    }

    fn fits(&self, taken: &HashMap<WatchKey, u64>, key: &WatchKey, bytes: u64) -> Result<(), SourceError> {
        let Some(Budget { namespace, total }) = self.budget else {
            return Ok(());
        };
        let mut of_namespaces: HashMap<&str, u64> = HashMap::new();
        for (other, bytes) in taken.iter().filter(|(other, _)| *other != key) {
            *of_namespaces.entry(&other.namespace).or_default() += bytes;
        }
        let own = of_namespaces.remove(key.namespace.as_str()).unwrap_or_default();
        if own.saturating_add(bytes) > namespace {
            return Err(SourceError::TooMuch {
                bytes,
                namespace: key.namespace.clone(),
                budget: namespace,
            });
        }
        let left = share::room(total, of_namespaces.values().copied()).saturating_sub(own);
        if bytes > left {
            return Err(SourceError::Crowded {
                bytes,
                left,
                total,
                reserve: share::reserve(total),
            });
        }
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<WatchKey, u64>> {
        self.taken.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Forgets a watch that is gone.
    pub fn forget(&self, key: &WatchKey) {
        self.lock().remove(key);
    }
}

/// The memory of what is in force of a source.
fn size_of(rendition: &Rendition) -> u64 {
    let of_desired = |(target, desired): (&Target, &Arc<Desired>)| {
        let Desired {
            document,
            synced,
            synced_revision,
            same_at,
            ..
        } = desired.as_ref();
        let id = &document.id;
        // The file may have no other Deployment.
        let words = [
            &target.namespace,
            &target.name,
            &target.namespace,
            &id.name,
            &id.kind,
            &id.api_version,
        ]
        .map(String::len);
        let commits = [synced_revision, same_at].map(|commit| commit.as_ref().map_or(0, String::len));
        let words = words.iter().chain(&commits).sum::<usize>() + document.origin.file.len();
        ENTRY + words + yaml::cost(&document.value) + synced.as_deref().map_or(0, yaml::cost)
    };
    let of_warning = |warning: &Notice| {
        let texts = [warning.path.as_ref(), warning.file.as_ref(), Some(&warning.message)];
        std::mem::size_of::<Notice>() + texts.into_iter().flatten().map(String::len).sum::<usize>()
    };
    let of_words = |words: &String| std::mem::size_of::<String>() + words.len();
    let of_name = |target: &Target| std::mem::size_of::<Target>() + target.namespace.len() + target.name.len();
    let desired = rendition
        .desired
        .iter()
        .map(of_desired)
        .chain(rendition.passed_over.iter().map(of_name));
    let told = rendition
        .warnings
        .iter()
        .map(of_warning)
        .chain(rendition.not_governed.iter().map(of_words));
    desired.chain(told).map(|bytes| bytes as u64).sum()
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::controller::index::{Desired, Target};
    use crate::engine::kind::DEPLOYMENT;
    use crate::engine::object::{Document, ObjectId, Origin};

    fn key(namespace: &str, name: &str) -> WatchKey {
        WatchKey {
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// A rendition with one Deployment of about so many bytes.
    fn rendition(bytes: usize) -> Rendition {
        let value = json!({"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "web"},
                           "spec": "x".repeat(bytes)});
        let id = ObjectId::of(&value).unwrap();
        let document = Document {
            id,
            value,
            origin: Origin {
                file: "web.yaml".into(),
                line: 1,
            },
        };
        let desired = Desired {
            document,
            changed_at: None,
            synced_revision: None,
            synced: None,
            same_at: None,
        };
        let target = Target {
            kind: &DEPLOYMENT,
            namespace: "shop".to_owned(),
            name: "web".to_owned(),
        };
        Rendition {
            desired: [(target, Arc::new(desired))].into(),
            ..Rendition::default()
        }
    }

    #[test]
    fn whatever_a_file_makes_long_counts_with_what_is_in_force() {
        let long = || "x".repeat(100_000);
        let notice = |path, file| Notice {
            path,
            file,
            line: None,
            message: String::new(),
        };
        for rendition in [
            Rendition {
                warnings: vec![notice(Some(long()), None)],
                ..Rendition::default()
            },
            Rendition {
                warnings: vec![notice(None, Some(long()))],
                ..Rendition::default()
            },
            Rendition {
                not_governed: vec![long()],
                ..Rendition::default()
            },
        ] {
            assert!(size_of(&rendition) > 100_000, "{}", size_of(&rendition));
        }
        let mut of_many = rendition(10);
        let (target, desired) = of_many.desired.pop_first().unwrap();
        let named = |at: usize| {
            (
                Target {
                    name: format!("{at}"),
                    ..target.clone()
                },
                desired.clone(),
            )
        };
        of_many.desired.extend((0..100).map(named));
        assert!(size_of(&of_many) > 100 * std::mem::size_of::<Desired>() as u64);
    }

    #[test]
    fn a_namespace_and_all_together_hold_no_more_than_their_budget() {
        // 250,000 bytes a namespace, 400,000 in all.
        let held = Held::of_memory(1_000_000);
        held.admit(&key("shop", "one"), &rendition(200_000)).unwrap();
        let error = held.admit(&key("shop", "two"), &rendition(200_000)).unwrap_err();
        assert!(
            error.to_string().contains("namespace shop") && error.hint().is_some(),
            "{error}"
        );
        held.admit(&key("shop", "one"), &rendition(240_000))
            .expect("what it held before does not count");
        held.admit(&key("blue", "one"), &rendition(60_000)).unwrap();
        let error = held.admit(&key("red", "one"), &rendition(100_000)).unwrap_err();
        assert!(error.to_string().contains("all namespaces"), "{error}");
        let hint = error.hint().unwrap();
        assert!(
            hint.contains("the watches of other namespaces hold the rest") && hint.contains("6 KiB"),
            "{hint}"
        );
        held.admit(&key("late", "one"), &rendition(3_000))
            .expect("each namespace has a sixty-fourth for itself");
        held.forget(&key("shop", "one"));
        held.admit(&key("red", "one"), &rendition(100_000)).unwrap();
        assert!(
            Held::default()
                .admit(&key("shop", "two"), &rendition(2_000_000))
                .is_ok(),
            "a person's own machine has no budget"
        );
    }
}
