//! Makes cases by chance: every site in turn, with some others around it.

use driftmend::engine::object::FieldPath;
use serde_json::{Value, json};

use crate::case::{Case, Style, Writer, put};
use crate::random::Random;
use crate::states::{SITES, Site, base};

/// Managers that people and programs write under.
const MANAGERS: &[&str] = &["kubectl-patch", "kubectl-edit", "Lens", "release-bot"];

/// The case of this number. Consecutive numbers go through all sites.
pub fn case(seed: u64, number: usize) -> Case {
    let mut random = Random::of(seed, number);
    let focus = &SITES[number % SITES.len()];
    let mut then = base();
    set(&mut then, ".spec.template.spec.volumes[name=\"data\"]", Some(json!({"name": "data", "emptyDir": {}})));
    for _ in 0..random.below(5) {
        let site = random.pick(SITES);
        set(&mut then, site.path, (site.state)(&mut random));
    }
    let before = (focus.state)(&mut random);
    set(&mut then, focus.path, before.clone());
    let mut now = then.clone();
    let mut edits = Vec::new();
    if random.chance(85) {
        edits.push((focus.path.to_owned(), other_than(&before, focus, &mut random)));
        if random.chance(25) {
            let site = random.pick(SITES);
            edits.push((site.path.to_owned(), (site.state)(&mut random)));
        }
    }
    if random.chance(45) || edits.is_empty() {
        set(&mut now, focus.path, other_than(&before, focus, &mut random));
    } else if random.chance(15) {
        set(&mut now, focus.path, (focus.broken)(&mut random));
    }
    if random.chance(30) {
        let site = random.pick(SITES);
        set(&mut now, site.path, (site.state)(&mut random));
    }
    let style = *random.pick(&[Style::Json, Style::Json, Style::Strategic, Style::Apply]);
    let manager = (*random.pick(MANAGERS)).to_owned();
    let writer = (!edits.is_empty()).then_some(Writer { manager, style, edits });
    Case { site: focus.name.to_owned(), then, writer, now }
}

/// Another state than this one, if a few tries find one.
fn other_than(state: &Option<Value>, site: &Site, random: &mut Random) -> Option<Value> {
    let mut other = (site.state)(random);
    for _ in 0..4 {
        if other != *state {
            break;
        }
        other = (site.state)(random);
    }
    other
}

fn set(object: &mut Value, path: &str, value: Option<Value>) {
    match FieldPath::parse(path) {
        Ok(path) => put(object, &path, value),
        Err(error) => unreachable!("a path of the table: {error}"),
    }
}
