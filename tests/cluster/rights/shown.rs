//! Only what the report shows is decided about, and only by way of a decision.

use anyhow::Result;
use pretty_assertions::assert_eq;
use serde_json::{Value, json};

use super::office::{STEPS, Written, by_patch, decision, hash, plan, step};
use super::{ANOTHER, NO_PLAN};

#[test]
fn a_plan_of_each_kind_is_decided_about_only_while_this_very_report_shows_it() -> Result<()> {
    let office = by_patch()?;
    let admin = office.control_plane().admin();
    for (kind, written) in STEPS {
        let target = kind.to_lowercase();
        office.create(&target)?;
        let (shown, other) = (hash('a'), hash('b'));
        for word in ["Approved", "Denied"] {
            office.refused(admin, &target, &decision(word, &shown, "admin"), NO_PLAN)?;
        }
        office.show(&target, &plan(&shown, &[step(kind, written.object(&target))]))?;
        for word in ["Approved", "Denied"] {
            office.refused(admin, &target, &decision(word, &other, "admin"), ANOTHER)?;
            office.accepted(admin, &target, &decision(word, &shown, "admin"))?;
        }
        // A yes that was given stays about what it was given for, and is not worded anew when the plan has moved on.
        let approved = decision("Approved", &shown, "admin");
        office
            .patch(admin, &target, &json!({"approval": approved}), &[])?
            .success()?;
        office.show(&target, &plan(&other, &[step(kind, written.object(&target))]))?;
        office.refused(admin, &target, &json!({"reason": "still fine"}), ANOTHER)?;
        office.refused(admin, &target, &json!({"at": "2126-01-05T10:00:00Z"}), ANOTHER)?;
        office.accepted(admin, &target, &json!({"planHash": other}))?;
        office.accepted(admin, &target, &Value::Null)?;
        // Of another name, and made anew.
        let another = format!("{target}-2");
        office.create(&another)?;
        office.show(&another, &plan(&hash('c'), &[step(kind, written.object(&another))]))?;
        office.refused(admin, &another, &approved, ANOTHER)?;
        office.delete(&target)?;
        office.create(&target)?;
        office.refused(admin, &target, &approved, NO_PLAN)?;
        // A null is no plan, and so is one without a hash or steps.
        office
            .patch(
                &office.controller,
                &target,
                &json!({"phase": "Drifted", "summary": "…", "plan": null}),
                &[],
            )?
            .success()?;
        office.refused(admin, &target, &approved, NO_PLAN)?;
        office.show(&target, &plan(&shown, &[]))?;
        office.refused(
            admin,
            &target,
            &approved,
            "does not say for each step which object it writes",
        )?;
    }
    Ok(())
}

#[test]
fn no_other_way_of_writing_a_status_leads_around_the_policy() -> Result<()> {
    let office = by_patch()?;
    let (control_plane, admin) = (office.control_plane(), office.control_plane().admin());
    office.create("ways")?;
    let approved = decision("Approved", &hash('a'), "admin");
    let get = ["get", "driftreport", "deployment-ways", "-n", "shop", "--output=json"];
    let read = || -> Result<Value> { Ok(serde_json::from_str(&control_plane.kubectl(&get)?.success()?)?) };
    let whole = |status: Value| -> Result<Value> {
        let mut report = read()?;
        report["status"] =
            json!({"phase": "Drifted", "heal": "None", "summary": "…", "counts": read()?["status"]["counts"]});
        json_patch::merge(&mut report["status"], &status);
        Ok(report)
    };
    office
        .patch(
            &office.controller,
            "ways",
            &json!({"phase": "Drifted", "heal": "None", "summary": "…"}),
            &[],
        )?
        .success()?;
    let send =
        |arguments: &[&str], object: &Value| control_plane.tool("kubectl")?.input(object.to_string()).run(arguments);
    let replaced = send(
        &["replace", "--subresource=status", "-f", "-"],
        &whole(json!({"approval": approved}))?,
    )?;
    assert!(
        replaced.code != 0 && replaced.stderr.contains(NO_PLAN),
        "{}{}",
        replaced.stdout,
        replaced.stderr
    );
    let applied = json!({
        "apiVersion": "driftmend.dev/v1alpha1", "kind": "DriftReport",
        "metadata": {"name": "deployment-ways", "namespace": "shop"},
        "status": {"approval": approved},
    });
    let apply = [
        "apply",
        "--server-side",
        "--subresource=status",
        "--force-conflicts",
        "-f",
        "-",
    ];
    let answer = send(&apply, &applied)?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    let name = [
        "driftreport",
        "deployment-ways",
        "-n",
        "shop",
        "--subresource=status",
        "--type=json",
        "--patch",
    ];
    let add = json!([{"op": "add", "path": "/status/approval", "value": approved}]).to_string();
    let answer = control_plane.kubectl(&[&["patch"], &name[..], &[add.as_str()]].concat())?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    // Plan and approval in one write.
    let both =
        json!({"plan": plan(&hash('a'), &[step("Restore", Written::Deployment.object("ways"))]), "approval": approved});
    let answer = office.patch(admin, "ways", &both, &[])?;
    assert!(
        answer.code != 0 && answer.stderr.contains(NO_PLAN),
        "{}{}",
        answer.stdout,
        answer.stderr
    );
    // A write to the report itself changes no status.
    let main = send(&["replace", "-f", "-"], &whole(json!({"approval": approved}))?)?;
    assert_eq!(
        (main.code, &read()?["status"]["approval"]),
        (0, &Value::Null),
        "{}",
        main.stderr
    );
    // A PUT that keeps a decision decides nothing.
    office.show(
        "ways",
        &plan(&hash('a'), &[step("Restore", Written::Deployment.object("ways"))]),
    )?;
    office
        .patch(admin, "ways", &json!({"approval": approved}), &[])?
        .success()?;
    office.show(
        "ways",
        &plan(&hash('b'), &[step("Restore", Written::Deployment.object("ways"))]),
    )?;
    let kept = send(&["replace", "--subresource=status", "-f", "-"], &read()?)?;
    assert_eq!(kept.code, 0, "{}", kept.stderr);
    // No report is about another Deployment than its name says.
    for (name, target) in [
        ("ways", "ways"),
        ("deployment-ways-3", "ways"),
        ("Deployment-ways", "ways"),
        ("deployment-", ""),
    ] {
        let misnamed = office.report(name, target)?;
        assert!(misnamed.code != 0, "{name} about {target:?}: {}", misnamed.stdout);
    }
    Ok(())
}
