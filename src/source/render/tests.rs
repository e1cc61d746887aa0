use pretty_assertions::assert_eq;

use super::*;
use crate::engine::kind::DEPLOYMENT;

fn file(path: &str, text: &str) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: text.as_bytes().to_vec(),
    }
}

fn render_files(files: &[(&str, &str)]) -> Rendered {
    directory(files.iter().map(|(path, text)| file(path, text)).collect()).unwrap()
}

fn objects(rendered: &Rendered) -> Vec<String> {
    rendered
        .documents
        .iter()
        .map(|document| format!("{}:{} {}", document.origin.file, document.origin.line, document.id))
        .collect()
}

fn problems(rendered: &Rendered) -> Vec<String> {
    rendered
        .problems
        .iter()
        .map(|problem| format!("{}:{} {}", problem.file, problem.line.unwrap_or(0), problem.message))
        .collect()
}

const WEB: &str =
    "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: web\n  namespace: shop\nspec:\n  replicas: 2\n";

#[test]
fn reads_manifests_in_the_order_of_their_paths_and_counts_the_rest() {
    let others = "apiVersion: apps/v1\nkind: StatefulSet\nmetadata: {name: db}\n---\napiVersion: \
                  networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: a}\n---\napiVersion: \
                  networking.k8s.io/v1\nkind: Ingress\nmetadata: {name: b}\n";
    let rendered = render_files(&[("z/web.yml", WEB), ("README.md", "# no manifest"), ("a.yaml", others)]);
    assert_eq!(
        objects(&rendered),
        [
            "a.yaml:1 StatefulSet.apps db",
            "a.yaml:5 Ingress.networking.k8s.io a",
            "a.yaml:9 Ingress.networking.k8s.io b",
            "z/web.yml:1 Deployment.apps shop/web"
        ]
    );
    assert_eq!(
        rendered
            .governed()
            .map(|(_, document)| document.id.name.as_str())
            .collect::<Vec<_>>(),
        ["web"]
    );
    assert_eq!(rendered.skipped.to_string(), "2 Ingresses, 1 StatefulSet");
    assert_eq!((rendered.skipped_files, rendered.is_faithful()), (1, true));
}

#[test]
fn locates_the_fields_of_an_object_and_the_warnings_about_it() {
    let text = format!(
        "{WEB}---\n{}",
        WEB.replace("name: web", "name: api")
            .replace("  replicas: 2", "  paused: yes")
    );
    let rendered = render_files(&[("web.yaml", &text)]);
    let [web, api] = &rendered.documents[..] else {
        panic!("two objects: {rendered:?}")
    };
    let line = |document: &Document, pointer: &str| rendered.locate(&document.id, pointer).unwrap().line;
    assert_eq!(
        [
            line(web, "/spec/replicas"),
            line(api, "/spec/paused"),
            line(api, "/spec/absent")
        ],
        [7, 15, 14]
    );
    assert_eq!(rendered.warnings_of(web), [] as [&Remark; 0]);
    assert_eq!(
        rendered
            .warnings_of(api)
            .iter()
            .map(|warning| warning.line)
            .collect::<Vec<_>>(),
        [Some(15)]
    );
}

#[test]
fn expands_lists_and_keeps_the_lines_of_their_items() {
    let list = "apiVersion: v1\nkind: List\nitems:\n- apiVersion: apps/v1\n  kind: Deployment\n  metadata: {name: \
                web}\n  spec:\n    replicas: 3\n- apiVersion: v1\n  kind: Service\n  metadata: {name: web}\n";
    let typed =
        "{\"apiVersion\": \"v1\", \"kind\": \"ConfigMapList\", \"items\": [\n{\"metadata\": {\"name\": \"a\"}}]}";
    let rendered = render_files(&[
        ("list.yaml", list),
        ("maps.json", typed),
        ("empty.yaml", "apiVersion: v1\nkind: List\nitems: []\n"),
    ]);
    assert_eq!(problems(&rendered), [] as [&str; 0]);
    assert_eq!(
        objects(&rendered),
        [
            "list.yaml:4 Deployment.apps web",
            "list.yaml:9 Service web",
            "maps.json:2 ConfigMap a"
        ]
    );
    assert_eq!(
        rendered
            .locate(&rendered.documents[0].id, "/spec/replicas")
            .map(|origin| origin.line),
        Some(8)
    );
}

