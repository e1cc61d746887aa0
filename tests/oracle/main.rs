//! The test that matters: what the engine predicts against what a real API server, asked by a dry run, answers.
//!
//! Cases are made by chance ([`generate`]): a manifest is synced, another manager writes, Git may move on, and then the
//! next sync is asked for in five ways, by the real kubectl and by the requests that Argo CD and Flux send. Verdict,
//! causes, words and the whole resulting object must be ours. What we are wrong about is made small, printed, and left
//! in `target/tmp/oracle`; it belongs into `tests/oracle/cases`, which are asked again by every run.
//!
//! What happened before is played too: [`sequence`] has who wrote what, and which side moved.
//!
//! `make oracle N=2000 SEED=7` runs as many cases as one likes, with `KIND=DaemonSet` of another kind than Deployment
//! and with `ABOUT=volume` all about one part; without them 300 of a fixed seed and 100 of a fresh one, shared among
//! the governed kinds.
#![cfg(feature = "edge")]
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "the helpers of tests are tests too, which clippy does not see here"
)]

#[path = "../harness/mod.rs"]
mod harness;

mod case;
mod generate;
mod judge;
mod kinds;
mod place;
mod random;
mod sequence;
mod server;
mod shrink;
mod states;
mod subject;
mod table;

use std::io::Write;
use std::path::Path;
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};
use std::{env, fs};

use anyhow::{Context, Result, bail};

use case::Case;
use driftmend::engine::kind::{KINDS, Kind};
use harness::{ControlPlane, Options};
use kinds::{named_by, shares};
use server::{Server, Way};
use states::{Site, sites};
use table::Table;

/// How many cases are asked at once: one kubectl serves them all, and the kinds' shares of a run fill few batches.
const BATCH: usize = 80;

/// How often a case is made smaller before it is told.
const SHRINKINGS: usize = 120;

/// How many wrong cases end a run: more tell nothing new.
const MOST_WRONG: usize = 12;

/// How many cases of 2,000 each possible cell must have had at least.
const LEAST_OF_2000: usize = 5;

/// The control plane of this process, without controllers: nothing changes an object between its reading and the dry
/// run.
fn control_plane() -> &'static ControlPlane {
    static STARTED: OnceLock<ControlPlane> = OnceLock::new();
    STARTED.get_or_init(|| {
        let controllers = [
            "serviceaccount-controller".to_owned(),
            "serviceaccount-token-controller".to_owned(),
        ]
        .to_vec();
        match ControlPlane::start(Options {
            controllers,
            ..Options::default()
        }) {
            Ok(started) => started,
            Err(error) => panic!("failed to start the control plane: {error:?}"),
        }
    })
}

/// Prints past the test harness, which keeps what a test that passes says.
fn tell(text: &str) {
    let _ = writeln!(std::io::stderr(), "{text}");
}

fn number(name: &str) -> Result<Option<u64>> {
    env::var(name)
        .ok()
        .filter(|text| !text.is_empty())
        .map(|text| {
            text.parse()
                .with_context(|| format!("{name} is {text:?}, not a number"))
        })
        .transpose()
}

/// The one part that a person wants to know more about.
fn about(kind: &Kind) -> Result<Option<&'static Site>> {
    let Ok(name) = env::var("ORACLE_ABOUT") else {
        return Ok(None);
    };
    if name.is_empty() {
        return Ok(None);
    }
    let sites = sites(kind);
    let named = sites.iter().copied().find(|site| site.name == name);
    named.map(Some).with_context(|| {
        format!(
            "ORACLE_ABOUT is {name:?}, none of {:?}",
            sites.iter().map(|site| site.name).collect::<Vec<_>>()
        )
    })
}

#[test]
fn cases_of_a_fixed_seed() -> Result<()> {
    let seed = number("ORACLE_SEED")?.unwrap_or(20_261_121);
    match (number("ORACLE_N")?, named_by("ORACLE_KIND")?) {
        (None, None) => shares(300)
            .into_iter()
            .try_for_each(|(kind, count)| run(kind, seed, count)),
        (count, kind) => run(kind.unwrap_or(KINDS[0]), seed, count.unwrap_or(300) as usize),
    }
}

#[test]
fn cases_of_a_fresh_seed() -> Result<()> {
    if number("ORACLE_N")?.is_some() {
        return Ok(());
    }
    let now = SystemTime::now().duration_since(UNIX_EPOCH)?.as_secs();
    shares(100)
        .into_iter()
        .try_for_each(|(kind, count)| run(kind, now, count))
}

#[test]
fn cases_that_we_were_wrong_about_once() -> Result<()> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/oracle/cases");
    let mut files: Vec<_> = fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.retain(|path| path.extension().is_some_and(|extension| extension == "json"));
    files.sort();
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = Server::new(control_plane(), control_plane().namespace("known")?, KINDS[0]).await?;
        let mut wrong = Vec::new();
        for (at, file) in files.iter().enumerate() {
            let case: Case =
                serde_json::from_slice(&fs::read(file)?).with_context(|| format!("{} is no case", file.display()))?;
            let faults = faults_of(&server.of(case.kind()), &format!("k{at}"), &case).await?;
            wrong.extend(
                faults
                    .into_iter()
                    .map(|(way, fault)| format!("{} {way:?}: {fault}", file.display())),
            );
        }
        if !wrong.is_empty() {
            bail!("{}", wrong.join("\n"));
        }
        Ok(())
    })
}

