//! What kubectl itself sends.

use std::collections::{HashMap, HashSet};
use std::thread;

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};

use super::answer::{Answer, is_no_answer, is_refusal, without_warnings};
use super::{PAUSE, Server, TRIES};
use crate::case::Validation;
use crate::harness::Output;

impl<'a> Server<'a> {
    /// Runs kubectl over manifests, again while the server has no answer for it.
    pub(super) fn kubectl(&self, manifests: String, arguments: &[&str]) -> Result<Output> {
        let kubectl = self.control_plane.tool("kubectl")?.input(manifests);
        let answered = |output: &Output| output.code == 0 || !is_no_answer(&output.stderr);
        for _ in 1..TRIES {
            let output = kubectl.run(arguments)?;
            if answered(&output) {
                return Ok(output);
            }
            thread::sleep(PAUSE);
        }
        let output = kubectl.run(arguments)?;
        ensure!(
            answered(&output),
            "the server does not answer `{}`:\n{}",
            output.command,
            output.stderr
        );
        Ok(output)
    }

    /// Applies manifests by kubectl, and gives the names of those that were taken.
    ///
    /// # Errors
    ///
    /// When none was taken and none was refused: then kubectl failed as a whole, and nothing would be asked its way.
    pub fn create(&self, manifests: &[Value]) -> Result<HashSet<String>> {
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
        let output = self.kubectl(list, &["apply", "-f", "-", "--validate=false", "-o", "name"])?;
        let prefix = format!("{}.{}/", self.kind.kind.to_lowercase(), self.kind.group);
        let taken: HashSet<String> = output
            .stdout
            .lines()
            .filter_map(|line| line.strip_prefix(&prefix))
            .map(str::to_owned)
            .collect();
        if taken.is_empty() && !manifests.is_empty() && !is_refusal(&output.stderr) {
            bail!(
                "`{}` took none of {} manifests and ended with {}:\n{}",
                output.command,
                manifests.len(),
                output.code,
                output.stderr
            );
        }
        Ok(taken)
    }

    /// What kubectl would make of all these manifests, by name; nothing where it fails over one of them.
    pub(super) fn apply(&self, manifests: &[Value], validation: Validation) -> Result<HashMap<String, Value>> {
        if manifests.is_empty() {
            return Ok(HashMap::new());
        }
        let list = json!({"apiVersion": "v1", "kind": "List", "items": manifests}).to_string();
        let arguments = [
            "apply",
            "-f",
            "-",
            validation.option(),
            "-o",
            "json",
            "--dry-run=server",
        ];
        let output = self.kubectl(list, &arguments)?;
        // kubectl prints one object alone, and several as a List.
        let items = match serde_json::from_str::<Value>(&output.stdout) {
            Ok(Value::Object(mut printed)) => match printed.remove("items") {
                Some(Value::Array(items)) => items,
                _ => vec![Value::Object(printed)],
            },
            _ => Vec::new(),
        };
        let name_of = |item: &Value| {
            item.pointer("/metadata/name")
                .and_then(Value::as_str)
                .map(str::to_owned)
        };
        Ok(items
            .into_iter()
            .filter_map(|item| Some((name_of(&item)?, item)))
            .collect())
    }

    pub fn apply_one(&self, manifest: &Value, validation: Validation, flags: &[&str]) -> Result<Answer> {
        let arguments = ["apply", "-f", "-", validation.option(), "-o", "json"];
        let output = self.kubectl(manifest.to_string(), &[&arguments, flags].concat())?;
        Ok(match output.code {
            0 => Answer::Object(serde_json::from_str(&output.stdout)?),
            _ => Answer::Text(without_warnings(&output.stderr)),
        })
    }
}
