//! How often each outcome came, by site and way.

use std::collections::BTreeMap;
use std::fmt;

use driftmend::engine::kind::Kind;

use crate::judge::Outcome;
use crate::server::Way;
use crate::states::{Site, sites, unions};

/// The counts of a run over one kind.
pub struct Table {
    kind: &'static Kind,
    cells: BTreeMap<(String, Way), BTreeMap<Outcome, usize>>,

    /// How many answers were compared.
    pub answers: usize,
}

impl Table {
    pub fn new(kind: &'static Kind) -> Self {
        Self {
            kind,
            cells: BTreeMap::new(),
            answers: 0,
        }
    }

    pub fn count(&mut self, site: &str, way: Way, outcome: Outcome) {
        self.answers += 1;
        *self
            .cells
            .entry((site.to_owned(), way))
            .or_default()
            .entry(outcome)
            .or_default() += 1;
    }

    fn of(&self, site: &str, way: Way, outcome: Outcome) -> usize {
        self.cells
            .get(&(site.to_owned(), way))
            .and_then(|cell| cell.get(&outcome))
            .copied()
            .unwrap_or(0)
    }

    /// The cells of unions that can be met and were met less than `least` times: the site and the cell in words.
    pub fn thin(&self, least: usize) -> Vec<(&'static Site, String)> {
        let mut thin = Vec::new();
        for site in unions(self.kind) {
            for way in Way::ALL {
                for outcome in Outcome::ALL.into_iter().filter(|outcome| is_possible(way, *outcome)) {
                    let met = self.of(site.name, way, outcome);
                    if met < least && !is_exempt(site.name, way, outcome) {
                        thin.push((site, format!("{} {way:?} {outcome:?}: {met}", site.name)));
                    }
                }
            }
        }
        thin
    }
}

/// Only an unforced server-side apply meets a conflict, and a PUT leaves nothing behind.
fn is_possible(way: Way, outcome: Outcome) -> bool {
    match outcome {
        // A new object is made or refused.
        _ if way.creates() => matches!(outcome, Outcome::Reverts | Outcome::Refused),
        // A few are asked for real.
        _ if way == Way::TakingOver => false,
        Outcome::Conflict => way == Way::Unforced,
        Outcome::Residual => way != Way::Replace,
        Outcome::Clean | Outcome::Reverts | Outcome::Refused => true,
    }
}

/// Cells that hardly ever are: a write that exchanges the member of a union takes no field from the tool, so that there
/// is nothing to conflict over, and next to nothing that a sync could keep.
fn is_exempt(site: &str, way: Way, outcome: Outcome) -> bool {
    match outcome {
        Outcome::Conflict => {
            way == Way::Unforced
                && [
                    "volume",
                    "volumeMount",
                    "volumeDevices",
                    "resourceClaims",
                    "fc",
                    "env item",
                ]
                .contains(&site)
        }
        // Its other sources stand beside Git's, which the server refuses.
        Outcome::Reverts => way == Way::Migrating && site == "volume",
        Outcome::Residual => [
            "postStart",
            "preStop",
            "volume",
            "projected",
            "volumeDevices",
            "envFrom",
            "env item",
            "tolerations",
            "resourceClaims",
        ]
        .contains(&site),
        _ => false,
    }
}

impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "{:<22}{}",
            "clean/reverts/residual/conflict/refused",
            Way::ALL.map(|way| format!("{:>22}", format!("{way:?}"))).concat()
        )?;
        for site in sites(self.kind) {
            let cells = Way::ALL.map(|way| {
                let counts = Outcome::ALL.map(|outcome| self.of(site.name, way, outcome).to_string());
                format!("{:>22}", counts.join("/"))
            });
            writeln!(f, "{:<22}{}", site.name, cells.concat())?;
        }
        write!(f, "{} answers", self.answers)
    }
}
