//! What is not held against the server, each by name and with a reason.

use crate::judge::Way;

/// A place, the way it holds for or all of them, and why.
const EXEMPT: &[(&str, Option<Way>, &str)] = &[
    (
        "apiVersion",
        None,
        "the request's URL is made from it: a client has no URL for another version",
    ),
    ("kind", None, "only documents of a kind are read as objects of it"),
    (
        "metadata",
        None,
        "there is no name without it, and the request's URL is made from that",
    ),
    ("metadata.name", None, "the request's URL is made from it"),
    (
        "metadata.uid",
        Some(Way::Replace),
        "the server's words quote the key in its own store, which its flags decide",
    ),
    ("metadata.namespace", None, "the request's URL is made from it"),
];

/// Why a place is not held against the server this way; none where it is.
pub fn reason(site: &str, way: Way) -> Option<&'static str> {
    EXEMPT
        .iter()
        .find(|(name, only, _)| *name == site && only.is_none_or(|only| only == way))
        .map(|(_, _, reason)| *reason)
}
