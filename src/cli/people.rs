//! A user's own table of field managers.

use std::collections::BTreeMap;
use std::path::Path;

use super::Fault;
use crate::api::v1alpha1::Writer;
use crate::engine::ownership::people::People;

/// Reads the table, or gives the built-in one alone where no file is named. Of two rows that fit, the exact name
/// decides, then the longer one.
pub(super) fn read(file: Option<&Path>) -> Result<People, Fault> {
    let Some(file) = file else { return Ok(People::default()) };
    let failed = || Fault::new(format!("failed to read {}", file.display()));
    let text = std::fs::read_to_string(file).map_err(|error| failed().because(error))?;
    let rows: BTreeMap<String, Writer> = serde_yaml::from_str(&text).map_err(|error| {
        failed()
            .because(error)
            .hint("write one `MANAGER: KIND` a line, with Person, Controller or Unknown for the kind".to_owned())
    })?;
    let mut rows: Vec<_> = rows
        .into_iter()
        .map(|(manager, writer)| (manager, writer.into()))
        .collect();
    rows.sort_by_key(|(manager, _)| (manager.ends_with('*'), std::cmp::Reverse(manager.len())));
    Ok(People::with(rows))
}
