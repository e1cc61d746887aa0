//! What a hint, a help text or a page names must be there: flags are held against the real commands, variables against
//! what the code reads, chart values against the chart, metrics against who sets them.
#![cfg(feature = "edge")]

#[path = "names/pages.rs"]
mod pages;
#[path = "names/texts.rs"]
mod texts;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use clap::CommandFactory;
use driftmend::cli::Arguments;
use driftmend::engine::kind::KINDS;
use pretty_assertions::assert_eq;
use regex::Regex;
use texts::{Said, said};

/// Other programs whose flags our texts name. `apply` is what kubectl's is called in prose.
const PROGRAMS: &[&str] = &[
    "apply", "apt-get", "cargo", "curl", "docker", "git", "helm", "kubectl", "rustup",
];

/// Flags of other programs that stand without their program.
const ALONE: &[&str] = &["--set"];

/// Variables that other programs read, and the standard library; and how Argo CD's schedules name a time zone.
const FOREIGN: &[&str] = &["CRON_TZ", "KUBECTL_EXTERNAL_DIFF", "TMPDIR", "TZ"];

/// Code whose strings are about other people's names: what a secret is called, fields and their sources.
const NOT_HINTS: &[&str] = &[
    "src/engine/diff/mask",
    "src/engine/schema",
    "src/engine/predict/refusal",
    "src/engine/ownership/people.rs",
];

/// The chart gives rights on kinds, and its policies know them: the program's own, and no others.
#[test]
fn the_chart_knows_the_kinds_that_the_program_governs() -> Result<()> {
    let chart = root().join("charts/driftmend");
    let helpers = fs::read_to_string(chart.join("templates/_helpers.tpl"))?;
    let table = helpers
        .split_once("define \"driftmend.kinds\" -}}")
        .and_then(|(_, rest)| rest.split_once("{{- end"))
        .context("the chart has no table of kinds")?;
    let told: serde_json::Value = serde_json::from_str(table.0)?;
    let known = KINDS
        .iter()
        .map(|kind| serde_json::json!({"group": kind.group, "kind": kind.kind, "plural": kind.plural}));
    assert_eq!(told, known.collect::<serde_json::Value>());
    let names: serde_json::Value = KINDS.iter().map(|kind| kind.kind).collect();
    let values: serde_json::Value = serde_yaml::from_str(&fs::read_to_string(chart.join("values.yaml"))?)?;
    assert_eq!(values["kinds"], names);
    let schema: serde_json::Value = serde_json::from_str(&fs::read_to_string(chart.join("values.schema.json"))?)?;
    assert_eq!(schema["properties"]["kinds"]["items"]["enum"], names);
    Ok(())
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The files below these places with one of these endings; generated ones and tests of units are left out.
fn files(places: &[&str], endings: &[&str]) -> Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    let mut open: Vec<PathBuf> = places
        .iter()
        .map(|place| root().join(place))
        .filter(|path| path.exists())
        .collect();
    while let Some(path) = open.pop() {
        if path.is_dir() {
            for entry in fs::read_dir(&path)? {
                open.push(entry?.path());
            }
        } else if endings.iter().any(|ending| path.to_string_lossy().ends_with(ending)) {
            let name = path.strip_prefix(root())?.to_string_lossy().into_owned();
            found.push((name, fs::read_to_string(&path)?));
        }
    }
    found.sort();
    Ok(found)
}

/// The code of the program without its unit tests.
fn code() -> Result<Vec<(String, String)>> {
    let sources = files(&["src"], &[".rs"])?
        .into_iter()
        .filter(|(name, _)| !name.ends_with("tests.rs") && !name.contains("/tests/"));
    Ok(sources
        .map(|(name, text)| {
            (
                name,
                text.split("#[cfg(test)]\nmod tests {")
                    .next()
                    .unwrap_or_default()
                    .to_owned(),
            )
        })
        .collect())
}

/// The long flags and the variables of each subcommand.
fn commands() -> (BTreeMap<String, BTreeSet<String>>, BTreeSet<String>) {
    let mut command = Arguments::command();
    command.build();
    let (mut flags, mut variables) = (BTreeMap::new(), BTreeSet::new());
    for subcommand in std::iter::once(&command).chain(command.get_subcommands()) {
        let longs = subcommand
            .get_arguments()
            .filter_map(|argument| argument.get_long().map(|long| format!("--{long}")));
        flags.insert(subcommand.get_name().to_owned(), longs.collect());
        variables.extend(
            subcommand
                .get_arguments()
                .filter_map(|argument| Some(argument.get_env()?.to_string_lossy().into_owned())),
        );
    }
    (flags, variables)
}

