//! What a repository may hold, and what is kept of it.

use super::*;
use crate::engine::kind::DEPLOYMENT;
use crate::source::yaml::budget::MAX_OF_REVISION;

fn file(path: &str, text: impl Into<Vec<u8>>) -> SourceFile {
    SourceFile {
        path: path.to_owned(),
        bytes: text.into(),
    }
}

fn one(text: impl Into<Vec<u8>>) -> Rendered {
    directory(vec![file("x.yaml", text)]).unwrap()
}

fn messages(rendered: &Rendered) -> Vec<&str> {
    rendered
        .problems
        .iter()
        .map(|problem| problem.message.as_str())
        .collect()
}

/// What the remarks take.
fn weight(rendered: &Rendered) -> usize {
    rendered
        .problems
        .iter()
        .chain(rendered.warnings.iter())
        .map(Remark::cost)
        .sum()
}

#[test]
fn of_a_list_without_an_object_in_it_only_the_first_items_are_told() {
    let path = format!("{}.yaml", "n".repeat(4_000));
    let list = format!("apiVersion: v1\nkind: List\nitems:\n{}", "- {}\n".repeat(100_000));
    let mut left = 40 << 20;
    let rendered = directory_within(vec![file(&path, list)], &mut left).unwrap();
    assert_eq!(
        (rendered.problems.len(), rendered.problems.more()),
        (MAX_PROBLEMS + 1, 0)
    );
    assert_eq!(
        rendered.problems[MAX_PROBLEMS].message,
        "the rest of the file is left unread after 20 problems"
    );
    let spent = (40 << 20) - left;
    assert!(spent >= weight(&rendered) && spent < 200_000, "{spent}");
}

#[test]
fn of_many_problems_and_warnings_a_hundred_are_kept_and_the_rest_is_counted() {
    let bad = "kind: A\n---\n".repeat(10);
    let odd = (0..10)
        .map(|at| format!("apiVersion: v1\nkind: A\nmetadata: {{name: a-FILE-{at}}}\nb: yes\n---\n"))
        .collect::<String>();
    let files = |text: &str| {
        (0..50)
            .map(|at| file(&format!("{at}.yaml"), text.replace("FILE", &at.to_string())))
            .collect::<Vec<_>>()
    };
    let mut left = 40 << 20;
    let rendered = directory_within(files(&bad), &mut left).unwrap();
    assert_eq!(
        (rendered.problems.len(), rendered.problems.more()),
        (MAX_OF_REVISION, 400)
    );
    assert!((40 << 20) - left >= weight(&rendered), "what is kept is paid for");
    let rendered = directory(files(&odd)).unwrap();
    assert_eq!(
        (
            rendered.warnings.len(),
            rendered.warnings.more(),
            rendered.is_faithful()
        ),
        (MAX_OF_REVISION, 400, true)
    );
}

#[test]
fn the_places_of_objects_and_what_names_them_are_paid_for_and_a_file_is_named_once() {
    let path = format!("{}.yaml", "n".repeat(4_000));
    let text: String = (0..2_000)
        .map(|at| format!("{{apiVersion: v1, kind: A, metadata: {{name: a-{at}}}}}\n---\n"))
        .collect();
    let mut left = 40 << 20;
    let rendered = directory_within(vec![file(&path, text)], &mut left).unwrap();
    let values: usize = rendered
        .documents
        .iter()
        .map(|document| yaml::cost(&document.value))
        .sum();
    let spent = (40 << 20) - left;
    assert!(
        spent >= values + 2_000 * size_of::<Document>() && spent < values + 2_000 * 1_000,
        "{spent} for {values}"
    );
    assert!(
        rendered
            .documents
            .iter()
            .all(|document| Arc::ptr_eq(&document.origin.file, &rendered.documents[0].origin.file))
    );
}

