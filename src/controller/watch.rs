//! The reconcile of one DriftWatch: look at the source, put a new commit in force, tell what is seen.

mod events;
mod publish;
mod said;

use std::sync::Arc;
use std::time::Instant;

use jiff::Timestamp;
use kube::runtime::reflector::ObjectRef;
use tracing::{info, warn};

use super::desired::{self, Known, Look, SourceError, Sources};
use super::index::{Rendition, Target, WatchKey, Watched};
use super::observe::whole_seconds;
use super::origin::{self, Resolved};
use super::queue::Next;
use super::terms::{Terms, terms};
use super::{Context, Key, ReconcileError};
use crate::crd::{DriftWatch, SourceFailure};
use crate::report::cut;

/// The most warnings of a source that a status tells.
pub(super) use crate::crd::WARNING_LIMIT;
use publish::{QUIET, publish};

/// The longest words about a source that cannot be read, in bytes: its CRD takes as many characters.
const FAILURE_LIMIT: usize = 1_900;

/// Reconciles one watch: its source and its status.
///
/// # Errors
///
/// [`ReconcileError`]; the key is tried again with a growing delay. A source that cannot be read is no error: it is
/// told, and asked again after the interval or, where it failed before, later; everything else goes on.
pub async fn reconcile(context: &Context, key: &WatchKey) -> Result<Next, ReconcileError> {
    // observe (no client)
    let Some(watch) = context.watches.get(&ObjectRef::new(&key.name).within(&key.namespace)) else {
        return Ok(forget(context, key));
    };
    // Before it is read: whatever its own watch brings from now on is kept.
    context
        .tools
        .name(key, origin::tool_of(&watch).map(|(tool, _)| tool).as_ref());
    // look (client, git)
    let known = context
        .index
        .watch(key)
        .filter(|watched| watched.says_the_same(&watch) && !watched.restated);
    let (started, asked_at) = (Instant::now(), whole_seconds(Timestamp::now()));
    let looked = look(context, &watch, known.as_deref()).await;
    context.metrics.source_fetched(started.elapsed());
    // put in force (no client)
    let interval = watch
        .spec
        .source
        .times()
        .map_or(QUIET, |(interval, _)| interval.unsigned());
    let (failure, again) = match looked {
        Ok(looked) => {
            put_in_force(context, key, &watch, looked, asked_at);
            context.attempts.forget(key);
            context.metrics.source_read(&key.namespace, &key.name);
            (None, interval)
        }
        Err(error) => {
            let failure = failed(context, key, &watch, &error);
            (
                Some(failure),
                context.attempts.failed(key, &watch, interval, error.longest_rest()),
            )
        }
    };
    // publish (client)
    publish(context, key, &watch, failure, watch.metadata.generation).await?;
    Ok(Next::After(again))
}

/// What one look at a watch's source gave, with what it rests on.
struct Looked {
    terms: Terms,
    resolved: Resolved,
    look: Look,
}

async fn look(context: &Context, watch: &DriftWatch, known: Option<&Watched>) -> Result<Looked, SourceError> {
    let terms = terms(watch)?;
    let sources = &context.settings.sources;
    let object = origin::object(&context.cluster, &sources.own_namespace, watch).await?;
    if let (Some((tool, _)), Some(object)) = (origin::tool_of(watch), &object) {
        context.tools.fill(&tool, object);
    }
    let resolved = origin::resolve(
        &context.cluster,
        &sources.own_namespace,
        &sources.argo_cd,
        watch,
        object,
    )
    .await?;
    let known = known.filter(|known| known.failure.is_none());
    let known = known.map(
        |Watched {
             rendition, dressing, ..
         }| {
            let Rendition {
                revision,
                synced,
                compared,
                ..
            } = rendition.as_ref();
            Known {
                revision,
                synced,
                compared: compared.as_deref(),
                dressing,
            }
        },
    );
    let look = desired::look(sources, &context.cluster, watch, &resolved, known).await?;
    Ok(Looked { terms, resolved, look })
}

/// Writes a watch's status from what is known, without a look at its source.
///
/// # Errors
///
/// [`ReconcileError`]; the key is tried again.
pub async fn counts(context: &Context, key: &WatchKey) -> Result<Next, ReconcileError> {
    let Some(watch) = context.watches.get(&ObjectRef::new(&key.name).within(&key.namespace)) else {
        return Ok(Next::Done);
    };
    let known = context.index.watch(key);
    let generation = observed_generation(known.as_deref(), &watch);
    publish(
        context,
        key,
        &watch,
        known.and_then(|watched| watched.failure.clone()),
        generation,
    )
    .await
}

/// Which generation of the spec is observed: one whose source was not looked at yet is not.
fn observed_generation(known: Option<&Watched>, watch: &DriftWatch) -> Option<i64> {
    if known.is_some_and(|known| known.says_the_same(watch) && !known.restated) {
        return watch.metadata.generation;
    }
    watch.status.as_ref()?.observed_generation
}

/// A watch with one commit of its source in force.
///
/// # Errors
///
/// What is wrong with the watch's own fields.
pub fn watched(
    watch: Arc<DriftWatch>,
    resolved: Resolved,
    rendition: Rendition,
    now: Timestamp,
) -> Result<Watched, SourceError> {
    let terms = terms(&watch)?;
    let since = told_since(&watch, &rendition.revision).unwrap_or(now);
    Ok(in_force(watch, terms, resolved, Arc::new(rendition), since, now))
}

