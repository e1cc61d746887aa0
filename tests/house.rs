//! The rules of the house that the compiler does not know: what is pure stays pure, files stay small enough to know
//! where a line belongs, and lines fit their width.

use std::path::{Path, PathBuf};
use std::{env, fs, io};

use driftmend::engine::rules::RULES;
use driftmend::report::rules::page;

/// The crates that the pure part may use: values, their text, their hashes and their times.
const PURE_CRATES: &[&str] = &[
    "std",
    "core",
    "serde",
    "serde_json",
    "schemars",
    "thiserror",
    "sha2",
    "jiff",
    "json_patch",
];

/// The crates that the custom resources need, and what of them: their derives, and Kubernetes' own types. A client is
/// none of that.
const RESOURCE_CRATES: &[(&str, &[&str])] = &[
    ("kube", &["CustomResource", "CustomResourceExt", "KubeSchema"]),
    ("k8s_openapi", &["CustomResourceDefinition", "LabelSelector"]),
];

/// The rooms that are pure, and what each knows of the house besides itself.
const PURE_ROOMS: &[(&str, &[&str])] = &[("engine", &[]), ("api", &["engine"]), ("report", &["engine", "api"])];

/// What gives a clock, a disk, a network, an environment, a thread or a log to code that must have none.
const IMPURE: &[&str] = &[
    "std::env",
    "std::fs",
    "std::io",
    "std::net::Tcp",
    "std::net::Udp",
    "ToSocketAddrs",
    "std::process",
    "std::thread",
    "std::time::Instant",
    "std::time::SystemTime",
    "Timestamp::now",
    "Zoned::now",
    "async fn",
    ".await",
    "println!",
    "eprintln!",
    "include_str!",
];

/// A file with more lines than this wants another noun. Tests that moved to a file of their own count, too.
const LONGEST_FILE: usize = 400;

/// The width of `rustfmt.toml`, in characters.
const LONGEST_LINE: usize = 120;

fn sources(folder: &str) -> io::Result<Vec<(PathBuf, String)>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let (mut found, mut folders) = (Vec::new(), vec![root.join(folder)]);
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let path = entry?.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let text = fs::read_to_string(&path)?;
                found.push((path.strip_prefix(root).unwrap_or(&path).to_owned(), text));
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no sources below {folder}");
    Ok(found)
}

/// The files that people write: those that begin by saying that they are generated are left out.
fn written() -> io::Result<Vec<(PathBuf, String)>> {
    let mut found = sources("src")?;
    found.extend(sources("tests")?);
    found.retain(|(_, text)| !text.starts_with("// @generated"));
    Ok(found)
}

/// The lines of code: comments are free to name anything.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    text.lines()
        .enumerate()
        .map(|(at, line)| (at + 1, line.trim()))
        .filter(|(_, line)| !line.starts_with("//"))
}

/// The first segments of the paths that a `use` line brings in.
fn used_crate(line: &str) -> Option<&str> {
    let rest = line.strip_prefix("pub ").unwrap_or(line).strip_prefix("use ")?;
    Some(rest.split([':', ';', ' ']).next().unwrap_or(rest))
}

/// Whether the module that declares a file does so for tests only.
fn declared_for_tests(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem().and_then(|name| name.to_str())) else {
        return false;
    };
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("mod.rs");
    fs::read_to_string(parent).is_ok_and(|text| {
        text.contains(&format!("#[cfg(test)]\nmod {name};"))
            || text.contains(&format!("#[cfg(test)]\npub(crate) mod {name};"))
    })
}

/// Whether the module that declares a file does so for the feature that has every edge.
fn declared_for_edge(path: &Path) -> bool {
    let (Some(folder), Some(name)) = (path.parent(), path.file_stem().and_then(|name| name.to_str())) else {
        return false;
    };
    let parent = Path::new(env!("CARGO_MANIFEST_DIR")).join(folder).join("mod.rs");
    fs::read_to_string(parent).is_ok_and(|text| text.contains(&format!("#[cfg(feature = \"edge\")]\nmod {name};")))
}

