//! The sync windows of an AppProject: when an Application may be synced.
//!
//! The rules are those of Argo CD v3.5.7, `SyncWindows` in `pkg/apis/application/v1alpha1/types.go`, with their
//! corners: a schedule that cannot be read stops every sync of the applications it matches, an unknown time zone counts
//! as UTC, and the zone's offset is the one of the moment that is asked about, not of the window's beginning.

use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::application::{Application, Destination};
use super::glob;
use super::schedule::{Schedule, time_zone};
use crate::engine::tool_object::duration::duration;
use crate::engine::tool_object::fields::{Fields, Place, Unreadable};

/// Who asks for a sync.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trigger {
    /// Auto-sync or self-heal.
    Automated,

    /// A person or a tool.
    Manual,
}

/// What a window does while it is open.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum WindowKind {
    /// Syncs run only then.
    Allow,

    /// Syncs do not run then.
    Deny,

    /// A kind that Argo CD passes over.
    Other(String),
}

/// One of `spec.syncWindows`.
#[derive(Clone, Debug, PartialEq)]
pub struct Window {
    /// What it does.
    pub kind: WindowKind,

    /// When it opens, as written.
    pub schedule: String,

    /// How long it stays open, as written.
    pub duration: String,

    /// Globs of names of Applications.
    pub applications: Vec<String>,

    /// Globs of destination namespaces.
    pub namespaces: Vec<String>,

    /// Globs of destination clusters, by address or name.
    pub clusters: Vec<String>,

    /// Whether manual syncs run against it.
    pub manual_sync: bool,

    /// The time zone of the schedule; UTC when absent.
    pub time_zone: Option<String>,

    /// Whether all of the three lists must match, and not one of them.
    pub and_operator: bool,

    /// Whether a sync that began in time goes on against it; from v3.3 on.
    pub sync_overrun: bool,

    /// What it is for.
    pub description: Option<String>,

    opening: Result<(Schedule, SignedDuration), String>,
}

/// The windows that concern one Application.
#[derive(Clone, Debug, PartialEq)]
pub struct Windows {
    /// `None` where the AppProject was not read.
    matching: Option<Vec<Window>>,
}

/// Whether a sync may run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It may.
    Granted,

    /// A deny window is open, or no allow window is; in words.
    Refused(String),

    /// A window cannot be read: Argo CD then syncs nothing that it matches.
    Broken(String),

    /// The AppProject was not read.
    Unknown,
}

/// Edges looked at before a window counts as one that never changes: a schedule of every minute has 1,440 a day.
const EDGES: usize = 1_500;

impl Windows {
    /// Of an AppProject that was not read: nothing can be said.
    pub fn unread() -> Self {
        Self { matching: None }
    }

    /// Of a project without windows.
    pub fn none() -> Self {
        Self {
            matching: Some(Vec::new()),
        }
    }

    /// Reads the windows of an AppProject that match an Application.
    ///
    /// # Errors
    /// [`Unreadable`] for a field of a wrong type. A schedule, duration or zone that Argo CD cannot read is no error
    /// here.
    pub fn of(project: &Value, application: &Application) -> Result<Self, Unreadable> {
        let root = Fields::of(Some(project), &Place::Root)?;
        let mut windows = root.object("spec", |spec| spec.list("syncWindows", Window::read))?;
        windows.retain(|window| window.matches(&application.name, &application.destination));
        Ok(Self {
            matching: Some(windows),
        })
    }

    /// The windows that match, in the project's order.
    pub fn matching(&self) -> &[Window] {
        self.matching.as_deref().unwrap_or_default()
    }

    /// The windows that match and are open.
    pub fn active(&self, now: Timestamp) -> impl Iterator<Item = &Window> {
        self.matching()
            .iter()
            .filter(move |window| window.active(now) == Ok(true))
    }

