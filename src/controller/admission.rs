//! Which webhooks and policies may change a Deployment on its way into the cluster. The API server's answer does not
//! name them.

use serde_json::Value;
use tracing::debug;

use crate::cluster::{Cluster, Resource};

const WEBHOOKS: Resource<'static> = Resource {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "mutatingwebhookconfigurations",
};
const POLICIES: Resource<'static> = Resource {
    group: "admissionregistration.k8s.io",
    version: "v1",
    plural: "mutatingadmissionpolicies",
};

/// How many are named.
const NAMED: usize = 3;

/// Those that may have changed an update of a Deployment, in words; whether their selectors let it through is not
/// looked at. Without the right to list them, or on a server that has no such policies, none.
pub async fn likely(cluster: &Cluster) -> String {
    let mut names = Vec::new();
    for (kind, resource, rules) in [
        (
            "MutatingWebhookConfiguration",
            WEBHOOKS,
            of_webhooks as fn(&Value) -> bool,
        ),
        ("MutatingAdmissionPolicy", POLICIES, of_policy),
    ] {
        match cluster.list_objects(resource).await {
            Ok(objects) => names.extend(objects.iter().filter(|object| rules(object)).filter_map(|object| {
                let name = object.pointer("/metadata/name")?.as_str()?;
                Some(format!("{kind} {name}"))
            })),
            Err(error) => debug!(%error, "who may have changed a write is not known"),
        }
    }
    told(&names)
}

fn told(names: &[String]) -> String {
    let more = names.len().saturating_sub(NAMED);
    match names {
        [] => "a mutating webhook or policy".to_owned(),
        [one] => format!("it may be {one}"),
        some => {
            let named = some.iter().take(NAMED).cloned().collect::<Vec<_>>().join(", ");
            if more == 0 {
                format!("it may be one of {named}")
            } else {
                format!("it may be one of {named} and {more} more")
            }
        }
    }
}

fn of_webhooks(configuration: &Value) -> bool {
    configuration["webhooks"]
        .as_array()
        .into_iter()
        .flatten()
        .any(|webhook| any_covers(&webhook["rules"]))
}

fn of_policy(policy: &Value) -> bool {
    any_covers(&policy["spec"]["matchConstraints"]["resourceRules"])
}

/// Whether one of the rules is about updates of Deployments.
fn any_covers(rules: &Value) -> bool {
    let covers = |rule: &Value| {
        let has = |list: &str, wanted: &[&str]| {
            rule[list]
                .as_array()
                .into_iter()
                .flatten()
                .any(|one| one.as_str().is_some_and(|one| wanted.contains(&one)))
        };
        has("apiGroups", &["apps", "*"])
            && has("resources", &["deployments", "*", "*/*"])
            && has("operations", &["UPDATE", "*"])
    };
    rules.as_array().into_iter().flatten().any(covers)
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_about_updates_of_deployments_is_named() {
        let rule = |group: &str, resource: &str, operation: &str| {
            json!([{"apiGroups": [group], "apiVersions": ["v1"],
            "resources": [resource], "operations": [operation]}])
        };
        for (rules, covers) in [
            (rule("apps", "deployments", "UPDATE"), true),
            (rule("*", "*", "*"), true),
            (rule("apps", "deployments", "CREATE"), false),
            (rule("apps", "statefulsets", "UPDATE"), false),
            (rule("", "pods", "*"), false),
            (json!(null), false),
        ] {
            assert_eq!(
                of_policy(&json!({"spec": {"matchConstraints": {"resourceRules": rules}}})),
                covers,
                "{rules}"
            );
            assert_eq!(of_webhooks(&json!({"webhooks": [{"rules": rules}]})), covers, "{rules}");
        }
    }

    #[test]
    fn a_few_are_named_and_the_rest_is_counted() {
        let names: Vec<String> = ["one", "two", "three", "four", "five"].map(str::to_owned).into();
        assert_eq!(told(&[]), "a mutating webhook or policy");
        assert_eq!(told(&names[..1]), "it may be one");
        assert_eq!(told(&names[..2]), "it may be one of one, two");
        assert_eq!(told(&names), "it may be one of one, two, three and 2 more");
    }
}