/// Whether a line brings in nothing but derives and types of the custom resources.
fn is_of_resources(line: &str) -> bool {
    let of = |(name, kept): &(&str, &[&str])| {
        let Some(rest) = line.strip_prefix("use ").and_then(|rest| rest.strip_prefix(name)) else {
            return false;
        };
        let last = rest.rsplit_once("::").map_or(rest, |(_, last)| last);
        last.trim_matches(['{', '}', ';'])
            .split(", ")
            .all(|word| kept.contains(&word))
    };
    RESOURCE_CRATES.iter().any(of)
}

#[test]
fn pure_rooms_use_values_only() -> io::Result<()> {
    let mut faults = Vec::new();
    let mut pure = Vec::new();
    for (room, knows) in PURE_ROOMS {
        pure.extend(
            sources(&format!("src/{room}"))?
                .into_iter()
                .map(|file| (*room, *knows, file)),
        );
    }
    for (room, knows, (path, text)) in pure {
        let only_for_tests = declared_for_tests(&path);
        if path.ends_with("tests.rs") || path.components().any(|part| part.as_os_str() == "tests") || only_for_tests {
            continue;
        }
        // Unit tests at a file's foot may use what tests use.
        let text = text.split("\nmod tests {").next().unwrap_or(&text).to_owned();
        let has_resources = room == "api" && declared_for_edge(&path);
        for (line, code) in code(&text) {
            let module = used_crate(code).filter(|_| !(has_resources && is_of_resources(code)));
            let local = |name: &str| {
                ["crate", "super", "self"].contains(&name) || name.chars().next().is_some_and(char::is_uppercase)
            };
            let declared = |name: &str| text.contains(&format!("mod {name};"));
            if let Some(name) = module.filter(|name| !local(name) && !PURE_CRATES.contains(name) && !declared(name)) {
                faults.push(format!("{}:{line}: uses {name}", path.display()));
            }
            for module in code
                .match_indices("crate::")
                .filter_map(|(at, _)| code[at + 7..].split([':', ';', ' ', '{', ',', ')']).next())
            {
                let allowed = module == room || knows.contains(&module);
                if !allowed && !module.is_empty() {
                    faults.push(format!("{}:{line}: reaches crate::{module}", path.display()));
                }
            }
            faults.extend(
                IMPURE
                    .iter()
                    .filter(|word| code.contains(**word))
                    .map(|word| format!("{}:{line}: {word}", path.display())),
            );
        }
    }
    assert!(faults.is_empty(), "the pure part is not pure:\n{}", faults.join("\n"));
    Ok(())
}

/// What of the engine writes itself as JSON all the same: trees and the lasting parts of a live object, which are
/// values of a manifest, in another form than serde_json's. The list may only shrink.
const WRITTEN_BY_THE_ENGINE: &[(&str, &str)] = &[
    ("src/engine/digest.rs", "impl Serialize for Lasting<'_> {"),
    ("src/engine/schema/tree.rs", "impl Serialize for Tree<'_> {"),
];

/// How something is spelt in status and JSON is a promise of `api`; what the engine calls it may change.
#[test]
fn the_engine_derives_no_wire_type() -> io::Result<()> {
    let mut written = Vec::new();
    for (path, text) in sources("src/engine")? {
        let is_known = WRITTEN_BY_THE_ENGINE.iter().any(|(known, _)| path == Path::new(known));
        for (_, line) in code(&text) {
            let derives = line.starts_with("#[") && (line.contains("derive(") || line.contains("cfg_attr("));
            let is_of_wire = ["Serialize", "Deserialize", "JsonSchema"]
                .iter()
                .any(|name| line.contains(name) && (derives || line.starts_with("impl")));
            let has_attribute = line.starts_with("#[serde(") || line.starts_with("#[schemars(");
            let is_import = !is_known && ["serde::", "schemars"].iter().any(|name| line.contains(name));
            if is_of_wire || has_attribute || is_import {
                written.push((path.display().to_string(), line.to_owned()));
            }
        }
    }
    let known: Vec<(String, String)> = WRITTEN_BY_THE_ENGINE
        .iter()
        .map(|(path, line)| ((*path).to_owned(), (*line).to_owned()))
        .collect();
    assert_eq!(written, known);
    Ok(())
}

