//! The catalogue of rules as people and scripts meet it: a list, one rule in full, a table, and the page of the docs.

use std::fmt::Write;

use serde::Serialize;

use super::printer::line;
use crate::api::v1alpha1::Weight;
use crate::engine::rules::{self, Check, RULES, Rule};

/// How wide a text for a terminal is.
const WIDTH: usize = 80;

/// The table of rules, as scripts read it.
#[derive(Clone, Debug, Serialize)]
pub struct Catalogue {
    /// Every rule that was asked for.
    pub rules: Vec<Entry>,
}

/// One rule.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Entry {
    /// Its name.
    pub id: &'static str,

    /// How bad a finding of it is; the worst where that depends.
    pub severity: Weight,

    /// How bad it may be besides, worst first.
    pub milder: Vec<Weight>,

    /// What it finds, in one line.
    pub title: &'static str,

    /// What a finding means.
    pub meaning: &'static str,

    /// What to do about it.
    pub remedy: &'static str,

    /// Where a finding stands.
    pub found_in: Vec<Place>,
}

/// Where a finding stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Place {
    /// In DriftReports, and in `driftmend report` and `diff`.
    Reports,

    /// In `driftmend check`, and so in SARIF.
    Check,
}

/// These rules as a table.
pub fn catalogue<'a>(rules: impl IntoIterator<Item = &'a Rule>) -> Catalogue {
    let entry = |rule: &Rule| Entry {
        id: rule.id,
        severity: rule.severity.into(),
        milder: rule.milder.iter().copied().map(Into::into).collect(),
        title: rule.title,
        meaning: rule.meaning,
        remedy: rule.remedy,
        found_in: found_in(rule),
    };
    Catalogue {
        rules: rules.into_iter().map(entry).collect(),
    }
}

/// Every rule in a line: id, severity, title. Ends with a line break.
pub fn list() -> String {
    let width = |text: fn(&Rule) -> String| RULES.iter().map(|rule| text(rule).len()).max().unwrap_or_default();
    let (ids, weights) = (width(|rule| rule.id.to_owned()), width(in_words));
    let mut out = String::new();
    for rule in RULES {
        line!(
            &mut out,
            "{:ids$}  {:weights$}  {}",
            rule.id,
            in_words(rule),
            rule.title
        );
    }
    out
}

/// One rule in full. Ends with a line break.
pub fn text(rule: &Rule) -> String {
    let mut out = String::new();
    line!(&mut out, "{} ({})", rule.id, in_words(rule));
    let places = format!("Found in {}.", places(rule).replace('`', ""));
    for paragraph in [rule.title, rule.meaning, rule.remedy, &places] {
        out.push('\n');
        let mut left = WIDTH;
        for (at, word) in paragraph.split(' ').enumerate() {
            let is_over = at > 0 && left < word.len() + 1;
            left = if is_over { WIDTH } else { left }.saturating_sub(word.len() + 1);
            let before = match at {
                0 => "",
                _ if is_over => "\n",
                _ => " ",
            };
            // Writing into a text does not fail.
            let _ = write!(out, "{before}{word}");
        }
        out.push('\n');
    }
    out
}

/// The page of the documentation, as Markdown.
pub fn page() -> String {
    let mut out = "\
<!-- Generated from src/engine/rules; `DRIFTMEND_WRITE_DOCS=1 cargo test --test house` writes it anew. -->

# Rules

What driftmend finds wrong, and what to do about it: in `status.findings` of a DriftReport, in `driftmend report`, \
`diff` and `check`, and in SARIF (`check -o sarif`). `driftmend rules` prints the same list.

| rule | severity | what it finds |
|---|---|---|
"
    .to_owned();
    for rule in RULES {
        line!(
            &mut out,
            "| [`{id}`](#{id}) | {} | {} |",
            in_words(rule),
            rule.title,
            id = rule.id
        );
    }
    for rule in RULES {
        line!(&mut out, "");
        line!(&mut out, "## {}", rule.id);
        line!(&mut out, "");
        line!(
            &mut out,
            "{}. Severity: {}. Found in {}.",
            rule.title,
            in_words(rule),
            places(rule)
        );
        line!(&mut out, "");
        line!(&mut out, "{}", rule.meaning);
        line!(&mut out, "");
        line!(&mut out, "**What to do.** {}", rule.remedy);
    }
    out
}

/// `error or warning`.
fn in_words(rule: &Rule) -> String {
    let weights = std::iter::once(rule.severity).chain(rule.milder.iter().copied());
    weights.map(rules::Weight::name).collect::<Vec<_>>().join(" or ")
}

fn found_in(rule: &Rule) -> Vec<Place> {
    match (&rule.check, rule.in_check) {
        (Check::Manifest, _) => vec![Place::Check],
        (_, true) => vec![Place::Reports, Place::Check],
        (_, false) => vec![Place::Reports],
    }
}

fn places(rule: &Rule) -> String {
    let place = |place: Place| match place {
        Place::Reports => "reports",
        Place::Check => "`driftmend check`",
    };
    found_in(rule)
        .into_iter()
        .map(place)
        .collect::<Vec<_>>()
        .join(" and in ")
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::*;
    use crate::engine::rules::{latent_trap, operation_stale, read_otherwise};

    #[test]
    fn the_list_has_a_line_for_each_rule_that_fits_a_terminal_of_two_halves() {
        let list = list();
        assert_eq!(list.lines().count(), RULES.len());
        assert!(list.lines().all(|line| line.len() <= 2 * WIDTH), "{list}");
        let told = "operation-stale           error or warning          Argo CD keeps an operation that does not end \
                    by itself";
        assert!(list.lines().any(|line| line == told), "{list}");
    }

    #[test]
    fn a_rule_is_told_in_full_within_the_width_of_a_terminal() {
        let told = text(&latent_trap::RULE);
        assert!(told.lines().all(|line| line.len() <= WIDTH), "{told}");
        assert!(told.starts_with("latent-trap (warning)\n\nA later change"), "{told}");
        assert!(told.ends_with("\nFound in reports and in driftmend check.\n"), "{told}");
        for rule in RULES {
            let joined = text(rule).replace('\n', " ");
            assert!(
                joined.contains(rule.meaning) && joined.contains(rule.remedy),
                "{joined}"
            );
        }
    }

    #[test]
    fn the_table_says_where_a_finding_stands_and_how_bad_it_may_be() {
        let table = catalogue([&operation_stale::RULE, &read_otherwise::RULE]);
        let told: Vec<_> = table
            .rules
            .iter()
            .map(|entry| (entry.severity, entry.milder.clone(), entry.found_in.clone()))
            .collect();
        assert_eq!(
            told,
            [
                (Weight::Error, vec![Weight::Warning], vec![Place::Reports]),
                (Weight::Warning, vec![], vec![Place::Check])
            ]
        );
    }
}
