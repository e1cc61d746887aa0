//! Why what the reports say may not be the whole truth of now.

use jiff::Timestamp;

use super::Fault;
use super::freshness::{self, Freshness};
use super::output::{self, Format};
use super::standing::Watches;
use crate::api::v1alpha1::DriftReport;
use crate::cluster::Cluster;
use crate::report::printer::line;

/// What is to be told before some reports, and as of when they are so.
pub(super) struct Doubts {
    freshness: Freshness,
    complaints: Vec<String>,
    written: Option<Timestamp>,
    now: Timestamp,
}

impl Doubts {
    /// Those about what these watches have said. `reports` are all that were listed; `None` where one was asked for by
    /// name.
    pub(super) async fn of(
        cluster: &Cluster,
        watches: &Watches,
        reports: Option<&[DriftReport]>,
        now: Timestamp,
    ) -> Result<Self, Fault> {
        Ok(Self {
            freshness: Freshness::of(cluster, &watches.found, now).await?,
            complaints: watches.complaints(reports, now),
            written: freshness::written(&watches.found),
            now,
        })
    }

    /// Whether there are any: what is not known is never green.
    pub(super) fn any(&self) -> bool {
        !self.complaints.is_empty() || !matches!(self.freshness, Freshness::Running { .. })
    }

    /// What stands before everything else, worst first.
    fn first_lines(&self) -> impl Iterator<Item = String> {
        // That nobody has written a watch is what the complaint about it says.
        let told = self.freshness == Freshness::Unwritten && !self.complaints.is_empty();
        self.freshness
            .warning(self.now)
            .filter(|_| !told)
            .into_iter()
            .chain(self.complaints.iter().cloned())
    }

    /// A text between what must be known before it and as of when it is so.
    pub(super) fn around(&self, text: &str) -> String {
        let mut out = String::new();
        for line in self.first_lines() {
            line!(&mut out, "{line}");
        }
        out.push_str(text);
        line!(&mut out, "{}", self.freshness.footer(self.written, self.now));
        out
    }

    /// Tells on standard error what has no place in a format for programs, and what would let more be known.
    pub(super) fn tell_aside(&self, format: Format) {
        if format != Format::Human {
            for line in self.first_lines() {
                output::print_aside("warning", &line);
            }
            output::print_aside("note", &self.freshness.footer(self.written, self.now));
        }
        if let Freshness::Unknown { hint: Some(hint), .. } = &self.freshness {
            output::print_aside("hint", hint);
        }
    }
}