#[test]
fn says_what_is_no_object_that_kubectl_would_send() {
    let metadata = |text: &str| format!("apiVersion: v1\nkind: ConfigMap\nmetadata:\n  {text}\n");
    for (text, wanted) in [
        (
            "kind: A\nmetadata: {name: a}\n",
            "x.yaml:1 the document has no `apiVersion`",
        ),
        (
            "\napiVersion: v1\nmetadata: {name: a}\n",
            "x.yaml:2 the document has no `kind`",
        ),
        (
            "apiVersion: 1\nkind: A\n",
            "x.yaml:1 `apiVersion` is a number, not text",
        ),
        (&metadata("labels: {}"), "x.yaml:1 the document has no `metadata.name`"),
        (
            &metadata("generateName: a-"),
            "x.yaml:4 `generateName` cannot be applied: each time it would be another object",
        ),
        (&metadata("name: y"), "x.yaml:4 `metadata.name` is a boolean, not text"),
        (
            &metadata("name: a\n  annotations:\n    note: 1"),
            "x.yaml:6 the value of this entry of `metadata.annotations` is a number, not text",
        ),
        ("apiVersion: v1\nkind: List\n", "x.yaml:1 `items` is absent, not a list"),
        (
            "apiVersion: v1\nkind: List\nitems:\n- ~\n",
            "x.yaml:4 an item of the List is null, not an object",
        ),
        (
            "apiVersion: v1\nkind: List\nitems:\n- {kind: List, items: []}\n",
            "x.yaml:4 a List stands in a List, which kubectl does not expand",
        ),
    ] {
        let rendered = render_files(&[("x.yaml", text), ("web.yaml", WEB)]);
        assert_eq!(problems(&rendered), [wanted], "{text}");
        assert_eq!((objects(&rendered).len(), rendered.is_faithful()), (1, false), "{text}");
        assert!(rendered.problems[0].hint.is_some(), "{text}");
    }
}

#[test]
fn names_both_places_of_an_object_that_is_described_twice() {
    let older = WEB.replace("apps/v1", "apps/v1beta1");
    let elsewhere = WEB.replace("namespace: shop", "namespace: blue");
    let rendered = render_files(&[("a.yaml", WEB), ("b.yaml", &format!("{elsewhere}---\n{older}"))]);
    assert_eq!(
        problems(&rendered),
        ["b.yaml:9 Deployment.apps shop/web is described twice, first at a.yaml:1"]
    );
    assert_eq!(rendered.documents.len(), 2);
}

#[test]
fn hands_a_folder_of_kustomize_or_helm_to_its_renderer() {
    for (path, renderer) in [
        ("kustomization.yaml", Renderer::Kustomize),
        ("k8s/Kustomization", Renderer::Kustomize),
        ("Chart.yaml", Renderer::Helm),
    ] {
        let folder = path
            .rsplit_once('/')
            .map_or(String::new(), |(folder, _)| format!("{folder}/"));
        let files = vec![
            file(&format!("{folder}web.yaml"), WEB),
            file(&format!("{folder}a/b.yaml"), ""),
            file(path, ""),
        ];
        let error = directory(files).unwrap_err();
        assert_eq!(
            error,
            NotPlain {
                renderer,
                file: path.to_owned()
            }
        );
        assert!(error.hint().contains("manifests.yaml"));
    }
    let nested = render_files(&[("web.yaml", WEB), ("chart/Chart.yaml", "")]);
    assert_eq!(
        problems(&nested),
        ["chart/Chart.yaml:0 the folder of this file is made for Helm, and stands among plain manifests"]
    );
}

