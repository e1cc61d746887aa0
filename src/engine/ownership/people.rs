//! Which field managers are people at a keyboard, and which are machines.
//!
//! A manager's name is free text that the client sets. It is evidence, not proof, and a script may well call itself
//! `kubectl`.

/// Who stands behind a manager's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Writer {
    /// Someone at a terminal or in front of a dashboard.
    Person,

    /// A program that writes by itself, and will write again.
    Controller,

    /// Nobody knows.
    Unknown,
}

/// A manager that is well known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct WellKnown {
    /// The name; a `*` at its end stands for any rest.
    pub manager: &'static str,

    /// Who stands behind it.
    pub kind: Writer,

    /// Where the name comes from.
    pub reason: &'static str,
}

const fn person(manager: &'static str, reason: &'static str) -> WellKnown {
    WellKnown {
        manager,
        kind: Writer::Person,
        reason,
    }
}

const fn controller(manager: &'static str, reason: &'static str) -> WellKnown {
    WellKnown {
        manager,
        kind: Writer::Controller,
        reason,
    }
}

/// The managers that this version knows. The first row that fits decides.
///
/// kubectl's names stand in its `pkg/cmd/*` (`--field-manager` defaults); a client that sets none is named after its
/// User-Agent up to the first `/` (apiserver `managerOrUserAgent`).
pub const WELL_KNOWN: &[WellKnown] = &[
    person("kubectl", "kubectl apply --server-side and kubectl scale"),
    person("kubectl-annotate", "kubectl annotate"),
    person("kubectl-autoscale", "kubectl autoscale"),
    person(
        "kubectl-client-side-apply",
        "kubectl apply; some syncing tools use the name too",
    ),
    person("kubectl-create", "kubectl create"),
    person("kubectl-edit", "kubectl edit"),
    person("kubectl-expose", "kubectl expose"),
    person("kubectl-label", "kubectl label"),
    person(
        "kubectl-last-applied",
        "what kubectl apply keeps of the last-applied annotation",
    ),
    person("kubectl-patch", "kubectl patch"),
    person("kubectl-replace", "kubectl replace"),
    person("kubectl-rollout", "kubectl rollout restart, pause, resume, undo"),
    person("kubectl-run", "kubectl run"),
    person("kubectl-set", "kubectl set image, env, resources"),
    person("kubectl-taint", "kubectl taint"),
    person("kubectl-*", "a plugin or another subcommand of kubectl"),
    person("oc", "OpenShift's kubectl"),
    person("k9s", "the terminal interface k9s"),
    person("Lens", "the desktop application Lens"),
    person("OpenLens", "the desktop application OpenLens"),
    person("node-fetch", "the User-Agent of Lens and OpenLens"),
    person("freelens*", "the desktop application Freelens"),
    person("headlamp*", "the web interface Headlamp"),
    person("dashboard*", "the Kubernetes Dashboard"),
    person("kubernetes-dashboard*", "the Kubernetes Dashboard"),
    person(
        "Mozilla",
        "a browser whose User-Agent a web interface passes on, such as OpenShift's console",
    ),
    person("rancher", "Rancher's web interface and its proxy"),
    person("curl", "curl"),
    controller(
        "kube-controller-manager",
        "the controllers of Kubernetes, such as deployment and horizontal pod autoscaler",
    ),
    controller("kube-scheduler", "the scheduler"),
    controller("kubelet", "the node's agent"),
    controller("cloud-controller-manager", "the cloud provider's controllers"),
    controller("argocd-controller", "Argo CD's syncs"),
    controller("argocd-application-controller", "Argo CD, by User-Agent"),
    controller("argocd-server", "Argo CD's API, such as its resource actions"),
    controller("argocd-image-updater", "Argo CD Image Updater"),
    controller("rollouts-controller", "Argo Rollouts, which scales a workloadRef"),
    controller("kustomize-controller", "Flux's Kustomizations"),
    controller("helm-controller", "Flux's HelmReleases"),
    controller("gotk-*", "Flux's toolkit"),
    controller("flux", "the command line of Flux"),
    controller("flagger", "Flagger's canaries"),
    controller("helm", "Helm"),
    controller("Helm", "Helm, older"),
    controller("terraform*", "Terraform's providers"),
    controller("HashiCorp", "Terraform's provider, by User-Agent"),
    controller("Terraform", "Terraform's provider"),
    controller("pulumi*", "Pulumi"),
    controller("keda-operator", "KEDA, which pauses and scales to zero"),
    controller("keda*", "KEDA"),
    controller("vpa*", "the Vertical Pod Autoscaler"),
    controller("recommender", "the Vertical Pod Autoscaler's recommender"),
    controller("updater", "the Vertical Pod Autoscaler's updater"),
    controller("cluster-autoscaler", "the Cluster Autoscaler"),
    controller(
        "Reloader",
        "Stakater Reloader, which restarts on a changed Secret or ConfigMap",
    ),
    controller("reloader*", "Stakater Reloader"),
    controller("istiod", "Istio"),
    controller("pilot-discovery", "Istio, by User-Agent"),
    controller("linkerd*", "Linkerd"),
    controller("cert-manager*", "cert-manager"),
    controller("cainjector", "cert-manager's CA injector"),
    controller("external-secrets*", "External Secrets"),
    controller("kyverno*", "Kyverno's mutations of existing objects"),
    controller("gatekeeper*", "Gatekeeper"),
    controller("datadog*", "Datadog's operator and cluster agent"),
    controller("gke-*", "Google Kubernetes Engine"),
    controller("eks*", "Amazon EKS"),
    controller("aks*", "Azure Kubernetes Service"),
    controller("driftmend-heal", "this controller's approved heals"),
    controller("driftmend", "this controller's reports"),
];

