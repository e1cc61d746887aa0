//! The schema tables and the diff against answers recorded from a real API server.
//!
//! The recordings are not part of the project: they are looked for in `DRIFT_CORPUS` and in `../shared/corpus`, and
//! where they are absent the tests say that they skipped.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too, which clippy does not see here"
)]

use std::path::PathBuf;

use driftmend::engine::diff::compare;
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::last_applied::LAST_APPLIED;
use driftmend::engine::schema::quantity::{Rounding, canonical};
use driftmend::engine::schema::{ListKind, is_atomic_map, list_kind, merge_strategy};
use pretty_assertions::assert_eq;
use serde_json::Value;

fn corpus() -> Option<PathBuf> {
    let beside = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../shared/corpus");
    let found = std::env::var_os("DRIFT_CORPUS")
        .map(PathBuf::from)
        .or_else(|| beside.is_dir().then_some(beside));
    if found.is_none() {
        println!("skipped: no recordings in DRIFT_CORPUS or ../shared/corpus");
    }
    found
}

/// The rows of a table, each as its columns, without the heading.
fn rows(text: &str) -> impl Iterator<Item = Vec<&str>> {
    text.lines().skip(1).map(|line| line.split('\t').collect())
}

/// Every file below a folder whose name ends so.
fn files(folder: PathBuf, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files(path, ending));
        } else if path.to_string_lossy().ends_with(ending) {
            found.push(path);
        }
    }
    found
}

fn read(path: &PathBuf) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
}

#[test]
fn list_keys_and_strategies_are_those_of_the_recorded_table() {
    let Some(corpus) = corpus() else { return };
    let table = std::fs::read_to_string(corpus.join("list_keys.tsv")).unwrap();
    for row in rows(&table) {
        let [path, _, kind, keys, key, strategy] = row[..6] else {
            panic!("{row:?}")
        };
        let found = match list_kind(DEPLOYMENT.root, path) {
            ListKind::Map(keys) => ("map", keys.join(",")),
            ListKind::Set => ("set", String::new()),
            ListKind::Atomic => ("atomic", String::new()),
        };
        assert_eq!(found, (kind, keys.to_owned()), "{path}");
        let merge = merge_strategy(DEPLOYMENT.root, path);
        assert_eq!(merge.key, (!key.is_empty()).then_some(key), "{path}");
        assert_eq!(
            (merge.replace, merge.retain_keys),
            (!strategy.contains("merge"), strategy.contains("retainKeys")),
            "{path}"
        );
    }
}

#[test]
fn atomic_maps_are_those_of_the_recorded_table() {
    let Some(corpus) = corpus() else { return };
    let table = std::fs::read_to_string(corpus.join("atomic_maps.tsv")).unwrap();
    for row in rows(&table) {
        assert_eq!(is_atomic_map(DEPLOYMENT.root, row[0]), row[1] == "atomic", "{}", row[0]);
        assert_eq!(
            merge_strategy(DEPLOYMENT.root, row[0]).retain_keys,
            row[2].contains("retainKeys"),
            "{}",
            row[0]
        );
    }
}

#[test]
fn quantities_are_printed_as_recorded() {
    let Some(corpus) = corpus() else { return };
    let table = std::fs::read_to_string(corpus.join("quantities.tsv")).unwrap();
    for row in rows(&table).filter(|row| row.len() == 4 && row[0].starts_with('\'') && !row[0].contains('-')) {
        let text = row[0].trim_matches('\'');
        let recorded =
            |column: usize| (!row[column].starts_with("ERR") && row[column] != "-").then(|| row[column].to_owned());
        assert_eq!(canonical(text, Rounding::Milli), recorded(2), "{text}");
        assert_eq!(canonical(text, Rounding::Nano), recorded(3), "{text}");
    }
}

#[test]
fn no_recorded_object_drifts_from_itself() {
    let Some(corpus) = corpus() else { return };
    let found = files(corpus.join("pairs"), ".live.json");
    assert_ne!(found, Vec::<PathBuf>::new());
    for path in found {
        let live = read(&path);
        assert_eq!(compare(&DEPLOYMENT, &live, &live), [], "{}", path.display());
    }
}

#[test]
fn no_recorded_object_drifts_from_what_was_applied() {
    let Some(corpus) = corpus() else { return };
    let found = files(corpus.join("scenarios"), "csa-before.json");
    assert_ne!(found, Vec::<PathBuf>::new());
    for path in found {
        let live = read(&path);
        let applied = live["metadata"]["annotations"][LAST_APPLIED].as_str().unwrap();
        assert_eq!(
            compare(&DEPLOYMENT, &serde_json::from_str(applied).unwrap(), &live),
            [],
            "{}",
            path.display()
        );
    }
}

/// The cases of upstream's own table, carried over to fields of a Deployment.
#[cfg(feature = "edge")]
#[test]
fn the_three_way_merge_gives_what_upstream_expects() {
    use driftmend::engine::predict::strategic::{apply_patch, three_way_patch};

    let Some(corpus) = corpus() else { return };
    let cases = files(corpus.join("three-way"), "case.json");
    assert_ne!(cases, Vec::<PathBuf>::new());
    let mut wrong = Vec::new();
    for case in &cases {
        let document = |name: &str| {
            let loaded = driftmend::source::yaml::load(&std::fs::read(case.with_file_name(name)).unwrap(), name);
            assert_eq!(loaded.problems, [], "{} {name}", case.display());
            loaded.documents.into_iter().next().unwrap().value
        };
        let [last_applied, live, desired, expected] =
            ["last-applied.yaml", "live.yaml", "desired.yaml", "expected.yaml"].map(document);
        let merged = three_way_patch(&DEPLOYMENT, &last_applied, &live, &desired)
            .and_then(|patch| apply_patch(&DEPLOYMENT, &live, &patch));
        // In order, too, also where upstream sorts before it compares.
        if merged.as_ref() != Ok(&expected) {
            wrong.push(format!(
                "{}\n  expected {expected}\n  merged   {merged:?}",
                case.display()
            ));
        }
    }
    assert!(
        wrong.is_empty(),
        "{} of {} cases differ:\n{}",
        wrong.len(),
        cases.len(),
        wrong.join("\n")
    );
}
