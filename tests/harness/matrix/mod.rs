//! The matrix: which union, who drifted it and how, how the tool applies, and what Git does meanwhile, each by chance
//! from a seed and a number.
//!
//! A case is played beside the real tool: it is brought in sync, somebody changes the union, Git may move on, the tool
//! syncs and what comes of it is held against the prediction that stood before; what the plan says is approved and
//! carried out, and then the next change of that union must sync, and the one back. What is played knows nothing of a
//! tool but what [`Tool`] says.

mod cure;
mod drift;
mod judge;
mod kinds;
mod play;
// What a union by chance needs of it is not all.
#[allow(dead_code)]
#[path = "../../oracle/random.rs"]
mod random;
mod run;
mod tally;
mod tool;
mod witness;

use std::fmt;

pub use kinds::Kind;
pub use random::Random;
pub use run::run;
pub use tool::{Tool, Try, Way};
pub use witness::{Kept, Moment};

/// Who changes the union by hand, and how.
// Each tool's tests use only those that it can meet.
#[allow(dead_code)]
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Hand {
    /// `kubectl edit`: an Update in its name.
    Edit,

    /// `kubectl patch`: an Update in its name.
    Patch,

    /// `kubectl replace` of what is there, without the annotation of client-side apply.
    Replace,

    /// `kubectl apply` of Git's document with the change: only where last-applied is there to take the other member
    /// out.
    Apply,

    /// An edit, which a person then applies server-side as their own.
    ServerSide,

    /// The same by a program.
    Applier,

    /// An edit, after which the annotation of client-side apply is gone.
    Lost,

    /// An Update by a program of which no tool takes anything over.
    Program,
}

impl Hand {
    /// Whether another write follows the one that switches the union.
    pub const fn writes_twice(self) -> bool {
        matches!(self, Self::ServerSide | Self::Applier)
    }
}

/// What Git does after the hand change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Git {
    /// Nothing.
    Still,

    /// A commit that changes something else.
    Elsewhere,

    /// It takes the hand change over.
    Adopts,

    /// It switches the union to a third member.
    Third,
}

/// One case.
#[derive(Clone, Debug)]
pub struct Case<W> {
    /// The seed of all of a run's cases.
    pub seed: u64,

    /// Its number among them.
    pub number: usize,

    /// Which union.
    pub kind: &'static Kind,

    /// How the tool applies.
    pub way: W,

    /// Who changes the union.
    pub hand: Hand,

    /// What Git does then.
    pub git: Git,

    /// Which members Git has first, the hand sets, and Git has third: three different ones.
    pub members: [usize; 3],
}

impl<W: Way> Case<W> {
    /// The case of a seed and a number.
    pub fn of(seed: u64, number: usize) -> Self {
        let mut random = Random::of(seed ^ 0x4EA1, number);
        let way = W::draw(&mut random);
        // One kind after the other, so that a small run meets many.
        let kind = &kinds::KINDS[number % kinds::KINDS.len()];
        let hand = *random.pick(&way.hands());
        let git = *random.pick(&[
            Git::Still,
            Git::Still,
            Git::Elsewhere,
            Git::Adopts,
            Git::Third,
            Git::Third,
        ]);
        let count = kind.members.len();
        let first = random.below(count);
        let second = (first + 1 + random.below(count - 1)) % count;
        let rest: Vec<usize> = (0..count).filter(|at| *at != first && *at != second).collect();
        let third = *random.pick(&rest);
        Self {
            seed,
            number,
            kind,
            way,
            hand,
            git,
            members: [first, second, third],
        }
    }
}

impl<W: fmt::Display> fmt::Display for Case<W> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [first, second, third] = self.members;
        write!(
            f,
            "seed {} number {}: {} {first}>{second}>{third}, {}, by {:?}, Git {:?}",
            self.seed, self.number, self.kind.name, self.way, self.hand, self.git
        )
    }
}
