//! What the objects that one object of a tool syncs are to each other: one that is refused keeps the sync of all
//! from succeeding.

use std::sync::Arc;

use super::{Index, Inner, Target, WatchKey};
use crate::controller::tool::ToolKey;

impl Index {
    /// Records why the next sync of an object is predicted to be refused, and gives the others whose plans tell of
    /// that, where it changed.
    pub fn foretell(&self, tool: &ToolKey, target: &Target, refused: Option<String>) -> Vec<Target> {
        let mut inner = self.lock();
        let refused = refused.map(|why| (tool.clone(), why));
        if refused.is_some() {
            inner.refused.insert(target.clone());
        } else {
            inner.refused.remove(target);
        }
        let told = &mut inner.memory(target).told;
        if std::mem::replace(&mut told.refused, refused.clone()) == refused {
            Vec::new()
        } else {
            inner.beside(tool, target)
        }
    }

    /// The watches that name this object of a tool.
    pub fn watches_of(&self, tool: &ToolKey) -> Vec<WatchKey> {
        let inner = self.lock();
        inner
            .watches
            .iter()
            .filter(|(_, watched)| watched.tool.as_ref() == Some(tool))
            .map(|(key, _)| key.clone())
            .collect()
    }

    /// The others that this object of a tool syncs.
    pub fn beside(&self, tool: &ToolKey, target: &Target) -> Vec<Target> {
        self.lock().beside(tool, target)
    }

    /// The others that this object of a tool syncs and that are predicted to be refused, in words. Why, is told within
    /// a namespace: who reads a report there need not be one who reads those of another.
    pub fn refused_beside(&self, tool: &ToolKey, target: &Target) -> Arc<[String]> {
        let inner = self.lock();
        let why = |other: &Target| {
            let (by, why) = inner.told(other)?.refused.as_ref()?;
            (by == tool && inner.syncs(tool, other)).then(|| why.clone())
        };
        let others = inner.refused.iter().filter(|other| *other != target);
        let told = others.filter_map(|other| {
            let why = why(other)?;
            Some(if other.namespace == target.namespace {
                format!("{other}: {why}")
            } else {
                other.to_string()
            })
        });
        told.collect()
    }
}

impl Inner {
    pub(super) fn beside(&self, tool: &ToolKey, target: &Target) -> Vec<Target> {
        let named = self
            .watches
            .values()
            .filter(|watched| watched.tool.as_ref() == Some(tool));
        named
            .flat_map(|watched| watched.rendition.desired.keys())
            .filter(|other| *other != target)
            .cloned()
            .collect()
    }

    /// Whether a watch that names this object of a tool names the target.
    fn syncs(&self, tool: &ToolKey, target: &Target) -> bool {
        let watches = self.targets.get(target).into_iter().flat_map(|entry| &entry.named_by);
        watches
            .filter_map(|(_, key)| self.watches.get(key))
            .any(|watched| watched.tool.as_ref() == Some(tool))
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;
    use serde_json::json;

    use super::super::tests::at_commit;
    use super::*;
    use crate::controller::tool::ToolKind;
    use crate::engine::kind::DEPLOYMENT;

    fn target(name: &str) -> Target {
        Target {
            kind: &DEPLOYMENT,
            namespace: "shop".to_owned(),
            name: name.to_owned(),
        }
    }

    #[test]
    fn the_others_of_one_application_hear_of_a_refusal_that_is_coming_and_that_it_is_not() {
        let governed = Index::default();
        let tool = |name: &str| ToolKey {
            kind: ToolKind::ArgoCd,
            namespace: "argocd".to_owned(),
            name: name.to_owned(),
        };
        let put = |watch: &str, of: &str, names: &[&str]| {
            let documents: Vec<_> = names.iter().map(|name| (*name, json!({}))).collect();
            let mut watched = at_commit("a", 10, &documents, &[]);
            watched.tool = Some(tool(of));
            governed.put(
                &WatchKey {
                    namespace: "shop".to_owned(),
                    name: watch.to_owned(),
                },
                watched,
            );
        };
        put("one", "shop", &["web", "api"]);
        put("two", "other", &["job"]);
        let refused = || Some("spec.replicas: no".to_owned());
        let told = |of: &str, name: &str| governed.refused_beside(&tool(of), &target(name)).to_vec();
        assert_eq!(
            governed.foretell(&tool("shop"), &target("api"), refused()),
            [target("web")]
        );
        assert_eq!(
            governed.foretell(&tool("shop"), &target("api"), refused()),
            [],
            "nothing new"
        );
        assert_eq!(told("shop", "web"), ["Deployment shop/api: spec.replicas: no"]);
        assert_eq!(
            (told("shop", "api"), told("other", "job")),
            (vec![], vec![]),
            "neither itself nor another application"
        );
        assert_eq!(governed.foretell(&tool("shop"), &target("api"), None), [target("web")]);
        assert_eq!(told("shop", "web"), Vec::<String>::new());
        governed.foretell(&tool("shop"), &target("api"), refused());
        assert_eq!(
            governed.forget_told(&target("api")),
            [target("web")],
            "nobody governs it any more"
        );
        assert_eq!(governed.forget_told(&target("api")), []);
        // What Git has no longer is not synced.
        governed.foretell(&tool("shop"), &target("api"), refused());
        put("one", "shop", &["web"]);
        assert_eq!(told("shop", "web"), Vec::<String>::new());
        // In another namespace the name is told, and no value.
        let elsewhere = Target {
            kind: &DEPLOYMENT,
            namespace: "till".to_owned(),
            name: "web".to_owned(),
        };
        put("one", "shop", &["web", "api"]);
        assert_eq!(
            governed.refused_beside(&tool("shop"), &elsewhere).to_vec(),
            ["Deployment shop/api"]
        );
    }
}