#[test]
fn texts_count_as_long_as_they_are_held_and_an_object_has_no_place_in_what_is_taken() {
    let web = |name: &str| {
        format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: {name}}}\nspec: {{a: {}}}\n",
            "x".repeat(10_000)
        )
    };
    let files = || {
        ["a", "b", "c"]
            .map(|name| file(&format!("{name}.yaml"), web(name)))
            .to_vec()
    };
    // The first object and the texts of the other two would have a place, but not the three together.
    let mut left = 27_000;
    let rendered = directory_within(files(), &mut left).unwrap();
    assert_eq!((rendered.documents.len(), left), (0, 0));
    let mut left = 50_000;
    assert_eq!(directory_within(files(), &mut left).unwrap().documents.len(), 3);
}

#[test]
fn words_that_no_api_server_takes_are_refused_before_they_stand_in_a_list() {
    let object = |api_version: &str, kind: &str, namespace: &str, name: &str| {
        format!("apiVersion: {api_version}\nkind: {kind}\nmetadata: {{namespace: {namespace}, name: {name}}}\n")
    };
    let long = |letters: usize| "a".repeat(letters);
    for (text, wanted) in [
        (
            object(&long(318), "A", "a", "a"),
            "`apiVersion` is longer than 317 bytes, which no API server takes",
        ),
        (
            object("v1", &long(3_400_000), "a", "a"),
            "`kind` is longer than 63 bytes, which no API server takes",
        ),
        (
            object("v1", "A", &long(64), "a"),
            "`metadata.namespace` is longer than 63 bytes, which no API server takes",
        ),
        (
            object("v1", "A", "a", &long(1_025)),
            "`metadata.name` is longer than 1024 bytes, which no API server takes",
        ),
        (
            object("apps/v1", "Deployment", "a", &long(254)),
            "the name of the Deployment is longer than 253 bytes, which no API server takes",
        ),
    ] {
        let rendered = one(text);
        assert_eq!((messages(&rendered), rendered.documents.len()), (vec![wanted], 0));
        assert_eq!(rendered.skipped, Kinds::default());
        assert!(weight(&rendered) < 2_000);
    }
    let longest = object(
        &format!("{}/{}", long(253), long(63)),
        &long(63),
        &long(63),
        &long(1_024),
    );
    assert_eq!(messages(&one(longest)), [""; 0]);
}

#[test]
fn a_deployment_that_no_api_server_stores_is_refused_and_one_that_just_fits_is_not() {
    let web = |spec: &str| {
        one(format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {spec}\n"
        ))
    };
    let container = |name: usize| {
        format!(
            "{{template: {{spec: {{containers: [{{name: {}}}]}}}}}}",
            "c".repeat(name)
        )
    };
    let size = "the Deployment has more than 1536 KiB of text, which no API server stores";
    let name = "a field or an item of a list in the Deployment has a name of more than 4096 bytes";
    assert_eq!(messages(&web(&format!("{{a: {}}}", "x".repeat(1_536 << 10)))), [size]);
    assert_eq!(messages(&web(&format!("{{a: {}}}", "x".repeat(1_500 << 10)))), [""; 0]);
    assert_eq!(messages(&web(&format!("{{? {} : 1}}", "k".repeat(4_097)))), [name]);
    assert_eq!(messages(&web(&container(4_097))), [name]);
    assert_eq!(messages(&web(&container(4_096))), [""; 0]);
}

#[test]
fn fields_without_effect_below_a_long_name_are_some_and_told_in_short() {
    let fields: String = (0..5_000).map(|at| format!("f{at}: 1, ")).collect();
    let spec = format!(
        "{{template: {{spec: {{containers: [{{name: {}, {fields}}}]}}}}}}",
        "c".repeat(4_000)
    );
    let rendered = one(format!(
        "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: web}}\nspec: {spec}\n"
    ));
    let told = rendered.without_effect(&DEPLOYMENT, &rendered.documents[0], None);
    assert_eq!(told.len(), 1_000);
    assert!(told.iter().all(|remark| remark.cost() < 1_500), "{}", told[0]);
    assert!(
        told[0]
            .message
            .ends_with("… has no effect: the API does not know this field"),
        "{}",
        told[0]
    );
}
