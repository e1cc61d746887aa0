//! Permission: whether the API server lets the healer write everything that a plan writes, asked before the first
//! write.
//!
//! A heal whose last step is forbidden stays half done: the Deployment is written, and the tool that was to follow
//! hears nothing of it. What RBAC allows could be looked up, but not what an admission policy says, and that one holds
//! a moment after it was stored. So the requests themselves are sent, as dry runs.

use super::{Healer, Look, Scene};
use crate::cluster::{ApiError, DryRun, Retry};
use crate::engine::plan::{Approved, Ground, Written};

impl<L: Look> Healer<'_, L> {
    /// Sends the writes of a plan as dry runs, as far as they can be told before the first one happened, for one answer
    /// only: a right that is missing. What else is wrong with a request is for its step, which reads everything again
    /// and sends it dry first.
    ///
    /// # Errors
    ///
    /// `Forbidden`, and requests that may succeed later.
    pub(super) async fn may_write(&self, approved: &Approved, scene: &Scene) -> Result<(), ApiError> {
        let plan = approved.plan();
        let ground = Ground::of(&scene.snapshot, &plan.hash, None);
        for (at, step) in plan.steps.iter().enumerate() {
            // A second write of the Deployment rests on the first, and needs the same right.
            if at > 0 && step.written() == Written::Target {
                continue;
            }
            let Ok(Some(request)) = step.render(&ground) else {
                continue;
            };
            match self.patch(&request, &scene.snapshot, DryRun::Yes).await {
                Err(error @ ApiError::Forbidden { .. }) => return Err(error),
                Err(error) if !matches!(error.retry(), Retry::ReadAgain | Retry::AwaitChange) => return Err(error),
                Ok(_) | Err(_) => {}
            }
        }
        Ok(())
    }
}
