//! A commit's tree in any shape gives files whose names stay within it, or is refused.
//!
//! A line is an entry or a file: its first letter the kind, the rest the name or the bytes. An empty line ends a
//! folder.

use std::path::PathBuf;
use std::sync::OnceLock;

use driftmend::source::git::fuzzing::{Object, tree};
use driftmend::source::git::{Select, TreePath};

pub fn read(bytes: &[u8]) {
    static CACHE: OnceLock<PathBuf> = OnceLock::new();
    let cache = CACHE.get_or_init(|| std::env::temp_dir().join(format!("driftmend-fuzz-{}", std::process::id())));
    let mut lines = bytes.split(|byte| *byte == b'\n');
    let path = String::from_utf8_lossy(lines.next().unwrap_or_default());
    let path = TreePath::parse(&path).unwrap_or_default();
    let (mut objects, mut entries) = (vec![Object::Blob(b"kind: Deployment".to_vec())], Vec::new());
    for line in lines.take(64) {
        let last = objects.len() - 1;
        match line.split_first() {
            None => objects.push(Object::Folder(std::mem::take(&mut entries))),
            Some((b'b', name)) => entries.push((0o100_644, name.to_vec(), 0)),
            Some((b't', name)) => entries.push((0o40_000, name.to_vec(), last)),
            Some((b'T', name)) => entries.push((0o40_000, name.to_vec(), 0)),
            Some((b'l', name)) => entries.push((0o120_000, name.to_vec(), 0)),
            Some((b's', name)) => entries.push((0o160_000, name.to_vec(), 0)),
            Some((b'f', content)) => objects.push(Object::Blob(content.to_vec())),
            Some((b'r', content)) => objects.push(Object::Raw(content.to_vec())),
            Some((mode, name)) => entries.push((u32::from(*mode) << 9, name.to_vec(), last)),
        }
    }
    objects.push(Object::Folder(entries));
    for select in [Select::Manifests, Select::Everything] {
        let Ok(tree) = tree(cache, &objects, &path, select) else {
            continue;
        };
        for file in tree
            .files
            .iter()
            .map(|file| &file.path)
            .chain(&tree.symlinks)
            .chain(&tree.submodules)
        {
            assert!(!file.starts_with('/') && !file.contains(['\0', '\\']), "{file:?}");
            assert!(!file.split('/').any(|part| matches!(part, ".." | "." | "")), "{file:?}");
        }
    }
}
