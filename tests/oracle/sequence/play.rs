//! Plays sequences on the real server, many at once and in step, so that one kubectl serves them all.

mod player;

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use anyhow::{Result, bail, ensure};
use driftmend::engine::kind::{KINDS, Kind};
use futures::stream::{self, StreamExt, TryStreamExt};
use http::Method;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::admission::{rewrite, rewriting_policy, take_counts};
use super::leaf::path;
use super::model::Model;
use super::tally::Tally;
use super::verdict::Fault;
use super::{Sequence, Step};
use crate::case::{Validation, put};
use crate::harness::ControlPlane;
use crate::judge;
use crate::place::Place;
use crate::server::{Answer, Asked, Server};
use crate::subject::{base, kind_of};
use player::{Player, Sent, edited, tool};

/// How many requests are under way at once.
const AT_ONCE: usize = 8;

/// Where the deployment controller numbers its revisions, at any time beside everyone's writes.
const REVISION: &str = "deployment.kubernetes.io/revision";

/// The real server with the controllers, and two namespaces: for each kind the one in which writes are stored as they
/// are, and the one in which admission rewrites them.
pub struct Stage<'a> {
    servers: Vec<(&'static Kind, bool, Server<'a>)>,
}

/// In what we are wrong, each with when.
pub type Faults = Vec<(String, Fault)>;

impl<'a> Stage<'a> {
    pub async fn new(control_plane: &'a ControlPlane) -> Result<Self> {
        let (plain, rewriting) = (control_plane.namespace("plain")?, control_plane.namespace("rewriting")?);
        let plain = Server::new(control_plane, plain, KINDS[0]).await?;
        let mut stage = Self { servers: Vec::new() };
        for kind in KINDS {
            for object in rewriting_policy(kind, &format!("{rewriting}-{}", kind.plural), &rewriting) {
                control_plane.apply(&object.to_string())?;
            }
            stage.servers.push((*kind, false, plain.of(kind)));
            stage
                .servers
                .push((*kind, true, plain.of(kind).within(rewriting.clone())));
        }
        for (kind, _, server) in stage.servers.iter().filter(|(_, rewrites, _)| *rewrites) {
            rewrites(kind, server).await?;
        }
        Ok(stage)
    }