    /// Whether a sync may begin, or may go on where `started_at` tells when it began.
    ///
    /// Source: `SyncWindows.CanSync`. Auto-sync asks without a start (`processAppRefreshQueueItem`), a running
    /// operation with its own (`syncWindowPreventsSync` in `controller/sync.go`).
    pub fn may_sync(&self, trigger: Trigger, now: Timestamp, started_at: Option<Timestamp>) -> Leave {
        let Some(windows) = &self.matching else {
            return Leave::Unknown;
        };
        let leave = leave(windows, trigger, now, now);
        let Leave::Refused(why) = &leave else { return leave };
        let of_kind = |kind: WindowKind, active: bool| {
            windows
                .iter()
                .filter(move |window| window.kind == kind && window.active(now) == Ok(active))
        };
        let denies: Vec<_> = of_kind(WindowKind::Deny, true).collect();
        let in_the_way = if denies.is_empty() {
            of_kind(WindowKind::Allow, false).collect()
        } else {
            denies
        };
        match started_at {
            Some(started) if in_the_way.iter().all(|window| window.sync_overrun) => {
                match self::leave(windows, trigger, started, now) {
                    Leave::Refused(_) => Leave::Refused(why.clone()),
                    other => other,
                }
            }
            _ => leave,
        }
    }

    /// When the answer for a new sync becomes another one; `None` where it never does, or nothing is known.
    pub fn next_change(&self, trigger: Trigger, now: Timestamp) -> Option<Timestamp> {
        let windows = self.matching.as_deref()?;
        let granted = |at: Timestamp| leave(windows, trigger, at, at) == Leave::Granted;
        let (today, mut at) = (granted(now), now);
        for _ in 0..EDGES {
            let edge = windows.iter().filter_map(|window| window.next_edge(at)).min()?;
            // On the edge itself a window is not yet, or no longer, open.
            at = edge;
            if granted(just_after(edge)) != today {
                return Some(edge);
            }
        }
        None
    }
}

/// Whether a sync might begin at a time, seen from `now`, whose offset all zones have.
///
/// Source: `SyncWindows.canSyncAtTime`: an open deny window wins, then an open allow window, then a closed one.
fn leave(windows: &[Window], trigger: Trigger, at: Timestamp, now: Timestamp) -> Leave {
    let (mut denies, mut allows, mut closed) = (Vec::new(), false, Vec::new());
    for window in windows {
        match (window.was_active(at, now), &window.kind) {
            (Err(why), _) => return Leave::Broken(why),
            (Ok(true), WindowKind::Deny) => denies.push(window),
            (Ok(true), WindowKind::Allow) => allows = true,
            (Ok(false), WindowKind::Allow) => closed.push(window),
            (Ok(_), _) => {}
        }
    }
    let manual = |windows: &[&Window]| trigger == Trigger::Manual && windows.iter().all(|window| window.manual_sync);
    let words = |windows: &[&Window]| {
        windows
            .iter()
            .map(|window| window.to_string())
            .collect::<Vec<_>>()
            .join("; ")
    };
    match (&denies[..], &closed[..]) {
        ([_, ..], _) if !manual(&denies) => Leave::Refused(format!("a deny window is open: {}", words(&denies))),
        ([], [_, ..]) if !allows && !manual(&closed) => {
            Leave::Refused(format!("no allow window is open: {}", words(&closed)))
        }
        _ => Leave::Granted,
    }
}

impl Window {
    fn read(window: Fields<'_>) -> Result<Self, Unreadable> {
        let text = |name| window.text(name).map(Option::unwrap_or_default);
        let flag = |name| window.flag(name).map(|flag| flag.unwrap_or(false));
        let (schedule, length) = (text("schedule")?, text("duration")?);
        let opening = Schedule::parse(&schedule)
            .map_err(|error| error.to_string())
            .and_then(|opens| Ok((opens, duration(&length).map_err(|error| error.to_string())?)));
        Ok(Self {
            kind: match text("kind")?.as_str() {
                "allow" => WindowKind::Allow,
                "deny" => WindowKind::Deny,
                other => WindowKind::Other(other.to_owned()),
            },
            applications: window.texts("applications")?,
            namespaces: window.texts("namespaces")?,
            clusters: window.texts("clusters")?,
            manual_sync: flag("manualSync")?,
            time_zone: window.text("timeZone")?,
            and_operator: flag("andOperator")?,
            sync_overrun: flag("syncOverrun")?,
            description: window.text("description")?,
            schedule,
            duration: length,
            opening,
        })
    }

