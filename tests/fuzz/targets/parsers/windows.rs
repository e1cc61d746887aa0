//! A schedule that is read opens after the time that is asked about, and within reason soon; windows around any
//! schedules and globs answer.

use driftmend::engine::argo_cd::application::Application;
use driftmend::engine::argo_cd::schedule::Schedule;
use driftmend::engine::argo_cd::window::{Trigger, Windows};
use serde_json::{Value, json};

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let mut lines = text.lines();
    let now = super::now();
    let schedule = lines.next().unwrap_or_default();
    if let Ok(schedule) = Schedule::parse(schedule)
        && let Some(next) = schedule.next(now)
    {
        assert!(next > now, "{text:?}");
    }
    let mut next = || lines.next().unwrap_or_default();
    let window = json!({
        "kind": if bytes.len().is_multiple_of(2) { "allow" } else { "deny" }, "schedule": schedule, "duration": next(),
        "timeZone": next(),
        "applications": [next(), next()], "namespaces": [next()], "clusters": [next()], "manualSync": true,
    });
    let application: Value = json!({
        "metadata": {"namespace": "argocd", "name": next(), "uid": "u"},
        "spec": {"source": {"repoURL": "https://git.example/shop.git"},
                 "destination": {"namespace": next(), "server": next()}},
    });
    let Ok(application) = Application::read(&application) else {
        return;
    };
    let Ok(windows) = Windows::of(
        &json!({"spec": {"syncWindows": [window.clone(), window]}}),
        &application,
    ) else {
        return;
    };
    for trigger in [Trigger::Manual, Trigger::Automated] {
        windows.may_sync(trigger, now, Some(now));
        assert!(
            windows.next_change(trigger, now).is_none_or(|change| change > now),
            "{text:?}"
        );
    }
    windows.active(now).count();
}