#[test]
fn every_flag_that_a_text_names_is_one() -> Result<()> {
    let (flags, _) = commands();
    let all: BTreeSet<&String> = flags.values().flatten().collect();
    let flag = Regex::new(r"(?:^|[^\w-])(--[a-z][a-z0-9-]*)")?;
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for Said { place, text } in said()? {
        for command in text.split(['|', ';', '`', '\'', '"']).flat_map(|part| part.split("&&")) {
            for found in flag.captures_iter(command) {
                let (name, before) = (&found[1], &command[..found.get(1).map_or(0, |found| found.start())]);
                let words: Vec<&str> = before.split([' ', '(', '$']).filter(|word| !word.is_empty()).collect();
                let program = words
                    .iter()
                    .position(|word| *word == "driftmend" || PROGRAMS.contains(word));
                let is_right = match program.map(|at| (words[at], words.get(at + 1))) {
                    Some(("driftmend", Some(subcommand))) => {
                        flags.get(*subcommand).is_none_or(|flags| flags.contains(name))
                            && all.contains(&name.to_owned())
                    }
                    Some(("driftmend", None)) | None => all.contains(&name.to_owned()) || ALONE.contains(&name),
                    Some(_) => true,
                };
                seen += 1;
                if !is_right {
                    wrong.push(format!("{place}: {name} in {:?}", text.trim()));
                }
            }
        }
    }
    assert!(seen > 50, "only {seen} flags were met");
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn every_variable_that_a_text_names_is_read() -> Result<()> {
    let (_, mut read) = commands();
    // What code reads by name, the tests' and the demo's own among it, stands there as a string of its own.
    let literal = Regex::new(r#""([A-Z][A-Z0-9_]{2,})""#)?;
    for (_, text) in code()?.into_iter().chain(
        files(&["tests"], &[".rs"])?
            .into_iter()
            .filter(|(name, _)| name != "tests/names.rs"),
    ) {
        read.extend(literal.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    let script = Regex::new(r"\$+[({]?([A-Z][A-Z0-9_]{2,})")?;
    for (_, text) in files(
        &["Makefile", "tests", ".ci/run", "Dockerfile"],
        &["Makefile", ".sh", "run", "Dockerfile"],
    )? {
        read.extend(script.captures_iter(&text).map(|found| found[1].to_owned()));
    }
    read.extend(FOREIGN.iter().map(|name| (*name).to_owned()));
    let forms = [
        r"\$\{?([A-Z][A-Z0-9_]{2,})",
        r"\b((?:CARGO|DRIFTMEND|KUBE|POD|RUST|SSL)_[A-Z0-9_]+|KUBECONFIG)\b",
        r"(?:^|[ `(])([A-Z][A-Z_]+)=",
    ];
    let named = Regex::new(&forms.join("|"))?;
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for Said { place, text } in said()? {
        for found in named.captures_iter(&text) {
            let Some(name) = found.get(1).or(found.get(2)).or(found.get(3)) else {
                continue;
            };
            seen += 1;
            if !read.contains(name.as_str()) {
                wrong.push(format!("{place}: {} in {:?}", name.as_str(), text.trim()));
            }
        }
    }
    assert!(seen > 15, "only {seen} variables were met");
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn every_chart_value_that_a_text_sets_is_one() -> Result<()> {
    let values: serde_json::Value =
        serde_yaml::from_str(&fs::read_to_string(root().join("charts/driftmend/values.yaml"))?)?;
    let set = Regex::new(r"--set '?([a-zA-Z.]+)=")?;
    let (mut wrong, mut seen) = (Vec::new(), 0);
    for Said { place, text } in said()? {
        for found in set.captures_iter(&text) {
            seen += 1;
            if values.pointer(&format!("/{}", found[1].replace('.', "/"))).is_none() {
                wrong.push(format!("{place}: {}", &found[1]));
            }
        }
    }
    assert!(seen > 3, "only {seen} values were met");
    assert_eq!(wrong, Vec::<String>::new());
    Ok(())
}

#[test]
fn every_metric_has_a_caller_and_every_label_somebody_who_sets_it() -> Result<()> {
    let code = code()?;
    let of = |name: &str| {
        code.iter()
            .find(|(file, _)| file == name)
            .map(|(_, text)| text.as_str())
            .context(name.to_owned())
    };
    let callers: String = code
        .iter()
        .filter(|(name, _)| !name.starts_with("src/metrics/"))
        .map(|(_, text)| text.as_str())
        .collect();
    let setter = Regex::new(r"pub fn ([a-z_]+)\(&self")?;
    let setters: Vec<&str> = setter
        .captures_iter(of("src/metrics/mod.rs")?)
        .filter_map(|found| found.get(1))
        .map(|name| name.as_str())
        .collect();
    assert!(setters.len() > 10, "{setters:?}");
    let called: BTreeSet<&str> = Regex::new(r"metrics\s*\.([a-z_]+)\(")?
        .captures_iter(&callers)
        .filter_map(|found| found.get(1))
        .map(|name| name.as_str())
        .collect();
    let idle: Vec<&&str> = setters.iter().filter(|name| !called.contains(**name)).collect();
    assert_eq!(idle, Vec::<&&str>::new(), "nobody calls these");

    let enumeration = Regex::new(r"(?s)pub enum ([A-Za-z]+) \{\n(.*?)\n\}")?;
    let variant = Regex::new(r"(?m)^    ([A-Z][A-Za-z]+),$")?;
    let mut unset = Vec::new();
    for found in enumeration.captures_iter(of("src/metrics/board.rs")?) {
        let (name, body) = (&found[1], &found[2]);
        let aliases = [
            name.to_owned(),
            callers
                .split(&format!("{name} as "))
                .nth(1)
                .and_then(|rest| rest.split([',', '}', ';']).next())
                .unwrap_or(name)
                .to_owned(),
        ];
        let is_set = |variant: &str| {
            aliases
                .iter()
                .any(|alias| callers.contains(&format!("{alias}::{variant}")))
        };
        unset.extend(
            variant
                .captures_iter(body)
                .filter(|found| !is_set(&found[1]))
                .map(|found| format!("{name}::{}", &found[1])),
        );
    }
    assert_eq!(unset, Vec::<String>::new(), "nobody sets these");
    Ok(())
}

#[test]
fn the_page_on_plans_lists_each_finding_reason_and_caution_and_no_other() -> Result<()> {
    let code = code()?;
    let of = |place: &str| -> String {
        code.iter()
            .filter(|(name, _)| name.starts_with(place))
            .map(|(_, text)| text.as_str())
            .collect()
    };
    let met = |text: &str, pattern: &str| -> Result<BTreeSet<String>> {
        Ok(Regex::new(pattern)?
            .captures_iter(text)
            .map(|found| found[1].to_owned())
            .collect())
    };
    let page = fs::read_to_string(root().join("docs/plans.md"))?;
    let listed = |heading: &str| -> Result<BTreeSet<String>> {
        let section = page
            .split("\n## ")
            .find(|section| section.starts_with(heading))
            .with_context(|| format!("no section {heading}"))?;
        met(section, r"(?m)^\| `([A-Za-z_-]+)` \|")
    };
    let reasons = met(&of("src/report/compose"), r#"NoPlan::[^\n]* => "([A-Za-z]+)""#)?;
    assert!(reasons.len() > 15, "{reasons:?}");
    assert_eq!(listed("Why there is no plan")?, reasons);
    let cautions = met(
        &of("src/engine/plan/cautions.rs"),
        r#"(?m)^pub const [A-Z_]+: &str = "([A-Za-z]+)""#,
    )?;
    assert!(cautions.len() > 10, "{cautions:?}");
    assert_eq!(listed("Cautions of a plan")?, cautions);
    Ok(())
}

#[test]
fn one_version_of_the_compiler_is_named_everywhere() -> Result<()> {
    let version = |file: &str, pattern: &str| -> Result<String> {
        let text = fs::read_to_string(root().join(file))?;
        Ok(Regex::new(pattern)?
            .captures(&text)
            .with_context(|| format!("{file} names no version"))?[1]
            .to_owned())
    };
    let pinned = version("rust-toolchain.toml", r#"(?m)^channel = "(.+)"$"#)?;
    assert_eq!(version("Cargo.toml", r#"(?m)^rust-version = "(.+)"$"#)?, pinned);
    assert_eq!(version("Dockerfile", r"(?m)^ARG RUST=(.+)$")?, pinned);
    assert_eq!(env!("CARGO_PKG_RUST_VERSION"), pinned);
    Ok(())
}

#[test]
fn each_promise_of_the_page_on_security_names_a_test_that_is_there() -> Result<()> {
    let page = fs::read_to_string(root().join("docs/security.md"))?;
    let promises = page
        .split("\n## ")
        .find(|section| section.starts_with("Promises"))
        .context("no promises")?;
    let units = files(&["src"], &[".rs"])?;
    let quoted = Regex::new("`([a-z_ :0-9]+)`")?;
    let (mut found, mut lost) = (0, Vec::new());
    for row in promises
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| promise "))
    {
        let tests = row.trim_end_matches(" |").rsplit(" | ").next().unwrap_or_default();
        let before = found;
        for test in quoted.captures_iter(tests).map(|test| test[1].to_owned()) {
            let (place, name) = test.rsplit_once("::").unwrap_or(("", &test));
            let declared = format!("#[test]\nfn {name}(");
            // Those on a cluster are given their server by a macro or an attribute of their own.
            let there = match place.split_once(' ') {
                Some((program, module)) => {
                    let text =
                        fs::read_to_string(root().join(format!("tests/{program}/{}.rs", module.replace("::", "/"))))
                            .unwrap_or_default();
                    text.contains(&format!("fn {name}("))
                }
                None => units.iter().any(|(_, text)| {
                    let text = text
                        .replace("\n    ", "\n")
                        .replace("#[tokio::test]\nasync fn", "#[test]\nfn");
                    text.contains(&declared)
                }),
            };
            found += 1;
            if !there {
                lost.push(test);
            }
        }
        if found == before {
            lost.push(format!("no test: {row}"));
        }
    }
    assert_eq!((lost, found > 20), (Vec::<String>::new(), true));
    Ok(())
}