#[test]
fn renders_files_that_a_person_named_whatever_they_are_called() {
    assert_eq!(
        objects(&manifests(vec![file("-", WEB)]).unwrap()),
        ["-:1 Deployment.apps shop/web"]
    );
    assert_eq!(
        directory(vec![file("notes", WEB)]).unwrap(),
        Rendered {
            skipped_files: 1,
            ..Rendered::default()
        }
    );
}

#[test]
fn a_file_that_does_not_parse_makes_the_revision_unfaithful_but_loses_no_other_object() {
    let rendered = render_files(&[("bad.yaml", "a: [\n"), ("web.yaml", WEB)]);
    assert_eq!((objects(&rendered).len(), rendered.is_faithful()), (1, false));
    assert_eq!(rendered.problems[0].file, "bad.yaml");
}

#[test]
fn tells_kinds_in_the_plural() {
    let mut kinds = Kinds::default();
    for (kind, count) in [("NetworkPolicy", 3), ("Gateway", 2), ("Rollout", 2), ("Job", 1)] {
        (0..count).for_each(|_| kinds.count(kind));
    }
    assert_eq!(kinds.to_string(), "3 NetworkPolicies, 2 Gateways, 2 Rollouts, 1 Job");
    assert_eq!(Kinds::default().to_string(), "");
    (0..50).for_each(|at| kinds.count(&format!("Kind{at}")));
    assert_eq!(
        (kinds.named().count(), kinds.others().as_deref()),
        (50, Some("4 objects of more kinds"))
    );
    assert!(
        kinds.to_string().ends_with(", 1 Kind9, 4 objects of more kinds"),
        "{kinds}"
    );
}

#[test]
fn knows_the_values_of_secrets_in_plain_and_encoded() {
    let secret = "apiVersion: v1\nkind: Secret\nmetadata: {name: db}\ndata: {a: aHVudGVyMg==, b: '%%%'}\nstringData: \
                  {c: plain}\n";
    let rendered = render_files(&[("secret.yaml", secret), ("web.yaml", WEB)]);
    assert_eq!(rendered.secret_values(), ["hunter2", "plain", "aHVudGVyMg==", "%%%"]);
}

#[test]
fn tells_the_line_of_a_field_without_effect() {
    let rendered = render_files(&[("web.yaml", &WEB.replace("  replicas: 2", "  replicaCount: 2"))]);
    let web = &rendered.documents[0];
    let told: Vec<String> = rendered
        .without_effect(&DEPLOYMENT, web, None)
        .iter()
        .map(ToString::to_string)
        .collect();
    let hint = "correct the name or remove the field";
    assert_eq!(
        told,
        [format!(
            "web.yaml:7: .spec.replicaCount has no effect: the API does not know this field; {hint}"
        )]
    );
}

#[test]
fn objects_beyond_the_memory_that_is_left_make_a_revision_unfaithful_and_are_not_read() {
    let files = |count: usize| {
        (0..count)
            .map(|at| {
                file(
                    &format!("{at}.yaml"),
                    &WEB.replace("name: web", &format!("name: web-{at}")),
                )
            })
            .collect()
    };
    let mut left = 1 << 20;
    let few = directory_within(files(5), &mut left).unwrap();
    let spent = (1 << 20) - left;
    assert!(few.is_faithful() && spent > 5 * 1_000, "{spent}");
    // The next commit of the same source has what is left.
    let mut left = spent + spent / 2;
    assert!(directory_within(files(5), &mut left).unwrap().is_faithful());
    let second = directory_within(files(5), &mut left).unwrap();
    assert!(second.documents.len() < 5 && left == 0, "{left}");
    let told = second.problems[0].to_string();
    assert!(
        told.contains("the objects up to this file take more than") && told.contains("narrow path"),
        "{told}"
    );
}
