//! A Kustomization and a GitRepository in any shape are read or refused, and whatever is made of them ends.

use driftmend::engine::flux::git_repository::GitRepository;
use driftmend::engine::flux::kustomization::{Kustomization, commit};
use driftmend::engine::flux::reconciliation::{names, next_reconciliation, reconciliation};
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::object::ObjectId;
use driftmend::engine::tool_object::message::comparable;
use driftmend::engine::tool_object::resource::ResourceRef;

pub fn read(bytes: &[u8]) {
    let mut documents = super::documents(bytes);
    let Some(document) = documents.next() else { return };
    let repository = documents
        .next()
        .and_then(|document| GitRepository::read(&document).ok());
    if let Some(repository) = &repository {
        let _ = (repository.commit(), repository.alters(), repository.why_not_fetching());
    }
    let Ok(kustomization) = Kustomization::read(&document) else {
        return;
    };
    let standing = reconciliation(&kustomization);
    let _ = (standing.name(), standing.why(), standing.action(), standing.held_back());
    next_reconciliation(&kustomization, repository.as_ref(), super::now()).words();
    let _ = (kustomization.transforms(), kustomization.diverts());
    let _ = (kustomization.force_caution(), kustomization.synced_commit());
    kustomization.applied(&ResourceRef::of(&DEPLOYMENT, "shop", "web"));
    let deployment = ObjectId {
        api_version: "apps/v1".to_owned(),
        kind: "Deployment".to_owned(),
        namespace: Some("shop".to_owned()),
        name: "web".to_owned(),
    };
    if let Some(ready) = kustomization.condition("Ready") {
        let _ = (
            names(&ready.message, &deployment),
            comparable(&ready.message),
            commit(&ready.message),
        );
    }
}
