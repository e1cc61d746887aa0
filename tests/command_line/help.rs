//! The help of the program.

use anyhow::Result;
use pretty_assertions::assert_eq;

use super::run::driftmend;

#[test]
fn help_says_what_to_do_first() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let help = driftmend(folder.path(), "", &["--help"])?;
    assert_eq!(
        (help.stdout.as_str(), help.stderr.as_str(), help.code),
        (include_str!("help.txt"), "", Some(0))
    );
    for command in [
        "controller",
        "diff",
        "kubectl-diff",
        "check",
        "render",
        "report",
        "approve",
        "deny",
        "heal",
        "rules",
        "crds",
    ] {
        let help = driftmend(folder.path(), "", &[command, "--help"])?;
        assert_eq!((help.stderr.as_str(), help.code), ("", Some(0)), "{command}");
        assert!(
            help.stdout.contains(&format!("\nUsage: driftmend {command}")),
            "{}",
            help.stdout
        );
    }
    for (command, there, absent) in [
        ("report", "Exit status:", None),
        ("diff", "Exit status:", None),
        (
            "check",
            " --live - \\\n      --strategy server-side-apply --manager argocd-controller\n",
            None,
        ),
        ("heal", "was not over within --timeout", None),
        ("approve", "--break-glass", None),
        ("deny", "--withdraw", Some("--break-glass")),
    ] {
        let help = driftmend(folder.path(), "", &[command, "--help"])?.stdout;
        assert!(
            help.contains(there) && absent.is_none_or(|absent| !help.contains(absent)),
            "{help}"
        );
    }
    let over = driftmend(folder.path(), "", &["deny", "web", "--until", "2020-01-05T12:00:00Z"])?;
    assert!(over.stderr.contains("a denial ends later than now"), "{}", over.stderr);
    assert_eq!(over.code, Some(2));
    let unknown = driftmend(folder.path(), "", &["heel", "web"])?;
    assert!(
        unknown.stderr.contains("similar subcommands exist: 'heal'"),
        "{}",
        unknown.stderr
    );
    assert_eq!(unknown.code, Some(2));
    Ok(())
}
