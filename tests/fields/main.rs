//! Every field of a governed kind with every kind of value that it must not have, against a real API server.
//!
//! The walk goes over the whole schema ([`site`]): each place is given nothing, null, an empty value, zero, a negative
//! number, one too large, a wrong type, a wrong word, a text too long and a list item twice ([`value`]), once with
//! nothing around it and once in an object that uses every field. Each of these is created, put, patched and applied
//! as a dry run. The verdict, the field and the words must be ours; what is not held against the server stands in
//! [`exempt`] with a reason.
//!
//! `make oracle-fields` asks all of them, of a Deployment or of another `KIND`; without a number a slice that is the
//! same in every run, shared among the governed kinds. `FIELDS_ABOUT=securityContext` asks about the places with this
//! in their name.
#![cfg(feature = "edge")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too, which clippy does not see here"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod ask;
mod base;
mod case;
mod exempt;
mod judge;
#[path = "../oracle/kinds.rs"]
mod kinds;
mod site;
mod subject;
mod value;

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::Path;
use std::sync::Arc;
use std::{env, fs};

use anyhow::{Context, Result, bail};
use driftmend::engine::kind::KINDS;
use futures::stream::{self, StreamExt};

use ask::Server;
use case::{Case, cases};
use harness::{ControlPlane, Options};
use judge::{Way, Wrong, judge};
use kinds::{named_by, shares};
use subject::Subject;

/// How many cases are asked by default, each in four ways: a minute and a half on two cores.
const SLICE: usize = 600;

/// How many cases are under way at once.
const AT_ONCE: usize = 8;

/// How many wrong answers are printed; the file has all.
const PRINTED: usize = 40;

/// The characters that are told of a wrong answer: some quote a whole manifest.
const LONGEST: usize = 1_500;

/// What is asked apart by this number comes from all parts of the schema; it has no divisor with any count below it.
const STRIDE: usize = 7_919;

fn number(name: &str) -> Result<Option<usize>> {
    let text = env::var(name).ok().filter(|text| !text.is_empty());
    text.map(|text| {
        text.parse()
            .with_context(|| format!("{name} is {text:?}, not a number"))
    })
    .transpose()
}

/// The cases of this run, kind by kind.
fn chosen() -> Result<Vec<(Arc<Subject>, Vec<Case>)>> {
    let about = env::var("FIELDS_ABOUT").unwrap_or_default();
    let asked = (named_by("FIELDS_KIND")?, number("FIELDS_N")?);
    let shares = match asked {
        (None, None) => shares(SLICE),
        (kind, count) => vec![(kind.unwrap_or(KINDS[0]), count.unwrap_or(SLICE))],
    };
    let of_kind = |(at, (kind, count))| {
        let subject = Subject::of(kind);
        let mut all = cases(&subject);
        all.retain(|case| case.site.contains(&about));
        // A slice of a further kind is about what the first one does not have.
        if at > 0 {
            all.retain(|case| !subject.is_in_template(&case.site));
        }
        let _ = writeln!(std::io::stderr(), "{} cases of a {kind}", all.len());
        Ok((subject, strided(&all, count)?))
    };
    shares.into_iter().enumerate().map(of_kind).collect()
}

/// So many of the cases, from `FIELDS_SEED` on, in strides.
fn strided(all: &[Case], count: usize) -> Result<Vec<Case>> {
    let seed = number("FIELDS_SEED")?.unwrap_or(1);
    let picked = (0..count.min(all.len())).map(|at| all[(at + seed).wrapping_mul(STRIDE) % all.len()].clone());
    Ok(picked.collect())
}

/// What came of the questions.
#[derive(Default)]
struct Figures {
    asked: BTreeMap<Way, usize>,
    wrong: BTreeMap<(Way, Wrong), usize>,
    kinds: BTreeMap<&'static str, usize>,
    told: Vec<String>,
}

