//! What a child answers is read or refused, and holds no more than it sent: a child that read hostile bytes may not be
//! itself any more.

use driftmend::source::git::fuzzing;

pub fn read(bytes: &[u8]) {
    let Some((_, files)) = fuzzing::answer(bytes) else {
        return;
    };
    assert!(files.iter().map(|file| file.bytes.len()).sum::<usize>() <= bytes.len());
}