    fn of(&self, kind: &Kind, rewrites: bool) -> &Server<'a> {
        let found = self
            .servers
            .iter()
            .find(|(known, rewriting, _)| *known == kind && *rewriting == rewrites);
        found.map_or_else(|| unreachable!("a server for every kind"), |(.., server)| server)
    }

    fn server(&self, sequence: &Sequence) -> &Server<'a> {
        self.of(sequence.kind(), sequence.rewritten)
    }

    /// Plays sequences in step, and gives what is wrong about each.
    pub async fn play(&self, named: &[(String, Sequence)], tally: &mut Tally) -> Result<Vec<Faults>> {
        let mut players: Vec<Player<'_>> = named
            .iter()
            .map(|(name, sequence)| Player::new(name, sequence, self.server(sequence)))
            .collect();
        let longest = named
            .iter()
            .map(|(_, sequence)| sequence.steps.len())
            .max()
            .unwrap_or_default();
        let since = next_second().await;
        let created: Vec<(usize, Sent)> = players
            .iter()
            .enumerate()
            .map(|(at, player)| (at, player.sync(true)))
            .collect();
        let taken = self.send_all(&players, created).await?;
        self.read(&mut players).await?;
        for at in taken {
            let player = &mut players[at];
            let Sequence { way, rewritten, .. } = *player.sequence;
            player.model = Some(Model::created(&player.git, tool(way), rewritten, since, &player.live));
            player.judge("created", soon(), tally);
        }
        for round in 0..longest {
            let now = next_second().await;
            let mut sent = Vec::new();
            for (at, player) in players.iter_mut().enumerate() {
                let (Some(step), true) = (player.sequence.steps.get(round), player.model.is_some()) else {
                    continue;
                };
                if let Step::Commit(edits) = step {
                    player.git = edited(player.sequence.kind(), &player.git, edits);
                    let git = player.git.clone();
                    player
                        .model
                        .iter_mut()
                        .for_each(|model| model.committed(git.clone(), now));
                } else if let Some(write) = player.write(step) {
                    sent.push((at, write));
                }
            }
            let asked = sent.len();
            let taken: HashSet<usize> = self.send_all(&players, sent).await?.into_iter().collect();
            tally.refused += asked - taken.len();
            self.read(&mut players).await?;
            for (at, player) in players.iter_mut().enumerate() {
                let Some(step) = player.sequence.steps.get(round) else {
                    continue;
                };
                player.saw(step, taken.contains(&at));
                player.judge(&format!("step {} {step:?}", round + 1), soon(), tally);
            }
        }
        self.finish(&mut players, tally).await?;
        tally.sequences += players.iter().filter(|player| player.model.is_some()).count();
        Ok(players.into_iter().map(|player| player.faults).collect())
    }

    /// The tool syncs for real, and the objects go.
    async fn finish(&self, players: &mut [Player<'_>], tally: &mut Tally) -> Result<()> {
        next_second().await;
        let before: Vec<(usize, Value)> = players
            .iter()
            .enumerate()
            .filter(|(_, player)| player.model.is_some())
            .map(|(at, player)| (at, player.live.clone()))
            .collect();
        let sent: Vec<(usize, Sent)> = before.iter().map(|(at, _)| (*at, players[*at].sync(false))).collect();
        let mut refusals = HashMap::new();
        let (by_kubectl, by_request): (Vec<_>, Vec<_>) =
            sent.into_iter().partition(|(_, sent)| matches!(sent, Sent::Kubectl(_)));
        let manifests: Vec<(usize, Value)> = by_kubectl
            .into_iter()
            .filter_map(|(at, sent)| {
                if let Sent::Kubectl(manifest) = sent {
                    Some((at, manifest))
                } else {
                    None
                }
            })
            .collect();
        let taken = self.apply_all(players, &manifests)?;
        for (at, manifest) in manifests.iter().filter(|(at, _)| !taken.contains(at)) {
            refusals.insert(
                *at,
                self.server(players[*at].sequence)
                    .apply_one(manifest, Validation::Ignore, &[])?,
            );
        }
        refusals.extend(
            self.request_all(players, by_request)
                .await?
                .into_iter()
                .filter(|(_, answer)| !matches!(answer, Answer::Object(_))),
        );
        self.read(players).await?;
        for (at, mut live) in before {
            let player = &mut players[at];
            let mut after = player.live.clone();
            for object in [&mut live, &mut after] {
                put(object, &path(&format!(".metadata.annotations[\"{REVISION}\"]")), None);
            }
            let answer = refusals.remove(&at).unwrap_or_else(|| Answer::Object(after.clone()));
            let asked = Asked {
                kind: player.sequence.kind(),
                name: player.name.clone(),
                now: player.git.clone(),
                answer,
                live: Some(live),
                manager: player.sequence.way.manager().to_owned(),
                validation: Validation::Ignore,
            };
            let rewritten = player.sequence.rewritten;
            let (outcome, wrong) = judge::judge_rewritten(player.sequence.way, &asked, |object| {
                let sent = object.clone();
                if rewritten {
                    rewrite(asked.kind, object);
                }
                if *object != sent {
                    take_counts(asked.kind, object, &after);
                }
            });
            *tally.syncs.entry((player.sequence.way, outcome)).or_default() += 1;
            player.faults.extend(wrong.into_iter().map(|text| {
                (
                    "the sync at the end".to_owned(),
                    Fault {
                        kind: "prediction",
                        text,
                    },
                )
            }));
        }
        stream::iter(players.iter().map(|player| async move {
            let options = serde_json::to_vec(&json!({"propagationPolicy": "Background"}))?;
            self.server(player.sequence)
                .send(Method::DELETE, &player.name, "", "application/json", options)
                .await
                .map(drop)
        }))
        .buffer_unordered(AT_ONCE)
        .try_collect::<Vec<()>>()
        .await
        .map(drop)
    }

    /// Sends the writes of a round, and gives whose were taken.
    async fn send_all(&self, players: &[Player<'_>], sent: Vec<(usize, Sent)>) -> Result<Vec<usize>> {
        let (mut manifests, mut requests) = (Vec::new(), Vec::new());
        for (at, sent) in sent {
            match sent {
                Sent::Kubectl(manifest) => manifests.push((at, manifest)),
                request => requests.push((at, request)),
            }
        }
        let mut taken = self.apply_all(players, &manifests)?;
        let answers = self.request_all(players, requests).await?;
        taken.extend(
            answers
                .into_iter()
                .filter(|(_, answer)| matches!(answer, Answer::Object(_)))
                .map(|(at, _)| at),
        );
        Ok(taken)
    }

    fn apply_all(&self, players: &[Player<'_>], manifests: &[(usize, Value)]) -> Result<Vec<usize>> {
        let all: Vec<Value> = manifests.iter().map(|(_, manifest)| manifest.clone()).collect();
        let mut taken = HashSet::new();
        for kind in KINDS {
            // Each says its own namespace.
            let of_kind = |manifest: &&Value| kind_of(manifest) == *kind;
            let all: Vec<Value> = all.iter().filter(of_kind).cloned().collect();
            if !all.is_empty() {
                taken.extend(self.of(kind, false).create(&all)?);
            }
        }
        Ok(manifests
            .iter()
            .map(|(at, _)| *at)
            .filter(|at| taken.contains(&players[*at].name))
            .collect())
    }

    async fn request_all(&self, players: &[Player<'_>], sent: Vec<(usize, Sent)>) -> Result<Vec<(usize, Answer)>> {
        stream::iter(sent)
            .map(|(at, sent)| async move {
                let Sent::Request {
                    method,
                    place,
                    query,
                    content,
                    body,
                } = sent
                else {
                    bail!("kubectl's own")
                };
                Ok((
                    at,
                    self.server(players[at].sequence)
                        .send(method, &place, &query, content, serde_json::to_vec(&body)?)
                        .await?,
                ))
            })
            .buffer_unordered(AT_ONCE)
            .try_collect()
            .await
    }

    async fn read(&self, players: &mut [Player<'_>]) -> Result<()> {
        let mut objects = HashMap::new();
        for (kind, rewriting, server) in &self.servers {
            objects.insert((*kind, *rewriting), server.list().await?);
        }
        for player in players {
            let found = objects
                .get_mut(&(player.sequence.kind(), player.sequence.rewritten))
                .and_then(|of_kind| of_kind.remove(&player.name));
            if let Some(live) = found {
                player.live = live;
            } else {
                ensure!(player.model.is_none(), "{} is gone", player.name);
            }
        }
        Ok(())
    }
}

/// Waits until a server rewrites: a policy holds a moment after it was stored.
async fn rewrites(kind: &Kind, server: &Server<'_>) -> Result<()> {
    let manifest = server.named(&base(kind), "probe");
    let mut wanted = manifest.clone();
    rewrite(kind, &mut wanted);
    let image = path(&Place::Web("image").path(kind));
    for _ in 0..120 {
        let body = serde_json::to_vec(&manifest)?;
        let answer = server
            .send(Method::PATCH, "probe", "fieldManager=probe&dryRun=All", APPLY, body)
            .await?;
        if let Answer::Object(object) = &answer
            && image.get(object) == image.get(&wanted)
        {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(500)).await;
    }
    bail!("the policy does not rewrite a {kind}")
}

const APPLY: &str = "application/apply-patch+yaml";

/// Waits for the next whole second, as Kubernetes writes times: so that what comes before and after are told apart.
async fn next_second() -> Timestamp {
    let now = Timestamp::now();
    let rest = 1_000 - u64::try_from(now.as_millisecond().rem_euclid(1_000)).unwrap_or_default();
    tokio::time::sleep(Duration::from_millis(rest)).await;
    Timestamp::from_second(now.as_second() + 1).unwrap_or(now)
}

/// A time after all that was written so far.
fn soon() -> Timestamp {
    let now = Timestamp::now();
    Timestamp::from_second(now.as_second() + 1).unwrap_or(now)
}
