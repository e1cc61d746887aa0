//! Which side moved since Git and live last said the same of a field.
//!
//! `pending` means: Git moved since the tool last wrote, and live did not. A manager's name alone proves nothing (a
//! person may run the very `kubectl apply` that the pipeline runs), nor does a commit's time, which is its author's
//! clock. So the witnesses are asked one after the other:
//!
//! 1. **synced**: the document at the commit that the tool says it applied last.
//! 2. **agreed**: the document at which live was last seen equal to Git.
//! 3. **wrote**: whether the tool wrote when this document was already seen in Git, or before Git was seen to change to
//!    it.
//! 4. **applied**: what `kubectl.kubernetes.io/last-applied-configuration` says, and the times that managedFields hold.
//!
//! What follows, by who owns the live field (`T` the syncing tool alone, `N` nobody, `O` anyone else). "as live" and
//! "as Git" stand for what a witness says of this one field; CSA, SSA and PUT are the ways of syncing.
//!
//! | # | witness                                     | owner | what was sent       | moved   |
//! |---|---------------------------------------------|-------|---------------------|---------|
//! | 1 | synced as live                              | any   | any                 | Git     |
//! | 2 | agreed: Git still says that of this field   | T     | as Git, or no write since | server |
//! |   | the same, and live what the server made of it then | any | any            | server  |
//! |   |                                             | else  |                     | live    |
//! | 3 | synced as Git                               | T     | as Git, or SSA, PUT | server  |
//! |   |                                             | else  |                     | live    |
//! | 4 | synced as neither                           | T     | as Git              | server  |
//! |   |                                             | T     | neither, or SSA, PUT| Git     |
//! |   |                                             | else  |                     | live    |
//! | 5 | agreed on another document, as live         | T     | any                 | Git     |
//! |   | the same, and the tool has not written since| N, O  | any                 | Git     |
//! | 6 | agreed on another document, not as live     | N, O  | any                 | live    |
//! |   | the same, and the tool has written since    | T     | as Git              | server  |
//! |   |                                             | T     | else                | live    |
//! | 7 | wrote since                                 | T     | as Git, or SSA, PUT | server  |
//! |   |                                             | else  |                     | live    |
//! | 8 | wrote before                                | T     | as Git              | server  |
//! |   |                                             | T     | else                | Git     |
//! |   |                                             | N     | as live, not told   | Git     |
//! |   |                                             | N     | as Git, neither     | live    |
//! |   |                                             | O     | as live, by the tool| Git     |
//! |   |                                             | O     | else                | live    |
//! | 9 | none of them                                | T     | as Git              | server  |
//! |   |                                             | T     | else                | Git     |
//! |   |                                             | N     | as live, by the tool| Git     |
//! |   |                                             | N     | as Git, neither, as live by others | live |
//! |   |                                             | N     | not told            | Git where agreed on another      |
//! |   |                                             |       |                     | document, or where the commit is |
//! |   |                                             |       |                     | younger than the tool's write    |
//! |   |                                             |       |                     | and no person wrote since; else  |
//! |   |                                             |       |                     | not known                        |
//! |   |                                             | O     | as live, by the tool| Git     |
//! |   |                                             | O     | else                | live    |
//!
//! "server" stands for the API server and its admission: a value that differs in the tool's own field, where the tool
//! wrote what Git says. Were it anyone else's write, the field would be theirs. Under client-side apply the annotation
//! tells what the tool wrote; a server-side apply owns only what it sent. Where the tool owns a field that live does
//! not even have, the same holds: who removes a field takes it from all its owners, and only admission comes after the
//! owners are recorded (`update` of structured-merge-diff's `merge/update.go`; the managedFields of a write are made
//! before mutating admission in apiserver's `pkg/endpoints/handlers/{create,update,patch}.go`).
//!
//! A field that live alone has, that nobody owns and that none of the documents has is the server's, too, and not asked
//! here: had the tool ever sent it, the tool would own it.

use crate::engine::syncer::Strategy;

/// Which side moved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Moved {
    /// Git, and live is still what the tool wrote.
    Git,

    /// Live: somebody or something changed it.
    Live,

    /// Neither: the server or its admission made this of the tool's own write.
    Server,

    /// No witness tells.
    Unknown,
}

