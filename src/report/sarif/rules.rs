//! The rules as SARIF describes them.

use super::{Configuration, Descriptor, Message};
use crate::report::check::Rule;
use crate::report::told::Oddity;

/// The order of the rules in the log; a result names its rule by position, too.
pub(super) const RULES: &[Rule] = &[
    Rule::ManifestRefused,
    Rule::NextSyncRefused,
    Rule::NextSyncConflict,
    Rule::Odd(Oddity::ReadOtherwise),
    Rule::Odd(Oddity::NoEffect),
    Rule::NextSyncBreaks,
    Rule::NextSyncOverwrites,
    Rule::LatentTrap,
];

pub(super) const fn id(rule: Rule) -> &'static str {
    match rule {
        Rule::ManifestRefused => "manifest-refused",
        Rule::NextSyncRefused => "next-sync-refused",
        Rule::NextSyncConflict => "next-sync-conflict",
        Rule::NextSyncBreaks => "next-sync-breaks",
        Rule::NextSyncOverwrites => "next-sync-overwrites",
        Rule::LatentTrap => "latent-trap",
        Rule::Odd(Oddity::ReadOtherwise) => "read-otherwise",
        Rule::Odd(Oddity::NoEffect) => "no-effect",
    }
}

pub(super) const fn level(rule: Rule) -> &'static str {
    match rule {
        Rule::ManifestRefused | Rule::NextSyncRefused | Rule::NextSyncConflict | Rule::NextSyncBreaks => "error",
        Rule::NextSyncOverwrites | Rule::LatentTrap | Rule::Odd(_) => "warning",
    }
}

pub(super) fn descriptor(rule: Rule) -> Descriptor {
    let (name, short, full, help) = match rule {
        Rule::ManifestRefused => (
            "ManifestRefused",
            "The API server refuses this Deployment",
            "The Kubernetes API server's validation does not take this manifest, whatever is in the cluster: every \
             sync of it fails.",
            "Correct the field that the message names; the message is the server's own.",
        ),
        Rule::NextSyncRefused => (
            "NextSyncRefused",
            "The API server refuses the next sync of this Deployment",
            "The manifest alone would be taken, but merged with what is in the cluster the Deployment is not valid, \
             since somebody changed the live object: the next sync fails, and so does every one after it.",
            "Put Git's value back into the live object before the merge, or commit the change that was made in the \
             cluster. `driftmend diff` shows who made it and when.",
        ),
        Rule::NextSyncConflict => (
            "NextSyncConflict",
            "The next sync of this Deployment meets a conflict",
            "The sync would change what it may not: with server-side apply that is not forced, a field that another \
             manager owns; in every strategy, an object of another version than the manifest names.",
            "Take the field out of the manifest, let the other manager give it up, or force the sync; take \
             `metadata.resourceVersion` out of the manifest.",
        ),
        Rule::NextSyncBreaks => (
            "NextSyncBreaks",
            "The next sync of this Deployment takes out what Git sets",
            "The sync succeeds, and afterwards a field differs from Git that does not today: a patch goes by one key \
             of a list, and several items have the same one.",
            "Put Git's value back into the live list before the sync, give each item a key of its own, or apply \
             server-side.",
        ),
        Rule::NextSyncOverwrites => (
            "NextSyncOverwrites",
            "The next sync of this Deployment changes what it should leave alone",
            "Somebody else is meant to set this field, such as an autoscaler the replicas; the sync succeeds and \
             changes it all the same.",
            "Leave the field out of the manifest, but not before the live object lets it go: with client-side apply \
             take it out of the last-applied annotation first, with server-side apply hand it to another manager \
             first.",
        ),
        Rule::LatentTrap => (
            "LatentTrap",
            "A later change of this Deployment will be refused",
            "Somebody else than the syncing tool owns this field in the cluster, or what client-side apply keeps of \
             the last sync does not name it, so that an apply leaves it when the manifest goes on to another one in \
             its place, and the API server refuses the two together.",
            "Let the syncing tool own the field alone, or sync once more: driftmend's plan does so, and changes no \
             field.",
        ),
        Rule::Odd(Oddity::ReadOtherwise) => (
            "ReadOtherwise",
            "kubectl reads something else than what seems to stand here",
            "kubectl reads YAML 1.1 and keeps the last of two equal keys: the value that it sends may not be the one \
             that was meant.",
            "Write the value so that it has only one reading: quote text, delete the second key.",
        ),
        Rule::Odd(Oddity::NoEffect) => (
            "NoEffect",
            "This field has no effect",
            "The API server drops this field, or writes it itself: what the manifest says there is never kept.",
            "Correct the name of the field, or remove it.",
        ),
    };
    Descriptor {
        id: id(rule),
        name,
        short_description: Message::of(short),
        full_description: Message::of(full),
        help: Message::of(help),
        default_configuration: Configuration { level: level(rule) },
    }
}