#[test]
fn every_field_is_refused_as_the_server_refuses_it() -> Result<()> {
    let control_plane = ControlPlane::start(Options {
        controllers: vec![
            "serviceaccount-controller".to_owned(),
            "serviceaccount-token-controller".to_owned(),
        ],
        ..Options::default()
    })?;
    let chosen = chosen()?;
    let figures = tokio::runtime::Runtime::new()?.block_on(async {
        let mut figures = Figures::default();
        for (subject, chosen) in chosen {
            let namespace = control_plane.namespace("fields")?;
            let server = Arc::new(Server::new(&control_plane, namespace, subject).await?);
            let mut answers = stream::iter(chosen)
                .map(|case| {
                    let server = server.clone();
                    async move {
                        tokio::spawn(async move {
                            held(&server, &case)
                                .await
                                .with_context(|| case.name())
                                .map(|found| (case, found))
                        })
                        .await?
                    }
                })
                .buffer_unordered(AT_ONCE);
            while let Some(answer) = answers.next().await {
                let (case, found) = answer?;
                figures.count(&case, found);
            }
        }
        anyhow::Ok(figures)
    })?;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("fields");
    fs::create_dir_all(&folder)?;
    let file = folder.join("wrong.txt");
    fs::write(&file, figures.told.join("\n\n"))?;
    let _ = writeln!(std::io::stderr(), "{}", figures.text());
    if !figures.told.is_empty() {
        let first: Vec<&str> = figures.told.iter().take(PRINTED).map(String::as_str).collect();
        bail!(
            "{} answers are not the server's (all of them in {}):\n{}",
            figures.told.len(),
            file.display(),
            first.join("\n\n")
        );
    }
    Ok(())
}

/// What came of one case, way by way.
async fn held(server: &Server, case: &Case) -> Result<Vec<(Way, Option<(Wrong, String)>)>> {
    let mut found = Vec::new();
    let mut manifest = case.manifest(&server.subject, ask::NEW, &server.namespace);
    for way in Way::ALL
        .into_iter()
        .filter(|way| exempt::reason(&case.site, *way).is_none())
    {
        if let Some(name) = manifest.pointer_mut("/metadata/name") {
            *name = ask::name(way, case.around).into();
        }
        if let Some(answer) = server.ask(way, case.around, &manifest).await? {
            found.push((
                way,
                judge(
                    server.subject.kind,
                    way,
                    &manifest,
                    server.live(way, case.around),
                    &answer,
                ),
            ));
        }
    }
    Ok(found)
}

impl Figures {
    fn count(&mut self, case: &Case, found: Vec<(Way, Option<(Wrong, String)>)>) {
        for (way, wrong) in found {
            *self.asked.entry(way).or_default() += 1;
            if let Some((wrong, told)) = wrong {
                *self.wrong.entry((way, wrong)).or_default() += 1;
                *self.kinds.entry(case.kind).or_default() += 1;
                let told: String = told.chars().take(LONGEST).collect();
                self.told.push(format!("{wrong:?} {way:?} {}\n  {told}", case.name()));
            }
        }
    }

    fn text(&self) -> String {
        let mut text = format!("{:<12}{:>8}", "way", "asked");
        for wrong in Wrong::ALL {
            let _ = write!(text, "{:>10}", format!("{wrong:?}").to_lowercase());
        }
        for way in Way::ALL {
            let _ = write!(
                text,
                "\n{:<12}{:>8}",
                format!("{way:?}"),
                self.asked.get(&way).unwrap_or(&0)
            );
            for wrong in Wrong::ALL {
                let _ = write!(text, "{:>10}", self.wrong.get(&(way, wrong)).unwrap_or(&0));
            }
        }
        let kinds: Vec<String> = self
            .kinds
            .iter()
            .map(|(kind, count)| format!("{kind} {count}"))
            .collect();
        let _ = write!(
            text,
            "\nwrong by kind of value: {}",
            if kinds.is_empty() {
                "none".to_owned()
            } else {
                kinds.join(", ")
            }
        );
        text
    }
}
