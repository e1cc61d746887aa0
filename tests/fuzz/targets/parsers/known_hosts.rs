//! Any text is read as known hosts, and a key that no line has is never known.

use driftmend::source::git::fuzzing;

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    for (host, port) in [("git.example", 22), ("git.example", 2222), ("[::1]", 22)] {
        for key in [b"".as_slice(), b"\0\0\0\x0bssh-ed25519", bytes] {
            fuzzing::known_hosts(&text, host, port, key);
        }
        let absent = fuzzing::known_hosts(
            &text,
            host,
            port,
            b"\0\0\0\x0bssh-ed25519\0\0\0\x20no line has this key, it \
                                                               is ours.",
        );
        assert!(absent.is_none_or(|verdict| !verdict.starts_with("Known")), "{text:?}");
    }
}
