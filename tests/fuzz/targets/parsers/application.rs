//! An Application and its AppProject in any shape are read or refused, and whatever is made of them ends.

use driftmend::engine::argo_cd::application::Application;
use driftmend::engine::argo_cd::class::{Context, classify, concerns};
use driftmend::engine::argo_cd::hold::held_back;
use driftmend::engine::argo_cd::next_sync::next_sync;
use driftmend::engine::argo_cd::requests::{Operation, Then, clear, refresh, refreshed, start, started};
use driftmend::engine::argo_cd::touch::touches;
use driftmend::engine::argo_cd::window::{Trigger, Windows};
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::tool_object::message::comparable;

pub fn read(bytes: &[u8]) {
    let mut documents = super::documents(bytes);
    let Some(document) = documents.next() else { return };
    let project = documents.next().unwrap_or_default();
    let Ok(application) = Application::read(&document) else {
        return;
    };
    let windows = Windows::of(&project, &application).unwrap_or_else(|_| Windows::unread());
    let now = super::now();
    let target = DEPLOYMENT.object("shop", "web");
    let context = Context {
        now,
        controller_seen_alive: Some(now),
        windows: &windows,
        target: &target,
    };
    let standing = classify(&application, &context);
    let _ = (standing.why(), standing.until(), concerns(&application, &context));
    for hold in held_back(&application, Some(&project), &context) {
        hold.why();
    }
    next_sync(&application, &standing, &context).words();
    windows.may_sync(Trigger::Manual, now, None);
    windows.next_change(Trigger::Automated, now);
    let operation = Operation::of(&application, "fuzz", Vec::new(), None);
    for then in [Then::Refresh, Then::Start(operation.clone())] {
        touches(&application, &then).sentence();
        let _ = clear(&application, &then);
    }
    let _ = (start(&application, &operation), refresh(&application));
    let _ = (started(&application, &operation), refreshed(&application, now));
    if let Some(state) = &application.state {
        comparable(&state.message);
    }
}