    /// Source: `SyncWindows.Matches`. With `andOperator` every list that is set must match, else one is enough; with no
    /// list set nothing matches.
    fn matches(&self, name: &str, destination: &Destination) -> bool {
        let any = |globs: &[String], text: Option<&str>| {
            text.is_some_and(|text| globs.iter().any(|pattern| glob::matches(pattern, text)))
        };
        let namespace = destination.namespace.as_deref().unwrap_or_default();
        let lists = [
            (!self.applications.is_empty()).then(|| any(&self.applications, Some(name))),
            (!self.clusters.is_empty()).then(|| {
                any(&self.clusters, destination.name.as_deref()) || any(&self.clusters, destination.server.as_deref())
            }),
            (!self.namespaces.is_empty()).then(|| any(&self.namespaces, Some(namespace))),
        ];
        let mut set = lists.into_iter().flatten().peekable();
        if self.and_operator {
            set.peek().is_some() && set.all(|matched| matched)
        } else {
            set.any(|matched| matched)
        }
    }

    /// Whether it is open: it opened less than its duration ago. A schedule that never comes counts as open.
    ///
    /// Source: `SyncWindow.active`; there the zero time that stands for "never" is before every other.
    ///
    /// # Errors
    /// What is wrong with the schedule or the duration.
    pub fn active(&self, now: Timestamp) -> Result<bool, String> {
        self.was_active(now, now)
    }

    fn was_active(&self, at: Timestamp, now: Timestamp) -> Result<bool, String> {
        let (schedule, length) = self.opening.as_ref().map_err(Clone::clone)?;
        let at = shifted(at, self.offset(now));
        Ok(schedule.next(shifted(at, -*length)).is_none_or(|opens| opens < at))
    }

    /// Source: `SyncWindow.scheduleOffsetByTimeZone`; an unknown zone counts as UTC.
    fn offset(&self, at: Timestamp) -> SignedDuration {
        let zone = self.time_zone.as_deref().and_then(time_zone);
        zone.map_or(SignedDuration::ZERO, |zone| {
            SignedDuration::from_secs(zone.to_offset(at).seconds().into())
        })
    }

    /// When it opens or closes next, or its zone changes its offset.
    fn next_edge(&self, after: Timestamp) -> Option<Timestamp> {
        let (schedule, length) = self.opening.as_ref().ok()?;
        let offset = self.offset(after);
        let local = shifted(after, offset);
        let opens = schedule.next(local)?;
        let closes = shifted(schedule.next(shifted(local, -*length))?, *length);
        let closes = if closes > local {
            closes
        } else {
            shifted(opens, *length)
        };
        let zone = self.time_zone.as_deref().and_then(time_zone);
        let turn = zone.and_then(|zone| zone.following(after).next().map(|turn| turn.timestamp()));
        [Some(shifted(opens, -offset)), Some(shifted(closes, -offset)), turn]
            .into_iter()
            .flatten()
            .filter(|edge| *edge > after)
            .min()
    }
}

impl std::fmt::Display for Window {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(
            f,
            "{:?} for {} {}",
            self.schedule,
            self.duration,
            self.time_zone.as_deref().unwrap_or("UTC")
        )?;
        match &self.description {
            Some(description) => write!(f, " ({description})"),
            None => Ok(()),
        }
    }
}

fn shifted(time: Timestamp, by: SignedDuration) -> Timestamp {
    time.saturating_add(by).unwrap_or(time)
}

fn just_after(edge: Timestamp) -> Timestamp {
    shifted(edge, SignedDuration::from_secs(1))
}

#[cfg(test)]
mod tests;
