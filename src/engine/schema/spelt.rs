//! How Go spells the type of a field, which the server's messages name.

use std::sync::LazyLock;

use super::go_types::SPELT;
use super::shape::{Field, Shape, Spelt, Struct};

/// The type of a field in Go's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GoType {
    /// As reflection writes it, without the pointer around it: `v1.PullPolicy`, `[]string`.
    pub name: String,

    /// The struct embedded in the owner that has the field, or nothing.
    pub embedded: &'static str,
}

/// The rows, sorted to be found.
static ROWS: LazyLock<Vec<Spelt>> = LazyLock::new(|| {
    let mut rows = SPELT.to_vec();
    rows.sort_unstable_by_key(|Spelt(owner, field, ..)| (*owner, *field));
    rows
});

/// The Go type of a field of a struct.
pub fn go_type_of(of: &Struct, field: &Field) -> GoType {
    match ROWS.binary_search_by_key(&(of.name, field.0), |Spelt(owner, field, ..)| (*owner, *field)) {
        Ok(at) => GoType {
            name: ROWS[at].2.to_owned(),
            embedded: ROWS[at].3,
        },
        Err(_) => GoType {
            name: usual(field.2),
            embedded: "",
        },
    }
}

/// What a shape is where the table says nothing else.
fn usual(shape: Shape) -> String {
    match shape {
        Shape::Text => "string".to_owned(),
        Shape::Boolean => "bool".to_owned(),
        Shape::Integer | Shape::IntOrString => "int32".to_owned(),
        Shape::Nested(of) => format!("v1.{}", of.name),
        Shape::List(_, item) => format!("[]{}", usual(*item)),
        Shape::Map(value) | Shape::AtomicMap(value) => format!("map[string]{}", usual(*value)),
        Shape::Quantity => "resource.Quantity".to_owned(),
        Shape::Opaque => "v1.Time".to_owned(),
    }
}

impl GoType {
    /// The type of what a list or a map of this type holds.
    pub fn inner(&self) -> Self {
        let name = match self.name.as_str() {
            "v1.ResourceList" => "resource.Quantity",
            name => name
                .strip_prefix("[]")
                .or_else(|| name.strip_prefix("map[string]"))
                .unwrap_or(name),
        };
        Self {
            name: name.to_owned(),
            embedded: self.embedded,
        }
    }

    /// Whether it is an integer of 64 bits; all others have 32.
    pub fn is_wide(&self) -> bool {
        self.name == "int64"
    }

    /// Whether it is a time.
    pub fn is_time(&self) -> bool {
        self.name == "v1.Time"
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::shape_at;
    use pretty_assertions::assert_eq;

    fn spelt(path: &str, name: &str) -> GoType {
        let Some(Shape::Nested(of)) = shape_at(crate::engine::schema::DEPLOYMENT, path) else {
            panic!("{path} is no struct")
        };
        go_type_of(of, of.field(name).unwrap())
    }

    #[test]
    fn types_have_the_names_that_go_gives_them() {
        for (path, name, wanted) in [
            ("spec", "replicas", "int32"),
            ("spec.template.spec", "terminationGracePeriodSeconds", "int64"),
            ("spec.template.spec", "overhead", "v1.ResourceList"),
            ("spec.template.spec", "containers", "[]v1.Container"),
            (
                "spec.template.spec.containers[]",
                "restartPolicy",
                "v1.ContainerRestartPolicy",
            ),
            (
                "spec.template.spec.containers[].securityContext.capabilities",
                "drop",
                "[]v1.Capability",
            ),
            ("spec.template.spec", "nodeSelector", "map[string]string"),
            ("metadata", "creationTimestamp", "v1.Time"),
        ] {
            assert_eq!(spelt(path, name).name, wanted, "{name}");
        }
        assert_eq!(spelt("spec.template.spec.volumes[]", "nfs").embedded, "VolumeSource");
        assert_eq!(
            spelt("spec.template.spec", "overhead").inner().name,
            "resource.Quantity"
        );
        assert_eq!(
            spelt("spec.template.spec.containers[].securityContext.capabilities", "drop")
                .inner()
                .name,
            "v1.Capability"
        );
    }
}
