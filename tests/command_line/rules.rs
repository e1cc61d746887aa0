//! The catalogue of rules on a terminal and for scripts.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::run::driftmend;

#[test]
fn the_rules_are_listed_told_in_full_and_printed_for_scripts() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let list = driftmend(folder.path(), "", &["rules"])?;
    assert_eq!((list.stderr.as_str(), list.code), ("", Some(0)));
    let line = "next-sync-refused         error                     The API server refuses the next sync of this \
                object";
    assert!(list.stdout.lines().any(|found| found == line), "{}", list.stdout);
    let one = driftmend(folder.path(), "", &["rules", "hot-fix-lost"])?;
    let told = "\
hot-fix-lost (warning)

The next sync undoes a change by hand

A person changed this field in the cluster, and the next sync puts Git's value
back. The change may be what ended an outage.

Commit the change to Git before the sync, if it is right; else let the sync, or
Restore, put Git's value back.

Found in reports.
";
    assert_eq!((one.stdout.as_str(), one.code), (told, Some(0)));
    let table = driftmend(folder.path(), "", &["rules", "-o", "json"])?.stdout;
    let table: Value = serde_json::from_str(&table)?;
    let rules = table["rules"].as_array().map(Vec::len);
    assert_eq!(rules, Some(list.stdout.lines().count()));
    let entry = driftmend(folder.path(), "", &["rules", "operation-stale", "-o", "yaml"])?.stdout;
    let entry: Value = serde_yaml::from_str(&entry)?;
    let (entry, keys) = (&entry["rules"][0], ["id", "severity", "milder", "foundIn"]);
    assert_eq!(
        keys.map(|key| entry[key].clone()),
        [
            json!("operation-stale"),
            json!("error"),
            json!(["warning"]),
            json!(["reports"])
        ]
    );
    Ok(())
}

#[test]
fn a_rule_that_is_not_there_is_a_fault_that_names_the_nearest() -> Result<()> {
    let folder = tempfile::tempdir()?;
    for (id, nearest) in [
        ("latent-trip", "'latent-trap'"),
        ("next-sync-refusd", "'next-sync-refused'"),
    ] {
        let unknown = driftmend(folder.path(), "", &["rules", id])?;
        assert_eq!((unknown.stdout.as_str(), unknown.code), ("", Some(2)), "{id}");
        assert!(
            unknown.stderr.contains(nearest) && unknown.stderr.contains(id),
            "{}",
            unknown.stderr
        );
    }
    Ok(())
}
