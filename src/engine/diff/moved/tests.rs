use super::*;

const WAYS: [Strategy; 3] = [Strategy::ClientSideApply, Strategy::ServerSideApply, Strategy::Replace];
const WHOSE: [Whose; 3] = [Whose::Tool, Whose::Nobody, Whose::Others];
const SAYS: [Says; 4] = [Says::Nothing, Says::AsLive, Says::AsGit, Says::Neither];
const MET: [Met; 6] = [
    Met::Never,
    Met::Here,
    Met::Made,
    Met::AsLive,
    Met::NotAsLive,
    Met::Elsewhere,
];
const WROTE: [Wrote; 3] = [Wrote::Unknown, Wrote::Before, Wrote::Since];

/// One line of the table in the module's docs: the columns as words, where `-` stands for anything and `a|b` for
/// either.
struct Row {
    synced: &'static str,
    met: &'static str,
    wrote: &'static str,
    whose: &'static str,
    way: &'static str,
    applied: &'static str,
    also: &'static str,
    moved: Moved,
}

#[rustfmt::skip]
#[allow(clippy::too_many_arguments)] // the columns of a table
const fn row(
    synced: &'static str, met: &'static str, wrote: &'static str, whose: &'static str, way: &'static str,
    applied: &'static str, also: &'static str, moved: Moved,
) -> Row {
    Row { synced, met, wrote, whose, way, applied, also, moved }
}

/// The first row that fits decides.
#[rustfmt::skip]
const TABLE: &[Row] = &[
    row("AsLive",  "-",         "-",      "-",      "-",   "-",               "-",       Moved::Git),
    row("-",       "Made",      "-",      "-",      "-",   "-",               "-",       Moved::Server),
    row("-",       "Here",      "-",      "Tool",   "-",   "AsGit",           "-",       Moved::Server),
    row("-",       "Here",      "-",      "Tool",   "-",   "-",               "untouched", Moved::Server),
    row("-",       "Here",      "-",      "-",      "-",   "-",               "-",       Moved::Live),
    row("AsGit",   "-",         "-",      "Tool",   "-",   "AsGit",           "-",       Moved::Server),
    row("AsGit",   "-",         "-",      "Tool",   "SSA|PUT", "-",           "-",       Moved::Server),
    row("AsGit",   "-",         "-",      "-",      "-",   "-",               "-",       Moved::Live),
    row("Neither", "-",         "-",      "Tool",   "-",   "AsGit",           "-",       Moved::Server),
    row("Neither", "-",         "-",      "Tool",   "-",   "Neither",         "-",       Moved::Git),
    row("Neither", "-",         "-",      "Tool",   "SSA|PUT", "-",           "-",       Moved::Git),
    row("Neither", "-",         "-",      "-",      "-",   "-",               "-",       Moved::Live),
    row("Nothing", "AsLive",    "-",      "Tool",   "-",   "-",               "-",       Moved::Git),
    row("Nothing", "AsLive",    "Unknown|Before", "-", "-", "-",              "-",       Moved::Git),
    row("Nothing", "NotAsLive", "-",      "Nobody|Others", "-", "-",          "-",       Moved::Live),
    row("Nothing", "NotAsLive", "Since",  "Tool",   "-",   "Nothing|AsLive|Neither", "-", Moved::Live),
    row("Nothing", "-",         "Since",  "Tool",   "SSA|PUT", "-",           "-",       Moved::Server),
    row("Nothing", "-",         "Since",  "Tool",   "CSA", "AsGit",           "-",       Moved::Server),
    row("Nothing", "-",         "Since",  "-",      "-",   "-",               "-",       Moved::Live),
    row("Nothing", "-",         "-",      "Tool",   "-",   "AsGit",           "-",       Moved::Server),
    row("Nothing", "-",         "-",      "Tool",   "-",   "-",               "-",       Moved::Git),
    row("Nothing", "-",         "Before", "Nobody", "-",   "Nothing|AsLive",  "-",       Moved::Git),
    row("Nothing", "-",         "-",      "Nobody", "-",   "AsLive",          "by tool", Moved::Git),
    row("Nothing", "-",         "-",      "Nobody", "-",   "AsLive|AsGit|Neither", "-",  Moved::Live),
    row("Nothing", "Elsewhere", "-",      "Nobody", "-",   "Nothing",         "-",       Moved::Git),
    row("Nothing", "-",         "-",      "Nobody", "-",   "Nothing",         "young",   Moved::Git),
    row("Nothing", "-",         "-",      "Nobody", "-",   "Nothing",         "-",       Moved::Unknown),
    row("Nothing", "-",         "-",      "Others", "-",   "AsLive",          "by tool", Moved::Git),
    row("Nothing", "-",         "-",      "Others", "-",   "-",               "-",       Moved::Live),
];

