//! How a controller was started, and what it may write by that.

use super::desired::Sources;
use crate::engine::plan::{Step, Written};

/// What a controller may write besides its own resources.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, clap::ValueEnum)]
pub enum Power {
    /// Nothing.
    Observe,

    /// Dry runs.
    Confirm,

    /// Approved heals in the namespaces listed.
    Heal,
}

/// How a controller was started.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What it may write.
    pub power: Power,

    /// The namespaces in which it may carry out heals.
    pub heal_namespaces: Vec<String>,

    /// The namespaces of the Applications that it may write.
    pub heal_application_namespaces: Vec<String>,

    /// The namespaces of the Kustomizations that it may write.
    pub heal_kustomization_namespaces: Vec<String>,

    /// How sources are read.
    pub sources: Sources,
}

impl Settings {
    /// Whether approved plans of a namespace are carried out here; otherwise a person does, by `driftmend heal`.
    pub fn heals_in(&self, namespace: &str) -> bool {
        self.power == Power::Heal && self.heal_namespaces.iter().any(|listed| listed == namespace)
    }

    /// What a plan for a Deployment of this namespace writes that this controller does not; `None` when it writes all
    /// of it.
    pub fn beyond(&self, namespace: &str, steps: &[Step]) -> Option<String> {
        if !self.heals_in(namespace) {
            return Some(format!("in namespace {namespace}"));
        }
        let lists = |list: &[String], namespace: &str| list.iter().any(|listed| listed == namespace);
        steps.iter().find_map(|step| match step.written() {
            Written::Target => None,
            Written::Application(application) => (!lists(&self.heal_application_namespaces, &application.namespace))
                .then(|| format!("Applications in namespace {}", application.namespace)),
            Written::Kustomization(kustomization) => {
                (!lists(&self.heal_kustomization_namespaces, &kustomization.namespace))
                    .then(|| format!("Kustomizations in namespace {}", kustomization.namespace))
            }
        })
    }

    /// Whether a dry run on a Deployment is within its rights.
    pub fn may_dry_run(&self, namespace: &str) -> bool {
        self.power == Power::Confirm || self.heals_in(namespace)
    }
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::controller::desired::{Held, Mirrors};
    use crate::controller::trust::{ArgoCdNamespaces, SecretHosts};
    use crate::engine::argo_cd::reference::ApplicationRef;
    use crate::engine::flux::reference::KustomizationRef;
    use crate::engine::plan::{Act, OnApplication};
    use crate::source::git::UrlPolicy;

    fn settings(power: Power, namespaces: &[&str], applications: &[&str]) -> Settings {
        let owned = |list: &[&str]| list.iter().map(ToString::to_string).collect();
        let (cache, own_namespace) = (std::path::PathBuf::new(), "driftmend".to_owned());
        Settings {
            power,
            heal_namespaces: owned(namespaces),
            heal_application_namespaces: owned(applications),
            heal_kustomization_namespaces: Vec::new(),
            sources: Sources {
                mirrors: Mirrors::default(),
                held: Held::default(),
                cache,
                policy: UrlPolicy::default(),
                secret_hosts: SecretHosts::default(),
                argo_cd: ArgoCdNamespaces::default(),
                own_namespace,
            },
        }
    }

    fn steps() -> Vec<Step> {
        let application = ApplicationRef {
            namespace: "teams".to_owned(),
            name: "shop".to_owned(),
        };
        let restore = Step::Restore {
            paths: Vec::new(),
            operations: json_patch::Patch::default(),
        };
        vec![
            restore,
            Step::OnApplication(Box::new(OnApplication {
                application,
                uid: None,
                asked: None,
                act: Act::Refresh,
            })),
        ]
    }

    #[test]
    fn a_plan_is_carried_out_where_each_namespace_that_it_writes_in_is_listed() {
        let beyond = |power, namespaces: &[&str], applications: &[&str]| {
            settings(power, namespaces, applications).beyond("shop", &steps())
        };
        assert_eq!(beyond(Power::Heal, &["shop"], &["argocd", "teams"]), None);
        assert_eq!(
            beyond(Power::Heal, &["shop"], &["shop", "argocd"]).as_deref(),
            Some("Applications in namespace teams")
        );
        assert_eq!(
            beyond(Power::Heal, &["teams"], &["teams"]).as_deref(),
            Some("in namespace shop")
        );
        assert_eq!(
            beyond(Power::Confirm, &["shop"], &["teams"]).as_deref(),
            Some("in namespace shop")
        );
        assert_eq!(
            settings(Power::Heal, &["shop"], &[]).beyond("shop", &steps()[..1]),
            None
        );
        let named = KustomizationRef {
            namespace: "flux-system".to_owned(),
            name: "shop".to_owned(),
        };
        let steps = [Step::Reconcile { kustomization: named }];
        let mut settings = settings(Power::Heal, &["shop"], &["flux-system"]);
        assert_eq!(
            settings.beyond("shop", &steps).as_deref(),
            Some("Kustomizations in namespace flux-system")
        );
        settings.heal_kustomization_namespaces.push("flux-system".to_owned());
        assert_eq!(settings.beyond("shop", &steps), None);
    }
}