fn in_force(
    watch: Arc<DriftWatch>,
    terms: Terms,
    resolved: Resolved,
    rendition: Arc<Rendition>,
    since: Timestamp,
    answered_at: Timestamp,
) -> Watched {
    let Terms { syncer, policy } = terms;
    let Resolved {
        dressing,
        tool,
        surroundings,
        ignored,
        ..
    } = resolved;
    let policy = Arc::new(policy);
    Watched {
        watch,
        syncer,
        dressing,
        tool,
        surroundings,
        ignored,
        policy,
        rendition,
        since,
        answered_at,
        failure: None,
        restated: false,
    }
}

fn put_in_force(context: &Context, key: &WatchKey, watch: &Arc<DriftWatch>, mut looked: Looked, asked_at: Timestamp) {
    // A look takes its time: what it was asked with may not be what the watch says by now, and that has its own look.
    let current = context.watches.get(&ObjectRef::new(&key.name).within(&key.namespace));
    if current.is_none_or(|current| (&current.spec, &current.metadata.uid) != (&watch.spec, &watch.metadata.uid)) {
        return;
    }
    let now = whole_seconds(Timestamp::now());
    let known = context.index.watch(key);
    let known_before = known.as_ref().map(|known| known.since);
    // The same rules remember what they cost, and where they failed.
    if let Some(same) = known
        .as_ref()
        .map(|known| &known.ignored)
        .filter(|ignored| **ignored == looked.resolved.ignored)
    {
        looked.resolved.ignored = same.clone();
    }
    let (rendition, since) = match (looked.look, known) {
        (Look::Unchanged, Some(known)) => (known.rendition.clone(), known.since),
        (Look::Unchanged, None) => return,
        (Look::Rendered(rendition), known) => {
            let governed = rendition.desired.len();
            info!(watch = %key, revision = rendition.revision, governed, "a commit is in force");
            let since = known
                .filter(|known| known.rendition.revision == rendition.revision)
                .map(|known| known.since);
            let since = since.or_else(|| told_since(watch, &rendition.revision)).unwrap_or(now);
            (Arc::from(rendition), since)
        }
    };
    looked
        .resolved
        .ignored
        .keep(|target| rendition.desired.contains_key(target));
    let is_first = known_before.is_none();
    let affected = context.index.put(
        key,
        in_force(watch.clone(), looked.terms, looked.resolved, rendition, since, asked_at),
    );
    stir(context, key, affected);
    // What the source dropped while no process looked at it is named by nothing but its report.
    if is_first {
        for report in context.reports.state().iter().filter(|report| named(report, key)) {
            context.queue.now(Key::of_report(report));
        }
    }
}

/// Since when a commit is in force, as an earlier process told it.
fn told_since(watch: &DriftWatch, revision: &str) -> Option<Timestamp> {
    let status = watch.status.as_ref()?;
    status
        .revision_since
        .filter(|_| status.revision.as_deref() == Some(revision))
}

/// Looks again at Deployments, and at the other watches that name one of them: who leads it may be another one now.
pub(super) fn stir(context: &Context, key: &WatchKey, targets: Vec<Target>) {
    for rival in context.index.rivals(key, &targets) {
        context.queue.now(Key::Counts(rival));
    }
    for target in targets {
        context.queue.now(Key::Target(target));
    }
}

/// Keeps the last commit in force, marked with its age, and says why there is no newer one.
fn failed(context: &Context, key: &WatchKey, watch: &Arc<DriftWatch>, error: &SourceError) -> SourceFailure {
    let reason = error.category();
    let before = watch
        .status
        .as_ref()
        .and_then(|status| status.source_failure.as_ref())
        .filter(|before| before.reason == reason);
    let failure = SourceFailure {
        reason: reason.to_owned(),
        // Whatever is quoted in it: it is held, logged and stored.
        message: cut(&chain(error), FAILURE_LIMIT),
        hint: error.hint_in_status().map(|hint| cut(&hint, FAILURE_LIMIT)),
        since: before.map_or_else(|| whole_seconds(Timestamp::now()), |before| before.since),
    };
    // What the network said is for an administrator: from a status a tenant could learn what listens where.
    let detail = error.detail();
    warn!(watch = %key, reason, error = failure.message, detail, "the source cannot be read");
    context.metrics.source_failed(&key.namespace, &key.name, reason);
    context.index.source_failed(key, failure.clone());
    failure
}

/// An error with its causes, in one line.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        text.push_str(&format!(": {error}"));
        cause = error.source();
    }
    text
}

pub(super) fn forget(context: &Context, key: &WatchKey) -> Next {
    context.attempts.forget(key);
    context.tools.name(key, None);
    stir(context, key, context.index.remove(key));
    // Reports of Deployments that Git had dropped earlier name the watch, too.
    for report in context.reports.state().iter().filter(|report| named(report, key)) {
        context.queue.now(Key::of_report(report));
    }
    context.metrics.forget_watch(&key.namespace, &key.name);
    let Sources { mirrors, held, .. } = &context.settings.sources;
    held.forget(key);
    // It waits for a look that is under way.
    let (mirrors, gone) = (mirrors.clone(), key.clone());
    tokio::task::spawn_blocking(move || mirrors.forget(&gone.namespace, &gone.name));
    context.index.forget_watch(key);
    Next::Done
}

fn named(report: &crate::crd::DriftReport, key: &WatchKey) -> bool {
    report.spec.watch_ref.namespace == key.namespace && report.spec.watch_ref.name == key.name
}

#[cfg(test)]
mod tests;
