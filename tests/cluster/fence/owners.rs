//! Who owns what of a tool's object before and after a write.

use anyhow::{Context, Result};
use driftmend::engine::argo_cd::requests::{Then, clear, refresh, withdraw_refresh};
use driftmend::engine::flux::kustomization::Kustomization;
use driftmend::engine::flux::reconciliation::poke;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::{Fenced, HEAL, REFRESH, shared};

/// The managedFields of others: what is left of them after every write that passes.
fn of_others(object: &Value) -> Vec<Value> {
    let mut entries = object["metadata"]["managedFields"]
        .as_array()
        .cloned()
        .unwrap_or_default();
    entries.retain(|entry| entry["manager"] != HEAL);
    entries
}

#[test]
fn who_owns_what_stays_but_for_what_a_write_takes_away() -> Result<()> {
    let fenced = Fenced::application(shared()?, "argocd", "owned")?;
    let of = |entries: &[Value], manager: &str| {
        entries
            .iter()
            .position(|entry| entry["manager"] == manager)
            .unwrap_or_default()
    };
    type Change = fn(&mut Vec<Value>, usize, usize);
    let forgeries: &[(&str, Change)] = &[
        ("an Apply entry that is gone", |entries, applier, _| {
            drop(entries.remove(applier))
        }),
        ("an Apply entry of another name", |entries, applier, _| {
            entries[applier]["manager"] = json!("another")
        }),
        ("an Apply entry of our name", |entries, applier, _| {
            entries[applier]["manager"] = json!(HEAL)
        }),
        ("an Apply entry that is an Update", |entries, applier, _| {
            entries[applier]["operation"] = json!("Update")
        }),
        ("an Apply entry with less", |entries, applier, _| {
            entries[applier]["fieldsV1"]["f:spec"] = json!({"f:project": {}})
        }),
        ("an Update entry that is gone", |entries, _, updater| {
            drop(entries.remove(updater))
        }),
        ("an Update entry of another name", |entries, _, updater| {
            entries[updater]["manager"] = json!("another")
        }),
        ("an Update entry of our name", |entries, _, updater| {
            entries[updater]["manager"] = json!(HEAL)
        }),
        ("an Update entry that is an Apply", |entries, _, updater| {
            entries[updater]["operation"] = json!("Apply")
        }),
        ("an Update entry of another version", |entries, _, updater| {
            entries[updater]["apiVersion"] = json!("argoproj.io/v1beta1")
        }),
        ("an Update entry of a subresource", |entries, _, updater| {
            entries[updater]["subresource"] = json!("status")
        }),
        ("an Update entry with less", |entries, _, updater| {
            entries[updater]["fieldsV1"]["f:status"]
                .as_object_mut()
                .map(|status| status.remove("f:sync"));
        }),
        ("an Update entry with more", |entries, _, updater| {
            entries[updater]["fieldsV1"]["f:spec"] = json!({"f:project": {}})
        }),
        ("one more entry", |entries, _, updater| {
            let mut forged = entries[updater].clone();
            forged["manager"] = json!("forged");
            entries.push(forged);
        }),
        ("nobody", |entries, _, _| *entries = vec![json!({})]),
    ];
    let words = "driftmend changes nothing of an Application's labels, finalizers, owners or managers";
    for (what, change) in forgeries {
        let object = fenced.theirs.read()?;
        let mut entries = object["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .context("no managers")?;
        let (applier, updater) = (
            of(&entries, "app-of-apps"),
            of(&entries, "argocd-application-controller"),
        );
        change(&mut entries, applier, updater);
        let forged = json!({"op": "replace", "path": "/metadata/managedFields", "value": entries});
        fenced
            .refused(words, HEAL, &json!([forged]))
            .with_context(|| (*what).to_owned())?;
        // And with a write beside it that is allowed.
        let cleared = json!([
            forged, {"op": "remove", "path": "/status/operationState"},
            {"op": "add", "path": REFRESH, "value": "normal"},
        ]);
        fenced
            .refused(words, HEAL, &cleared)
            .with_context(|| format!("{what}, beside a clear"))?;
    }
    // Our own entry claims what we write.
    for claimed in [
        json!({"f:spec": {}}),
        json!({"f:status": {"f:sync": {}}}),
        json!({"f:metadata": {"f:annotations": {"f:note": {}}}}),
    ] {
        let mut entries = fenced.theirs.read()?["metadata"]["managedFields"]
            .as_array()
            .cloned()
            .context("no managers")?;
        entries.push(json!({
            "manager": HEAL, "operation": "Update", "apiVersion": "argoproj.io/v1alpha1",
            "time": "2026-01-05T10:00:00Z", "fieldsType": "FieldsV1",
            "fieldsV1": claimed,
        }));
        fenced.refused(
            words,
            HEAL,
            &json!([{"op": "replace", "path": "/metadata/managedFields", "value": entries}]),
        )?;
    }
    // What a clear takes away is taken from who owned it, and nothing else.
    let mut expected = of_others(&fenced.theirs.read()?);
    let updater = of(&expected, "argocd-application-controller");
    expected[updater]["fieldsV1"]["f:status"]
        .as_object_mut()
        .map(|status| status.remove("f:operationState"));
    let seen = fenced.accepted(&clear(&fenced.read()?, &Then::Refresh)?)?;
    assert_eq!(of_others(&seen), expected);
    // The request of somebody else goes with its entry, where it is all that the entry had.
    fenced
        .theirs
        .json_patch(
            "argocd-application-controller",
            &json!([{"op": "remove", "path": REFRESH}]),
        )?
        .success()?;
    fenced
        .theirs
        .json_patch(
            "kubectl-annotate",
            &json!([{"op": "add", "path": REFRESH, "value": "normal"}]),
        )?
        .success()?;
    let seen = fenced.accepted(&withdraw_refresh(&fenced.read()?)?.context("nothing was asked")?)?;
    assert_eq!(of_others(&seen), expected);
    Ok(())
}

/// Ten people, each with an Update entry of their own: the API server lets the eleventh make the two oldest ones one.
fn crowd(fenced: &Fenced) -> Result<Vec<Value>> {
    let updates = |entries: &[Value]| entries.iter().filter(|entry| entry["operation"] == "Update").count();
    for number in 0..10 {
        let annotation = json!({"metadata": {"annotations": {format!("example.com/{number}"): "kept"}}});
        fenced
            .theirs
            .merge_patch(&format!("person-{number}"), &annotation)?
            .success()?;
        let entries = of_others(&fenced.theirs.read()?);
        if updates(&entries) == 10 {
            return Ok(entries);
        }
    }
    anyhow::bail!("there are no ten Update entries")
}

#[test]
fn where_the_api_server_joins_the_oldest_of_ten_entries_a_write_passes_and_a_forged_one_does_not() -> Result<()> {
    let installation = shared()?;
    let (application, kustomization) = (
        Fenced::application(installation, "argocd", "crowd")?,
        Fenced::kustomization(installation, "flux-system", "crowd")?,
    );
    for fenced in [&application, &kustomization] {
        let entries = crowd(fenced)?;
        let joined = json!({
            "manager": "ancient-changes", "operation": "Update", "apiVersion": entries[0]["apiVersion"],
            "time": "2026-01-05T10:00:00Z",
            "fieldsType": "FieldsV1", "fieldsV1": {"f:metadata": {"f:annotations": {"f:example.com/0": {}}}},
        });
        let words = "owners or managers";
        let person = |number: usize| {
            entries
                .iter()
                .position(|entry| entry["manager"] == format!("person-{number}"))
                .unwrap_or_default()
        };
        let forged = |gone: &[usize], joined: &Value| {
            let gone: Vec<usize> = gone.iter().map(|number| person(*number)).collect();
            let kept = entries
                .iter()
                .enumerate()
                .filter(|(at, _)| !gone.contains(at))
                .map(|(_, entry)| entry.clone());
            let value: Vec<Value> = kept.chain([joined.clone()]).collect();
            json!([{"op": "replace", "path": "/metadata/managedFields", "value": value}])
        };
        let mut greedy = joined.clone();
        greedy["fieldsV1"]["f:spec"] = json!({"f:interval": {}, "f:project": {}});
        let mut poor = joined.clone();
        poor["fieldsV1"] = json!({"f:metadata": {}});
        fenced.refused(words, HEAL, &forged(&[0, 1], &greedy))?;
        fenced.refused(words, HEAL, &forged(&[0, 1], &poor))?;
        fenced.refused(words, HEAL, &forged(&[0, 1, 2, 3], &joined))?;
        let mut another = joined.clone();
        another["manager"] = json!("another");
        fenced.refused(words, HEAL, &forged(&[0, 1], &another))?;
    }
    let seen = application.accepted(&clear(&application.read()?, &Then::Refresh)?)?;
    assert!(
        of_others(&seen)
            .iter()
            .any(|entry| entry["manager"] == "ancient-changes"),
        "{:#}",
        seen["metadata"]["managedFields"]
    );
    let seen = Kustomization::read(&kustomization.theirs.read()?)?;
    let seen = kustomization.accepted(&poke(seen.uid.as_deref(), seen.annotations.as_ref(), "driftmend-one")?)?;
    assert!(
        of_others(&seen)
            .iter()
            .any(|entry| entry["manager"] == "ancient-changes"),
        "{:#}",
        seen["metadata"]["managedFields"]
    );
    // Again, with the joined entry among the oldest.
    application
        .theirs
        .json_patch(
            "argocd-application-controller",
            &json!([{"op": "remove", "path": REFRESH}]),
        )?
        .success()?;
    application
        .theirs
        .merge_patch(
            "one-more",
            &json!({"metadata": {"annotations": {"example.com/more": "kept"}}}),
        )?
        .success()?;
    application.accepted(&refresh(&application.read()?)?.context("nothing to ask")?)?;
    Ok(())
}
