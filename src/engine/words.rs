//! Places and reasons in the words of a person.

use serde_json::Value;

use crate::engine::diff::{ChangeKind, Drift};
use crate::engine::kind::Kind;
use crate::engine::object::{FieldPath, Segment};

/// The most fields that one sentence names.
const MOST_NAMED: usize = 3;

/// `livenessProbe of container web has httpGet in Git, tcpSocket in the cluster`.
pub(super) fn contrast(involved: &[&Drift]) -> Option<String> {
    let holder = holder(&involved.first()?.change.path)?;
    let changed = involved
        .iter()
        .any(|drift| !matches!(drift.change.kind, ChangeKind::Added | ChangeKind::Removed));
    if changed
        || involved
            .iter()
            .any(|drift| self::holder(&drift.change.path).as_ref() != Some(&holder))
    {
        let verb = if involved.len() == 1 { "differs" } else { "differ" };
        let places: Vec<String> = involved
            .iter()
            .take(MOST_NAMED)
            .map(|drift| place(&drift.change.path))
            .collect();
        let more = involved.len().saturating_sub(MOST_NAMED);
        let more = if more > 0 {
            format!(" and {more} more")
        } else {
            String::new()
        };
        return Some(format!("{}{more} {verb}", places.join(" and ")));
    }
    let named = |kind: ChangeKind| -> Vec<String> {
        involved
            .iter()
            .filter(|drift| drift.change.kind == kind)
            .filter_map(|drift| last_name(&drift.change.path))
            .collect()
    };
    let (in_git, in_cluster) = (
        named(ChangeKind::Removed).join(" and "),
        named(ChangeKind::Added).join(" and "),
    );
    let place = place(&holder);
    Some(match (in_git.is_empty(), in_cluster.is_empty()) {
        (false, false) => format!("{place} has {in_git} in Git, {in_cluster} in the cluster"),
        (true, _) => format!("{place} has {in_cluster} in the cluster, not in Git"),
        (false, true) => format!("{place} has {in_git} in Git, not in the cluster"),
    })
}

/// `port name http is on 80 in Git and on 81 in the cluster`, where two ports have one name.
pub(super) fn ports(involved: &[&Drift]) -> Option<String> {
    let [one, other] = involved else { return None };
    let of = |kind: ChangeKind| [one, other].into_iter().find(|drift| drift.change.kind == kind);
    let (git, cluster) = (of(ChangeKind::Removed)?, of(ChangeKind::Added)?);
    let is_port = |drift: &Drift| drift.change.path.schema().ends_with(".ports[]");
    let (wanted, live) = (git.change.desired.as_ref()?, cluster.change.live.as_ref()?);
    let name = wanted
        .get("name")
        .filter(|name| is_port(git) && is_port(cluster) && live.get("name") == Some(name))?
        .as_str()?;
    let (in_git, in_cluster) = (wanted.get("containerPort")?, live.get("containerPort")?);
    Some(format!(
        "port name {name} is on {in_git} in Git and on {in_cluster} in the cluster"
    ))
}

/// `Git's selector has v=2`, or what else tells two selectors apart.
pub(super) fn selector(git: &Value, live: &Value) -> String {
    let parts = |selector: &Value| -> Vec<String> {
        let labels = selector
            .get("matchLabels")
            .and_then(Value::as_object)
            .into_iter()
            .flatten();
        let labels = labels.map(|(name, value)| format!("{name}={}", value.as_str().unwrap_or_default()));
        let expressions = selector
            .get("matchExpressions")
            .and_then(Value::as_array)
            .into_iter()
            .flatten();
        labels.chain(expressions.map(expression)).collect()
    };
    let (git, live) = (parts(git), parts(live));
    let only = |one: &[String], other: &[String]| {
        one.iter()
            .filter(|part| !other.contains(part))
            .cloned()
            .collect::<Vec<_>>()
            .join(", ")
    };
    match (only(&git, &live), only(&live, &git)) {
        (more, _) if !more.is_empty() => format!("Git's selector has {more}"),
        (_, less) if !less.is_empty() => format!("Git's selector lacks {less}"),
        _ => "Git's selector is another one than live's".to_owned(),
    }
}

/// `app In (web, shop)`.
fn expression(expression: &Value) -> String {
    let text = |name: &str| expression.get(name).and_then(Value::as_str).unwrap_or_default();
    let values: Vec<&str> = expression
        .get("values")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
        .filter_map(Value::as_str)
        .collect();
    let values = if values.is_empty() {
        String::new()
    } else {
        format!(" ({})", values.join(", "))
    };
    format!("{} {}{values}", text("key"), text("operator"))
}

/// ` (kubectl-patch, since …)`, or nothing where no owner is recorded.
pub(super) fn by(involved: &[&Drift]) -> String {
    match involved.iter().flat_map(|drift| &drift.owners).next() {
        Some(owner) => owner.time.map_or_else(
            || format!(" ({})", owner.manager),
            |time| format!(" ({}, since {time})", owner.manager),
        ),
        None => String::new(),
    }
}

/// What it costs to undo these: a change of the pod template costs a roll-out.
pub(super) fn cost(kind: &Kind, drifts: &[&Drift]) -> &'static str {
    if drifts.iter().any(|drift| kind.rolls_out(&drift.change.path)) {
        "one roll-out"
    } else {
        "no roll-out"
    }
}

/// What a field stands in: the parent, and for an item of a list what has the list.
fn holder(path: &FieldPath) -> Option<FieldPath> {
    let parent = path.parent()?;
    if matches!(path.0.last(), Some(Segment::Field(_))) {
        Some(parent)
    } else {
        parent.parent()
    }
}

/// `httpGet`, or `port 80` for an item of a list.
fn last_name(path: &FieldPath) -> Option<String> {
    match path.0.as_slice() {
        [.., Segment::Field(name)] => Some(name.clone()),
        [.., Segment::Field(list), Segment::Key(keys)] => Some(item(list, keys)),
        [.., Segment::Field(list), _] => Some(list.clone()),
        _ => None,
    }
}

/// `container web`, `port 80`.
fn item(list: &str, keys: &[(String, Value)]) -> String {
    let name = keys
        .first()
        .map(|(_, value)| value.as_str().map_or_else(|| value.to_string(), str::to_owned))
        .unwrap_or_default();
    // Aliases have one more letter than hosts have.
    let one = list
        .strip_suffix("es")
        .filter(|one| one.ends_with('s'))
        .or_else(|| list.strip_suffix('s'))
        .unwrap_or(list);
    format!("{one} {name}")
}

/// A path in the words of a person: the field and the list items it belongs to.
pub(super) fn place(path: &FieldPath) -> String {
    let mut told = Vec::new();
    let mut fields: Vec<&str> = Vec::new();
    let mut segments = path.0.iter().rev().peekable();
    while let Some(segment) = segments.next() {
        match (segment, segments.peek()) {
            (Segment::Key(keys), Some(Segment::Field(list))) => {
                if !fields.is_empty() {
                    fields.reverse();
                    told.push(std::mem::take(&mut fields).join("."));
                }
                told.push(item(list, keys));
                segments.next();
            }
            (Segment::Field(name), _) => fields.push(name),
            _ => {}
        }
    }
    if told.is_empty() {
        fields.reverse();
        return fields.join(".");
    }
    told.join(" of ")
}