#[test]
fn sequences_of_a_fixed_seed() -> Result<()> {
    let seed = number("SEQUENCES_SEED")?.unwrap_or(20_261_129);
    let shares = match (number("SEQUENCES_N")?, named_by("ORACLE_KIND")?) {
        (None, None) => shares(60),
        (count, kind) => vec![(kind.unwrap_or(KINDS[0]), count.unwrap_or(60) as usize)],
    };
    sequence::run(seed, &shares)
}

#[test]
fn sequences_that_we_were_wrong_about_once() -> Result<()> {
    sequence::run_known()
}

fn run(kind: &'static Kind, seed: u64, count: usize) -> Result<()> {
    let runtime = tokio::runtime::Runtime::new()?;
    runtime.block_on(async {
        let server = Server::new(control_plane(), control_plane().namespace("oracle")?, kind).await?;
        tell(&format!(
            "oracle: {count} cases of a {kind} of seed {seed} \
             (again by `make oracle KIND={kind} N={count} SEED={seed}`)"
        ));
        let mut held = Held::new(kind);
        let about = about(kind)?;
        let case = |at| match about {
            Some(site) => generate::case_about(kind, site, seed, at),
            None => generate::case(kind, seed, at),
        };
        for begin in (0..count).step_by(BATCH) {
            held.against(&server, (begin..(begin + BATCH).min(count)).map(|at| (at, case(at))))
                .await?;
            if held.wrong.len() >= MOST_WRONG {
                break;
            }
        }
        let least = if about.is_some() {
            0
        } else {
            LEAST_OF_2000 * count / 2_000
        };
        // Chance passes a rare cell by now and then: more cases about the same parts, as many as are needed.
        let mut more = 0;
        while held.wrong.is_empty() && more < count {
            let thin = held.table.thin(least);
            if thin.is_empty() {
                break;
            }
            let begin = count + more;
            let about = (begin..begin + BATCH).zip(thin.iter().cycle());
            held.against(
                &server,
                about.map(|(at, (site, _))| (at, generate::case_about(kind, site, seed, at))),
            )
            .await?;
            more += BATCH;
        }
        let Held { table, wrong, cases } = held;
        tell(&format!(
            "{table} of {cases} cases of a {kind}, {more} of them for rare cells, {} wrong",
            wrong.len()
        ));
        if !wrong.is_empty() {
            return Err(told(&server, seed, wrong).await?);
        }
        let thin: Vec<String> = table.thin(least).into_iter().map(|(_, cell)| cell).collect();
        if !thin.is_empty() {
            bail!("the generator misses what is possible:\n{}", thin.join("\n"));
        }
        Ok(())
    })
}

/// What came of the cases so far.
struct Held {
    table: Table,
    wrong: Vec<Wrong>,
    cases: usize,
}

impl Held {
    fn new(kind: &'static Kind) -> Self {
        Self {
            table: Table::new(kind),
            wrong: Vec::new(),
            cases: 0,
        }
    }

    /// Asks the server about cases and holds our answers against its own.
    async fn against(&mut self, server: &Server<'_>, cases: impl Iterator<Item = (usize, Case)>) -> Result<()> {
        let batch: Vec<(String, Case)> = cases.map(|(at, case)| (format!("o{at}"), case)).collect();
        let answers = server.ask(&batch).await?;
        self.cases += answers.len();
        for (name, case) in &batch {
            for (way, asked) in answers.get(name).into_iter().flatten() {
                let (outcome, faults) = judge::judge(*way, asked);
                self.table.count(&case.site, *way, outcome);
                if !faults.is_empty() {
                    self.wrong.push(Wrong {
                        name: name.clone(),
                        way: *way,
                        case: case.clone(),
                        fault: faults.join("\n"),
                    });
                }
            }
        }
        Ok(())
    }
}

async fn faults_of(server: &Server<'_>, name: &str, case: &Case) -> Result<Vec<(Way, String)>> {
    let answers = server.ask(&[(name.to_owned(), case.clone())]).await?;
    let judged = answers
        .get(name)
        .into_iter()
        .flatten()
        .map(|(way, asked)| (*way, judge::judge(*way, asked).1.join("\n")));
    Ok(judged.filter(|(_, faults)| !faults.is_empty()).collect())
}

/// A case that we are wrong about.
struct Wrong {
    name: String,
    way: Way,
    case: Case,
    fault: String,
}

/// Makes each wrong case small, leaves it in a file, and tells it.
async fn told(server: &Server<'_>, seed: u64, wrong: Vec<Wrong>) -> Result<anyhow::Error> {
    fs::create_dir_all(server::folder())?;
    let mut texts = Vec::new();
    for mut wrong in wrong.into_iter().take(MOST_WRONG) {
        let way = wrong.way;
        let (mut serial, mut left) = (0, SHRINKINGS);
        'smaller: loop {
            for case in shrink::smaller(&wrong.case) {
                if left == 0 {
                    break 'smaller;
                }
                (serial, left) = (serial + 1, left - 1);
                let name = format!("{}-{}-{serial}", wrong.name, format!("{way:?}").to_lowercase());
                let faults = faults_of(server, &name, &case).await?;
                if let Some((_, fault)) = faults.into_iter().find(|(other, _)| *other == way) {
                    wrong = Wrong { case, fault, ..wrong };
                    continue 'smaller;
                }
            }
            break;
        }
        let kind = wrong.case.kind().kind.to_lowercase();
        let file = server::folder().join(format!("{kind}-{seed}-{}-{way:?}.json", wrong.name));
        fs::write(&file, serde_json::to_string_pretty(&wrong.case)?)?;
        texts.push(format!(
            "{way:?} in {}:\n{}\n{}",
            file.display(),
            serde_json::to_string(&wrong.case)?,
            wrong.fault
        ));
    }
    Ok(anyhow::anyhow!("{}", texts.join("\n\n")))
}