#[test]
fn files_stay_small() -> io::Result<()> {
    let long: Vec<String> = written()?
        .into_iter()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LONGEST_FILE)
        .map(|(path, lines)| format!("{}: {lines} lines", path.display()))
        .collect();
    assert!(
        long.is_empty(),
        "look for the noun that wants its own file:\n{}",
        long.join("\n")
    );
    Ok(())
}

/// rustfmt leaves a line as it is where a text or a macro in it is too long, and says nothing.
#[test]
fn lines_fit_the_width() -> io::Result<()> {
    let mut long = Vec::new();
    for (path, text) in written()? {
        let lines = text.lines().enumerate();
        let over = lines.filter(|(_, line)| line.chars().count() > LONGEST_LINE);
        long.extend(over.map(|(at, _)| format!("{}:{}", path.display(), at + 1)));
    }
    assert!(long.is_empty(), "break these lines:\n{}", long.join("\n"));
    Ok(())
}

#[test]
fn nothing_is_left_for_later() -> io::Result<()> {
    let marks = ["TODO", "FIXME", "XXX", "todo!(", "unimplemented!(", "#[ignore"];
    let left: Vec<String> = sources("src")?
        .into_iter()
        .chain(sources("tests")?)
        .filter(|(path, _)| !path.ends_with("house.rs"))
        .flat_map(|(path, text)| {
            let found = text
                .lines()
                .enumerate()
                .filter(|(_, line)| marks.iter().any(|mark| line.contains(mark)));
            found
                .map(|(at, line)| format!("{}:{}: {}", path.display(), at + 1, line.trim()))
                .collect::<Vec<_>>()
        })
        .collect();
    assert!(left.is_empty(), "{}", left.join("\n"));
    Ok(())
}

/// What stands in the folder for temporary files under a name that can be guessed may be anybody's.
#[test]
fn folders_of_commands_are_made_in_one_place() -> io::Result<()> {
    let makers: Vec<String> = sources("src/cli")?
        .into_iter()
        .filter(|(_, text)| code(text).any(|(_, line)| line.contains("temp_dir()")))
        .map(|(path, _)| path.display().to_string())
        .collect();
    assert_eq!(makers, ["src/cli/scratch.rs"]);
    Ok(())
}

/// Where a rule is named, whoever names it reads its registration: a rule that is called otherwise in one place is
/// found by nobody.
#[test]
fn the_id_of_a_rule_stands_once_in_the_sources_and_in_the_file_that_it_names() -> io::Result<()> {
    let sources: Vec<(PathBuf, String)> = sources("src")?
        .into_iter()
        .filter(|(path, _)| !path.ends_with("tests.rs") && !path.components().any(|part| part.as_os_str() == "tests"))
        .collect();
    let mut faults = Vec::new();
    for rule in RULES {
        let is_kebab = rule.id.split('-').all(|word| {
            let mut letters = word.chars();
            letters.next().is_some_and(|first| first.is_ascii_lowercase())
                && letters.all(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
        });
        if !is_kebab {
            faults.push(format!("{} is not in kebab case", rule.id));
        }
        let literal = format!("\"{}\"", rule.id);
        let mut places = Vec::new();
        for (path, text) in &sources {
            let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or(text);
            let lines = code(text).filter(|(_, line)| line.contains(&literal));
            places.extend(lines.map(|_| path.display().to_string()));
        }
        let home = format!("src/engine/rules/{}.rs", rule.id.replace('-', "_"));
        if places != [home] {
            faults.push(format!("{} stands in {places:?}", rule.id));
        }
    }
    let files = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/engine/rules"))?;
    let mut registered = 0;
    for file in files {
        let path = file?.path();
        let registers = path.is_file() && fs::read_to_string(&path)?.contains("\npub static RULE: Rule = ");
        registered += usize::from(registers);
    }
    assert_eq!((faults, registered), (Vec::<String>::new(), RULES.len()));
    Ok(())
}

#[test]
fn the_page_of_the_rules_is_what_the_catalogue_says() -> io::Result<()> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/rules.md");
    if env::var_os("DRIFTMEND_WRITE_DOCS").is_some() {
        fs::write(&path, page())?;
    }
    let written = fs::read_to_string(&path)?;
    assert!(
        written == page(),
        "docs/rules.md is not what the rules say: write it anew with DRIFTMEND_WRITE_DOCS=1"
    );
    Ok(())
}
