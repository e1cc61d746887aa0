//! What a Git server answers over http is read or refused, and its body has the limit that was set.

use driftmend::source::git::fuzzing;

pub fn read(bytes: &[u8]) {
    let Some((status, body)) = fuzzing::http(bytes) else {
        return;
    };
    assert!(
        !(100..200).contains(&status) && body.len() <= 1024.min(bytes.len()),
        "{status}"
    );
}
