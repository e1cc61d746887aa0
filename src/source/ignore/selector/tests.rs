//! Which objects a selector takes, and at what cost.

use super::*;
use crate::source::ignore::reading::REGEX_BUDGET;
use serde_json::json;

#[test]
fn globs_are_argo_cds() {
    for (pattern, text, fits) in [
        ("apps", "apps", true),
        ("*", "", true),
        ("a*s", "apps", true),
        ("Deploy?ent", "Deployment", true),
        ("[A-D]eployment", "Deployment", true),
        ("[!D]eployment", "Deployment", false),
        ("{Deployment,StatefulSet}", "Deployment", true),
        ("Deploy", "Deployment", false),
        ("", "apps", false),
        ("a.ps", "apps", false),
        ("[", "[", false),
    ] {
        assert_eq!(glob::matches(pattern, text), fits, "{pattern:?} {text:?}");
    }
}

#[test]
fn label_selectors_are_those_of_kubectl() {
    let object = json!({"metadata": {"labels": {"app": "web", "tier": "a"}}});
    let id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: None,
        name: "web".to_owned(),
    };
    for (text, fits) in [
        ("", true),
        ("app", true),
        ("!canary, app=web", true),
        ("tier in (a, b),app==web", true),
        ("tier notin (a,b)", false),
        ("app!=web", false),
        ("canary", false),
    ] {
        let selector = Selector {
            label_selector: text.to_owned(),
            ..Selector::default()
        }
        .compile(&mut REGEX_BUDGET.clone())
        .unwrap();
        assert_eq!(
            Target::Selected(Box::new(selector)).selects(&id, &object),
            fits,
            "{text}"
        );
    }
    for text in ["a b", "tier of (a)", "=web", "app=web,"] {
        assert!(
            Selector {
                label_selector: text.to_owned(),
                ..Selector::default()
            }
            .compile(&mut REGEX_BUDGET.clone())
            .is_err(),
            "{text}"
        );
    }
}

#[test]
fn words_of_flux_must_fit_whole() {
    let id = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    for (name, fits) in [
        ("web", true),
        ("we", false),
        ("web|api", true),
        ("w.*", true),
        ("api|we", false),
    ] {
        let selector = Selector {
            kind: "Deployment".to_owned(),
            name: name.to_owned(),
            ..Selector::default()
        }
        .compile(&mut REGEX_BUDGET.clone())
        .unwrap();
        assert_eq!(
            Target::Selected(Box::new(selector)).selects(&id, &Value::Null),
            fits,
            "{name}"
        );
    }
    assert!(
        Selector {
            name: "(".to_owned(),
            ..Selector::default()
        }
        .compile(&mut REGEX_BUDGET.clone())
        .is_err()
    );
}

#[test]
fn a_regular_expression_takes_little_and_all_of_an_object_take_little_together() {
    let compile = |name: &str, budget: &mut usize| {
        Selector {
            name: name.to_owned(),
            ..Selector::default()
        }
        .compile(budget)
    };
    let mut budget = REGEX_BUDGET;
    for name in [
        "(a{100}){100}",
        "((a{19}){19}){19}",
        "[a-z]{1000}",
        r"(\w{30}\d{30}){30}",
    ] {
        assert!(
            matches!(compile(name, &mut budget), Err(SelectorError::TooLarge { .. })),
            "{name}"
        );
    }
    assert!(matches!(
        compile(&"a.".repeat(1_000), &mut budget),
        Err(SelectorError::TooLong { .. })
    ));
    assert!(matches!(
        compile(&"(".repeat(100), &mut budget),
        Err(SelectorError::Pattern { .. })
    ));
    assert!(compile(&format!("{}a{}", "(".repeat(100), ")".repeat(100)), &mut budget).is_err());
    assert_eq!(budget, REGEX_BUDGET, "what was refused costs nothing");
    let taken = (0..1_000)
        .take_while(|at| compile(&format!("web-.*-{at}"), &mut budget).is_ok())
        .count();
    assert!((100..1_000).contains(&taken), "{taken}");
}

#[test]
fn a_regular_expression_ends_soon_whatever_it_is_held_against() {
    let id = |name: String| ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: None,
        name,
    };
    let selector = Selector {
        name: "(a*)*(a|a)*b".to_owned(),
        ..Selector::default()
    };
    let target = Target::Selected(Box::new(selector.compile(&mut REGEX_BUDGET.clone()).unwrap()));
    assert!(!target.selects(&id("a".repeat(253)), &Value::Null));
    assert!(target.selects(&id("a".repeat(252) + "b"), &Value::Null));
}

#[test]
fn what_is_for_other_kinds_is_told_from_what_is_for_governed_ones() {
    let globs = |group: &str, kind: &str| Target::Globs {
        group: group.to_owned(),
        kind: kind.to_owned(),
        name: String::new(),
        namespace: String::new(),
    };
    for (target, may) in [
        (globs("*", "*"), true),
        (globs("apps", "Deploy*"), true),
        (globs("apps", "DaemonSet"), true),
        (globs("apps", "StatefulSet"), false),
        (globs("", "Deployment"), false),
    ] {
        assert_eq!(target.may_select_governed(), may, "{target:?}");
    }
    let selected = |kind: &str| {
        let selector = Selector {
            kind: kind.to_owned(),
            ..Selector::default()
        };
        Target::Selected(Box::new(selector.compile(&mut REGEX_BUDGET.clone()).unwrap()))
    };
    assert!(selected("DaemonSet").may_select_governed());
    assert!(selected("").may_select_governed() && selected("Deployment|Service").may_select_governed());
    assert!(!selected("Service").may_select_governed() && !selected("Deploy").may_select_governed());
}
