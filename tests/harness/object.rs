//! One object of the cluster, read, changed and waited for by kubectl.

use std::ops::ControlFlow;
use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::command::{Output, Tool};
use super::{ControlPlane, wait};

/// How long a change may take. Everything here takes seconds; the rest is for a machine that does something else.
const PATIENCE: Duration = Duration::from_secs(150);

/// How often a write is made again that came upon another one.
const TRIES: usize = 5;

/// Says which object is meant; it need not be there yet.
#[derive(Clone, Debug)]
pub struct Object {
    kubectl: Tool,
    kind: String,
    namespace: String,
    name: String,
}

impl Object {
    /// Names an object, by its kind as kubectl takes it (`deployment`, `applications.argoproj.io`).
    pub fn new(control_plane: &ControlPlane, kind: &str, namespace: &str, name: &str) -> Result<Self> {
        Ok(Self::by(control_plane.tool("kubectl")?, kind, namespace, name))
    }

    /// The same by a kubectl that is prepared already.
    pub fn by(kubectl: Tool, kind: &str, namespace: &str, name: &str) -> Self {
        Self {
            kubectl,
            kind: kind.to_owned(),
            namespace: namespace.to_owned(),
            name: name.to_owned(),
        }
    }

    /// Returns the object's namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    /// Returns the object's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads the object with its managedFields, where it is there.
    pub fn find(&self) -> Result<Option<Value>> {
        let text = self
            .run(&["get", "--show-managed-fields", "--ignore-not-found", "--output=json"])?
            .success()?;
        if text.is_empty() {
            Ok(None)
        } else {
            Ok(Some(serde_json::from_str(&text)?))
        }
    }

    /// Reads the object, which must be there.
    pub fn read(&self) -> Result<Value> {
        self.find()?
            .with_context(|| format!("{} {}/{} is not there", self.kind, self.namespace, self.name))
    }

    /// Sends a JSON patch in the name of a field manager, whatever comes of it.
    pub fn json_patch(&self, manager: &str, patch: &Value) -> Result<Output> {
        self.patch("json", manager, patch)
    }

    /// Sends a merge patch in the name of a field manager, whatever comes of it.
    pub fn merge_patch(&self, manager: &str, patch: &Value) -> Result<Output> {
        self.patch("merge", manager, patch)
    }

    /// Sends a merge patch to the subresource `status`.
    pub fn write_status(&self, status: &Value) -> Result<()> {
        let patch = json!({ "status": status }).to_string();
        self.run(&["patch", "--type=merge", "--subresource=status", "--patch", &patch])?
            .success()
            .map(drop)
    }

    /// Sets an annotation.
    pub fn annotate(&self, name: &str, value: &str) -> Result<()> {
        self.run(&["annotate", "--overwrite", &format!("{name}={value}")])?
            .success()
            .map(drop)
    }

    /// Waits until the object is there and `fits`, and gives it.
    ///
    /// It is looked at a few times a second: what it is for a shorter time may never be seen.
    pub fn wait_until(&self, what: &str, mut fits: impl FnMut(&Value) -> bool) -> Result<Value> {
        let what = format!("{} {}/{}: {what}", self.kind, self.namespace, self.name);
        wait::patiently(&what, PATIENCE, || {
            Ok(match self.find()? {
                Some(seen) if fits(&seen) => ControlFlow::Break(seen),
                Some(mut seen) => {
                    // Nobody reads it in an error message.
                    seen["metadata"]["managedFields"] = Value::Null;
                    ControlFlow::Continue(format!("{seen:#}"))
                }
                None => ControlFlow::Continue("it is not there".to_owned()),
            })
        })
    }

    /// Takes a manager's entry out of `managedFields`, as clean-ups do: what it owned alone is nobody's then.
    pub fn disown(&self, manager: &str) -> Result<()> {
        let live = self.read()?;
        let entries = live["metadata"]["managedFields"]
            .as_array()
            .context("nobody owns anything")?;
        let entries: Value = entries
            .iter()
            .filter(|entry| entry["manager"] != manager)
            .cloned()
            .collect();
        self.json_patch(
            manager,
            &json!([{"op": "replace", "path": "/metadata/managedFields", "value": entries}]),
        )?
        .success()
        .map(drop)
    }

    fn patch(&self, kind: &str, manager: &str, patch: &Value) -> Result<Output> {
        let (kind, manager) = (format!("--type={kind}"), format!("--field-manager={manager}"));
        self.run(&["patch", &kind, &manager, "--patch", &patch.to_string()])
    }

    fn run(&self, arguments: &[&str]) -> Result<Output> {
        let (verb, flags) = arguments.split_first().context("no verb")?;
        self.kubectl
            .run(&[&[verb, self.kind.as_str(), &self.name, "-n", &self.namespace], flags].concat())
    }
}

/// Makes a write that is refused if anything has moved since it was read; then again, from a new look. Gives the last
/// answer, whatever it is.
pub fn write_locked(mut write: impl FnMut() -> Result<Output>) -> Result<Output> {
    for _ in 1..TRIES {
        let written = write()?;
        if !written.stderr.contains("the object has been modified") {
            return Ok(written);
        }
    }
    write()
}

/// Who owns which fields of an object; not who writes its status, since the time of that moves with every Pod.
pub fn field_owners(object: &Value) -> Vec<&Value> {
    let entries = object["metadata"]["managedFields"].as_array().into_iter().flatten();
    entries.filter(|entry| entry["subresource"] != "status").collect()
}