/// Who stands behind a manager's name, by [`WELL_KNOWN`].
pub fn kind_of(manager: &str) -> Writer {
    well_known(manager).map_or(Writer::Unknown, |row| row.kind)
}

/// The row of [`WELL_KNOWN`] that decides about a manager.
pub fn well_known(manager: &str) -> Option<&'static WellKnown> {
    WELL_KNOWN.iter().find(|row| fits(row.manager, manager))
}

/// The well-known managers with a user's own rows before them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct People {
    rows: Vec<(String, Writer)>,
}

impl People {
    /// Takes a user's rows: a manager's name, exact or with a `*` at its end for any rest. The first that fits decides.
    pub fn with(rows: Vec<(String, Writer)>) -> Self {
        Self { rows }
    }

    /// Who stands behind a manager's name.
    pub fn kind_of(&self, manager: &str) -> Writer {
        self.rows
            .iter()
            .find(|(pattern, _)| fits(pattern, manager))
            .map_or_else(|| kind_of(manager), |(_, kind)| *kind)
    }
}

fn fits(pattern: &str, manager: &str) -> bool {
    pattern
        .strip_suffix('*')
        .map_or(pattern == manager, |prefix| manager.starts_with(prefix))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tells_hands_from_machines() {
        for (manager, kind) in [
            ("kubectl-edit", Writer::Person),
            ("kubectl", Writer::Person),
            ("kubectl-debug_my_plugin", Writer::Person),
            ("k9s", Writer::Person),
            ("Mozilla", Writer::Person),
            ("argocd-controller", Writer::Controller),
            ("kustomize-controller", Writer::Controller),
            ("vpa-updater", Writer::Controller),
            ("kubectlish", Writer::Unknown),
            ("helmfile", Writer::Unknown),
            ("before-first-apply", Writer::Unknown),
            ("", Writer::Unknown),
        ] {
            assert_eq!(kind_of(manager), kind, "{manager}");
        }
    }

    #[test]
    fn lets_a_users_rows_decide_first() {
        let people = People::with(vec![
            ("kubectl".to_owned(), Writer::Controller),
            ("deploy-*".to_owned(), Writer::Person),
            ("deploy-bot".to_owned(), Writer::Controller),
        ]);
        let kinds =
            ["kubectl", "deploy-anna", "deploy-bot", "kubectl-edit", "x"].map(|manager| people.kind_of(manager));
        assert_eq!(
            kinds,
            [
                Writer::Controller,
                Writer::Person,
                Writer::Person,
                Writer::Person,
                Writer::Unknown
            ]
        );
    }

    #[test]
    fn gives_every_row_a_reason_and_a_chance() {
        for (at, row) in WELL_KNOWN.iter().enumerate() {
            let shadow = WELL_KNOWN[..at]
                .iter()
                .find(|earlier| fits(earlier.manager, row.manager.trim_end_matches('*')));
            assert!(
                !row.reason.is_empty() && shadow.is_none(),
                "{row:?} is shadowed by {shadow:?}"
            );
        }
    }
}