/// Who owns the live field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Whose {
    /// The syncing tool; of a single value it may be one of several.
    Tool,

    /// No owner is recorded.
    Nobody,

    /// Somebody else, wholly or in part.
    Others,
}

/// What a document says of one field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Says {
    /// There is no such document.
    Nothing,

    /// The same as live.
    AsLive,

    /// The same as Git now.
    AsGit,

    /// Something else than either.
    Neither,
}

/// At which document live was last seen equal to Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Met {
    /// Never yet.
    Never,

    /// At Git's document of now, or at one that says the same of this field.
    Here,

    /// There, but for what the server had made of this field, and live still has just that.
    Made,

    /// At another one, which says the same as live of this field.
    AsLive,

    /// At another one, which says something else than live of this field.
    NotAsLive,

    /// At another one, of which only the digest is known.
    Elsewhere,
}

/// When the tool wrote last, against the times at which this document was seen in Git.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Wrote {
    /// Not known, or between the last look at which Git said something else and the first at which it said this.
    Unknown,

    /// Before Git was seen to change to it.
    Before,

    /// When it was already there.
    Since,
}

/// All that the witnesses say of one field.
#[derive(Clone, Copy, Debug)]
pub(super) struct Testimony {
    /// How the tool writes.
    pub strategy: Strategy,

    /// Who owns the live field.
    pub whose: Whose,

    /// What the document says that the tool applied last.
    pub synced: Says,

    /// Where live and Git last met.
    pub met: Met,

    /// When the tool wrote.
    pub wrote: Wrote,

    /// What the tool is known to have sent: what the last-applied annotation says under client-side apply, and
    /// [`Says::AsGit`] where live itself shows it (it lacks a field that the tool owns, or has Git's image pinned).
    /// [`Says::Nothing`] otherwise.
    pub applied: Says,

    /// Whether the tool wrote that annotation, or nobody is known to have.
    pub by_tool: bool,

    /// Whether the commit is younger than the tool's last write, and no person wrote since.
    pub young: bool,

    /// Whether the tool has written nothing since live and Git last met.
    pub untouched: bool,
}

/// Which side moved, by the table above.
pub(super) fn moved(testimony: Testimony) -> Moved {
    use Moved::{Git, Live, Server, Unknown};
    let Testimony {
        strategy,
        whose,
        synced,
        met,
        wrote,
        applied,
        by_tool,
        young,
        untouched,
    } = testimony;
    let csa = strategy == Strategy::ClientSideApply;
    let tool = whose == Whose::Tool;
    match (synced, met, wrote) {
        (Says::AsLive, ..) => Git,
        (_, Met::Made, _) => Server,
        (_, Met::Here, _) => {
            if tool && (applied == Says::AsGit || untouched) {
                Server
            } else {
                Live
            }
        }
        (Says::AsGit, ..) => {
            if tool && (applied == Says::AsGit || !csa) {
                Server
            } else {
                Live
            }
        }
        (Says::Neither, ..) => match applied {
            Says::AsGit if tool => Server,
            Says::Neither if tool => Git,
            _ if tool && !csa => Git,
            _ => Live,
        },
        (Says::Nothing, Met::AsLive, wrote) if tool || wrote != Wrote::Since => Git,
        (Says::Nothing, Met::NotAsLive, wrote) if !tool || (wrote == Wrote::Since && applied != Says::AsGit) => Live,
        (Says::Nothing, _, Wrote::Since) => {
            if tool && (applied == Says::AsGit || !csa) {
                Server
            } else {
                Live
            }
        }
        (Says::Nothing, _, wrote) => match (whose, applied) {
            (Whose::Tool, Says::AsGit) => Server,
            (Whose::Tool, _) => Git,
            (Whose::Others, Says::AsLive) if by_tool => Git,
            (Whose::Others, _) => Live,
            (Whose::Nobody, Says::AsLive) => {
                if by_tool || wrote == Wrote::Before {
                    Git
                } else {
                    Live
                }
            }
            (Whose::Nobody, Says::AsGit | Says::Neither) => Live,
            (Whose::Nobody, Says::Nothing) => {
                if wrote == Wrote::Before || met == Met::Elsewhere || young {
                    Git
                } else {
                    Unknown
                }
            }
        },
    }
}

#[cfg(test)]
mod tests;
