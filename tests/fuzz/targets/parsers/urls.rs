//! A URL that is taken is shown without a user's name over http, leads out of no folder, and is read again as the same.

use driftmend::source::git::{Revision, TreePath, UrlPolicy, fuzzing};

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for policy in [UrlPolicy::default(), UrlPolicy::of_a_person(true)] {
        let Some((shown, connection)) = fuzzing::url(&text, &policy) else {
            continue;
        };
        assert!(!shown.chars().any(char::is_control), "{shown:?}");
        assert_eq!(
            fuzzing::url(&connection, &policy).map(|(_, again)| again),
            Some(connection.clone()),
            "{text:?}"
        );
        assert!(
            shown.contains("://") || !shown.starts_with('-'),
            "an option of a program: {shown}"
        );
        if connection.starts_with("http") {
            assert!(
                !connection.split('/').nth(2).unwrap_or_default().contains('@'),
                "{connection}"
            );
        }
    }
    if let Ok(path) = TreePath::parse(&text) {
        assert!(
            !path.as_str().split('/').any(|part| part == "..") && !path.as_str().starts_with('/'),
            "{text:?}"
        );
        assert_eq!(TreePath::parse(path.as_str()).as_ref(), Ok(&path));
    }
    let _ = Revision::parse(Some(&text));
}