impl Row {
    fn fits(&self, testimony: &Testimony) -> bool {
        let has = |column: &str, word: String| column == "-" || column.split('|').any(|one| one == word);
        let way = match testimony.strategy {
            Strategy::ClientSideApply => "CSA",
            Strategy::ServerSideApply => "SSA",
            Strategy::Replace => "PUT",
        };
        let also = match self.also {
            "by tool" => testimony.by_tool,
            "young" => testimony.young,
            "untouched" => testimony.untouched,
            _ => true,
        };
        has(self.synced, format!("{:?}", testimony.synced))
            && has(self.met, format!("{:?}", testimony.met))
            && has(self.wrote, format!("{:?}", testimony.wrote))
            && has(self.whose, format!("{:?}", testimony.whose))
            && has(self.way, way.to_owned())
            && has(self.applied, format!("{:?}", testimony.applied))
            && also
    }
}

fn every_testimony() -> Vec<Testimony> {
    let mut all = Vec::new();
    for strategy in WAYS {
        for (whose, synced) in WHOSE.into_iter().flat_map(|whose| SAYS.map(|synced| (whose, synced))) {
            for (met, wrote) in MET.into_iter().flat_map(|met| WROTE.map(|wrote| (met, wrote))) {
                for applied in SAYS {
                    for flags in 0..8 {
                        let [by_tool, young, untouched] = [1, 2, 4].map(|flag| flags & flag != 0);
                        all.push(Testimony {
                            strategy,
                            whose,
                            synced,
                            met,
                            wrote,
                            applied,
                            by_tool,
                            young,
                            untouched,
                        });
                    }
                }
            }
        }
    }
    all
}

#[test]
fn every_testimony_is_judged_as_the_table_says_and_no_row_is_idle() {
    let mut used = vec![0; TABLE.len()];
    for testimony in every_testimony() {
        let at = TABLE
            .iter()
            .position(|row| row.fits(&testimony))
            .unwrap_or_else(|| panic!("no row for {testimony:?}"));
        used[at] += 1;
        assert_eq!(moved(testimony), TABLE[at].moved, "row {at}: {testimony:?}");
    }
    assert_eq!(
        used.iter().position(|uses| *uses == 0),
        None,
        "rows that nothing reaches"
    );
}

#[test]
fn where_git_has_not_moved_and_the_tool_did_not_roll_back_nothing_is_pending() {
    for testimony in every_testimony()
        .into_iter()
        .filter(|testimony| testimony.met == Met::Here && testimony.synced != Says::AsLive)
    {
        assert!(matches!(moved(testimony), Moved::Live | Moved::Server), "{testimony:?}");
    }
}

#[test]
fn a_commits_own_time_decides_only_where_nobody_owns_the_field_and_nothing_else_is_known() {
    for testimony in every_testimony() {
        let other = moved(Testimony {
            young: !testimony.young,
            ..testimony
        });
        let alone =
            testimony.whose == Whose::Nobody && testimony.applied == Says::Nothing && testimony.met != Met::Here;
        assert!(
            moved(testimony) == other || alone && testimony.wrote == Wrote::Unknown,
            "{testimony:?}"
        );
    }
}
