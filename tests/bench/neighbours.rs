//! Driftmend beside other controllers, and beside Argo CD's own diff.

use anyhow::Result;

use crate::table::{Table, Unit};
use crate::{Sizes, beside, tenants};

/// What a tenant feels of another one that does its worst, and the controller of Applications that nobody watches.
pub(super) fn beside_others(sizes: &Sizes, table: &mut Table) -> Result<()> {
    let tenants::Tenants {
        alone,
        beside,
        read_alone,
        read_beside,
    } = tenants::measure(sizes.patches)?;
    let loud = "beside a namespace with 64 watches of a silent server and an Application with 100 endless rules of jq";
    table.add_spread(
        "patch to report, alone",
        &alone.report,
        Unit::Milliseconds,
        "probe switches one by one among 20 Deployments",
    );
    table.add_spread(
        "patch to report, beside a loud tenant",
        &beside.report,
        Unit::Milliseconds,
        loud,
    );
    let ratio = beside.report.percentile(99).as_secs_f64() / alone.report.percentile(99).as_secs_f64();
    table.add(
        "patch to report, beside a loud tenant by alone, p99",
        format!("{ratio:.2}"),
        "times",
        "to be less than 2",
    );
    table.add_spread(
        "new watch to its commit, alone",
        &read_alone,
        Unit::Milliseconds,
        "10 watches one by one, polled",
    );
    table.add_spread(
        "new watch to its commit, beside a loud tenant",
        &read_beside,
        Unit::Milliseconds,
        loud,
    );
    if sizes.unwatched == 0 {
        return Ok(());
    }
    let (without, with) = tenants::memory(sizes.unwatched)?;
    let how = |what: &str| format!("{what} of the controller's process, 10 s after the list; each has 60 resources");
    for (name, without, with) in [
        ("VmRSS", without.resident, with.resident),
        ("VmHWM, the peak", without.peak, with.peak),
    ] {
        let mebibytes = |kibibytes: u64| format!("{:.1}", kibibytes as f64 / 1024.0);
        table.add(
            format!("memory without Applications, {name}"),
            mebibytes(without),
            "MiB",
            how(name),
        );
        table.add(
            format!("memory with {} that no watch names, {name}", sizes.unwatched),
            mebibytes(with),
            "MiB",
            how(name),
        );
    }
    Ok(())
}

/// The same Deployments under Argo CD: who tells first, and what each costs.
pub(super) fn beside_argo_cd(sizes: &Sizes, table: &mut Table) -> Result<()> {
    if sizes.tries == 0 {
        return Ok(());
    }
    let beside::Beside {
        report,
        out_of_sync,
        classified,
        healed,
        used,
    } = beside::measure(sizes.deployments, sizes.tries, sizes.window)?;
    let how = format!(
        "{} hand changes one by one among {}, from the PATCH's answer, both on a watch",
        sizes.tries, sizes.deployments
    );
    for (what, spread, how) in [
        ("beside Argo CD, patch to our report", &report, how.as_str()),
        ("beside Argo CD, patch to its OutOfSync", &out_of_sync, how.as_str()),
        (
            "beside Argo CD, failed sync to its class in the report",
            &classified,
            "both on a watch",
        ),
        (
            "beside Argo CD, approve to Synced",
            &healed,
            "two command lines; Synced on a watch, roll-out complete",
        ),
    ] {
        for (which, percent) in [("median", 50), ("p95", 95)] {
            let milliseconds = spread.percentile(percent).as_secs_f64() * 1e3;
            table.add(format!("{what}, {which}"), format!("{milliseconds:.1}"), "ms", how);
        }
    }
    for beside::Used {
        who,
        resident,
        processor,
    } in used
    {
        let name = format!("beside Argo CD, {} Deployments, {who}", sizes.deployments);
        table.add(
            format!("{name}, VmRSS"),
            format!("{:.1}", resident as f64 / 1024.0),
            "MiB",
            "idle",
        );
        table.add(
            format!("{name}, CPU"),
            processor.as_millis(),
            "ms",
            format!("in {} s, idle", sizes.window.as_secs()),
        );
    }
    Ok(())
}
