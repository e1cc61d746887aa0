//! The chart ships the CRDs that the Rust types describe: one step of `make crds` forgotten, and a field of a report
//! would be pruned by the API server without a word.
#![cfg(feature = "edge")]

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result};
use pretty_assertions::assert_str_eq;

/// The YAML files of a folder of the project, by name.
fn files_of(folder: &str) -> Result<BTreeMap<String, String>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("failed to list {}: run `make crds`", folder.display()))?;
    entries
        .map(|entry| {
            let entry = entry?;
            Ok((
                entry.file_name().to_string_lossy().into_owned(),
                fs::read_to_string(entry.path())?,
            ))
        })
        .collect()
}

/// Compares file by file, so that a failure shows lines.
fn assert_same(found: &BTreeMap<String, String>, expected: &BTreeMap<String, String>) {
    assert!(
        found.keys().eq(expected.keys()),
        "{:?} for {:?}: run `make crds`",
        found.keys(),
        expected.keys()
    );
    for (name, content) in found {
        assert_str_eq!(
            *content,
            expected[name],
            "{name}: run `make crds` and commit what it writes"
        );
    }
}

#[test]
fn the_crds_of_the_repository_are_those_of_the_types() -> Result<()> {
    let written = driftmend::api::v1alpha1::definitions()
        .iter()
        .map(|definition| {
            Ok((
                format!("{}.yaml", definition.spec.names.plural),
                serde_yaml::to_string(definition)?,
            ))
        })
        .collect::<Result<BTreeMap<_, _>>>()?;
    assert_same(&files_of("crds")?, &written);
    Ok(())
}

#[test]
fn the_chart_ships_the_crds_of_the_repository_byte_for_byte() -> Result<()> {
    assert_same(&files_of("charts/driftmend/files/crds")?, &files_of("crds")?);
    Ok(())
}

/// A quantity of the chart in mebibytes.
fn mebibytes(values: &serde_json::Value, pointer: &str) -> Result<u64> {
    let text = values
        .pointer(pointer)
        .and_then(serde_json::Value::as_str)
        .with_context(|| format!("values.yaml has no {pointer}"))?;
    text.strip_suffix("Mi")
        .with_context(|| format!("{pointer} is {text}"))?
        .parse()
        .with_context(|| format!("{pointer} is {text}"))
}

#[test]
fn the_memory_of_the_controller_and_of_its_children_is_no_more_than_the_limit() -> Result<()> {
    use driftmend::source::child::{MIB, jq};
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/driftmend/values.yaml"))?;
    let values: serde_json::Value = serde_yaml::from_str(&text)?;
    let of_jq = jq::AT_ONCE * jq::MEMORY / MIB;
    let parts = [
        mebibytes(&values, "/memory/controller")?,
        of_jq,
        mebibytes(&values, "/git/memory")?,
    ];
    let limit = mebibytes(&values, "/resources/limits/memory")?;
    assert!(parts.iter().sum::<u64>() <= limit, "{parts:?} are more than {limit}");
    // The comment says the same sum, and so does the chart's own check.
    let [controller, _, git] = parts;
    assert!(
        text.contains(&format!(
            "#   {controller}Mi      + {of_jq}Mi        + {git}Mi                 = {limit}Mi"
        )),
        "{parts:?}"
    );
    let check =
        fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("charts/driftmend/templates/_budgets.tpl"))?;
    assert!(check.contains(&format!("mul {} {} 1048576", jq::AT_ONCE, jq::MEMORY / MIB)));
    assert!(mebibytes(&values, "/git/disk/total")? <= mebibytes(&values, "/cache/sizeLimit")?);
    assert!(mebibytes(&values, "/git/disk/perNamespace")? <= mebibytes(&values, "/git/disk/total")?);
    Ok(())
}
