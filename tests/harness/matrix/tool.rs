//! What a case needs to know of the tool that syncs.

use std::fmt::{Debug, Display};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Result, bail};
use serde_json::Value;

use super::Hand;
use super::random::Random;
use super::witness::{Kept, Moment, Witness};
use crate::harness::object::Object;
use crate::harness::watched::Shop;

/// How a tool applies, and who starts it.
pub trait Way: Clone + Debug + Display + Send + Sync {
    /// One by chance.
    fn draw(random: &mut Random) -> Self;

    /// Who can drift a union under it.
    fn hands(&self) -> Vec<Hand>;

    /// Whether it asks who owns a field.
    fn by_owner(&self) -> bool;
}

/// One try of the tool to sync.
#[derive(Clone, Debug)]
pub struct Try {
    /// When it was seen first.
    pub seen: Moment,

    /// When its end was seen, or that it failed and is tried again.
    pub ended: Moment,

    /// What of.
    pub revision: String,

    /// Whether it failed.
    pub refused: bool,

    /// What the tool says of it.
    pub message: String,
}

/// A Deployment `web` that a tool syncs.
pub trait Tool: Shop + Sized + Send {
    /// How it applies.
    type Way: Way;

    /// The kind of the tool's object: group, version, kind and plural.
    const OBJECTS: [&'static str; 4];

    /// Its name as a field manager, whichever way it writes.
    const MANAGERS: &'static [&'static str];

    /// Opens a shop with this manifest, which it brings in sync.
    fn open(name: &str, way: &Self::Way, manifest: &Value) -> Result<Self>;

    /// The Deployment.
    fn deployment(&self) -> &Object;

    /// The tool's object: namespace and name.
    fn object(&self) -> (String, String);

    /// Commits the manifest, and something else where that is wanted. Gives the revision as the reports name it.
    fn commit(&self, manifest: &Value, elsewhere: bool) -> Result<String>;

    /// Lets the tool look at what Git has now.
    fn look(&self) -> Result<()>;

    /// Whether the tool has seen this revision.
    fn has_seen(object: &Value, revision: &str) -> bool;

    /// Whether somebody must ask for a sync of what Git has now.
    fn is_asked(&self, moved: bool) -> bool;

    /// Asks for a sync.
    fn ask(&self) -> Result<()>;

    /// The tries of which its object tells from some moment on.
    fn tries(history: &[(Moment, Arc<Value>)], since: Moment) -> Vec<Try>;

    /// Whether the tool's object says that the cluster is not as Git says.
    fn differs(object: &Value) -> bool;

    /// Whether nothing runs or waits, and all is as Git says.
    fn rests(object: &Value) -> bool;

    /// Whether an operation runs or is asked for.
    fn runs(object: &Value) -> bool;

    /// Where the witness keeps its object.
    fn kept(&self) -> Kept {
        let (namespace, name) = self.object();
        Kept::new(Self::OBJECTS[2], &namespace, &name)
    }

    /// Lets the tool see a commit, again where it does not: Argo CD can lose a request.
    fn sees(&self, witness: &Witness, revision: &str) -> Result<()> {
        for _ in 0..LOOKS {
            self.look()?;
            let seen = |history: &[(Moment, Arc<Value>)]| {
                history
                    .last()
                    .filter(|(_, newest)| Self::has_seen(newest, revision))
                    .map(drop)
            };
            if witness.wait(&self.kept(), LOST, seen).is_some() {
                return Ok(());
            }
        }
        bail!("the tool does not see {revision}: {}", witness.newest(&self.kept()))
    }

    /// Lets the tool sync what Git has, or waits until it does so by itself; gives the try, or none where none comes.
    fn sync(&self, witness: &Witness, since: Moment, revision: &str, moved: bool) -> Result<Option<Try>> {
        let kept = self.kept();
        let mut since = since;
        if self.is_asked(moved) {
            since = Moment::now();
            self.ask()?;
        }
        let fits = |history: &[(Moment, Arc<Value>)]| {
            let mut tries = Self::tries(history, since).into_iter();
            tries.find(|one| one.revision.contains(revision)).map(Some).or_else(|| {
                // It has nothing to do: the same for a while.
                let (at, newest) = history.last()?;
                (at.elapsed() > IDLE && since.elapsed() > IDLE && !Self::runs(newest)).then_some(None)
            })
        };
        Ok(witness.wait(&kept, PATIENCE, fits).flatten())
    }
}

/// How long a tool may do nothing before it counts as content: Argo CD's self-heal waits 2, 6, 18 s between attempts.
const IDLE: Duration = Duration::from_secs(12);

/// After this time a request to look counts as lost, and how many are sent.
const LOST: Duration = Duration::from_secs(10);
const LOOKS: usize = 6;

/// How long a sync may take.
const PATIENCE: Duration = Duration::from_secs(60);
