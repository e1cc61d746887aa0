//! Fields whose empty value is not the same as none to a rule, though it is to what is stored.

use crate::engine::schema::{Branches, Members, Shape, Tree, apply_defaults};

/// The object in normal form and with its defaults. What a rule tells from an absent value although it is empty stays.
pub fn as_stored<'a>(root: Shape, mut object: Tree<'a>) -> Tree<'a> {
    let mut found = Vec::new();
    for place in TOLD_FROM_ABSENT {
        find(&object, place.parent, place.name, &mut Vec::new(), &mut found);
    }
    apply_defaults(root, &mut object);
    leave_out_repeated_owners(&mut object);
    for Found { steps, name, value } in found {
        if let Some(Tree::Map(parent)) = follow(&mut object, &steps) {
            parent.insert(name, value);
        }
    }
    object
}

/// Leaves out owner references that are there already, to the last field.
///
/// Source: `dedupOwnerReferences` of apiserver's `pkg/endpoints/handlers/rest.go`.
fn leave_out_repeated_owners(object: &mut Tree<'_>) {
    let Some(Tree::List(owners)) = object
        .map_at_mut(&["metadata"])
        .and_then(|metadata| metadata.find("ownerReferences"))
    else {
        return;
    };
    let mut at = 1;
    while at < owners.len() {
        if owners[..at].contains(&owners[at]) {
            owners.remove(at);
        } else {
            at += 1;
        }
    }
}

/// A field that a rule tells from none.
#[derive(Clone, Copy)]
struct Emptied {
    /// The names on the way to the map that it is in; `*` is every item of a list.
    parent: &'static [&'static str],

    /// Its name.
    name: &'static str,
}

const CLAIM: &[&str] = &[
    "spec",
    "template",
    "spec",
    "volumes",
    "*",
    "ephemeral",
    "volumeClaimTemplate",
    "metadata",
];
const EPHEMERAL: &[&str] = &["spec", "template", "spec", "ephemeralContainers", "*"];
const EPHEMERAL_RESOURCES: &[&str] = &["spec", "template", "spec", "ephemeralContainers", "*", "resources"];

/// `ValidatePodTemplateSpecForReplicaSet` shows the labels that a selector does not select, `validatePodResources`
/// forbids claims that are not nil, and `validateFieldAllowList` forbids all that is not Go's zero value.
const TOLD_FROM_ABSENT: &[Emptied] = &[
    Emptied {
        parent: &["spec", "template", "metadata"],
        name: "labels",
    },
    Emptied {
        parent: &["spec", "template", "spec", "resources"],
        name: "claims",
    },
    Emptied {
        parent: CLAIM,
        name: "ownerReferences",
    },
    Emptied {
        parent: CLAIM,
        name: "finalizers",
    },
    Emptied {
        parent: CLAIM,
        name: "managedFields",
    },
    Emptied {
        parent: EPHEMERAL,
        name: "ports",
    },
    Emptied {
        parent: EPHEMERAL,
        name: "resizePolicy",
    },
    Emptied {
        parent: EPHEMERAL,
        name: "restartPolicyRules",
    },
    Emptied {
        parent: EPHEMERAL_RESOURCES,
        name: "limits",
    },
    Emptied {
        parent: EPHEMERAL_RESOURCES,
        name: "requests",
    },
    Emptied {
        parent: EPHEMERAL_RESOURCES,
        name: "claims",
    },
];

/// An empty value, and the way to the map that it is in.
struct Found<'a> {
    steps: Vec<Step>,
    name: &'static str,
    value: Tree<'a>,
}

#[derive(Clone, Copy)]
enum Step {
    Name(&'static str),
    Item(usize),
}

fn find<'a>(
    node: &Tree<'a>,
    way: &[&'static str],
    name: &'static str,
    steps: &mut Vec<Step>,
    found: &mut Vec<Found<'a>>,
) {
    let mut below = |step: Step, inner: &Tree<'a>, rest: &[&'static str]| {
        steps.push(step);
        find(inner, rest, name, steps, found);
        steps.pop();
    };
    match way.split_first() {
        None => {
            if let Some(value) = node.get(name).filter(|value| is_empty(value)) {
                found.push(Found {
                    steps: steps.clone(),
                    name,
                    value: value.clone(),
                });
            }
        }
        Some((&"*", rest)) => {
            node.as_list()
                .unwrap_or_default()
                .iter()
                .enumerate()
                .for_each(|(at, item)| below(Step::Item(at), item, rest));
        }
        Some((step, rest)) => {
            if let Some(inner) = node.get(step) {
                below(Step::Name(step), inner, rest);
            }
        }
    }
}

fn follow<'o, 'a>(object: &'o mut Tree<'a>, steps: &[Step]) -> Option<&'o mut Tree<'a>> {
    steps.iter().try_fold(object, |node, step| match step {
        Step::Name(name) => node.member_mut(name),
        Step::Item(at) => node.as_list_mut()?.get_mut(*at),
    })
}

/// Takes out again what [`as_stored`] keeps and the server does not.
pub(in crate::engine) fn forget_empty(stored: &mut Tree<'_>) {
    for place in TOLD_FROM_ABSENT {
        forget(stored, place.parent, place.name);
    }
}

fn forget(node: &mut Tree<'_>, way: &[&str], name: &str) {
    match way.split_first() {
        None => {
            if let Some(parent) = node.as_map_mut()
                && parent.get(name).is_some_and(is_empty)
            {
                parent.remove(name);
            }
        }
        Some((&"*", rest)) => node
            .as_list_mut()
            .into_iter()
            .flatten()
            .for_each(|item| forget(item, rest, name)),
        Some((step, rest)) => {
            if let Some(inner) = node.member_mut(step) {
                forget(inner, rest, name);
            }
        }
    }
}

fn is_empty(node: &Tree<'_>) -> bool {
    node.as_map().is_some_and(Branches::is_empty) || node.as_list().is_some_and(<[Tree<'_>]>::is_empty)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::schema::DEPLOYMENT;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    #[test]
    fn an_owner_counts_once_where_it_is_the_same_to_the_last_field() {
        let owner = |name: &str, controller: bool| {
            json!({"apiVersion": "v1", "kind": "Set", "name": name, "uid": "1",
            "controller": controller})
        };
        let object = json!({"metadata": {"ownerReferences": [owner("a", true), owner("b", false), owner("a", true),
            owner("a", false)]}});
        let left = as_stored(DEPLOYMENT, Tree::of(&object)).to_value()["metadata"]["ownerReferences"].clone();
        assert_eq!(left, json!([owner("a", true), owner("b", false), owner("a", false)]));
    }

    #[test]
    fn an_empty_list_stays_for_the_rules_and_goes_from_what_is_stored() {
        let container =
            json!({"name": "debug", "image": "debug:1", "ports": [], "resources": {"limits": {}}, "env": []});
        let object = json!({"spec": {"template": {"spec": {"ephemeralContainers": [{"name": "a", "image": "a:1"},
            container]}}}});
        let mut stored = as_stored(DEPLOYMENT, Tree::of(&object));
        let container =
            |stored: &Tree<'_>| stored.to_value()["spec"]["template"]["spec"]["ephemeralContainers"][1].clone();
        let kept = container(&stored);
        assert_eq!(
            (&kept["ports"], &kept["resources"], kept.get("env")),
            (&json!([]), &json!({"limits": {}}), None)
        );
        forget_empty(&mut stored);
        let left = container(&stored);
        assert_eq!((left.get("ports"), &left["resources"]), (None, &json!({})));
    }
}
