//! Doors for the fuzzer (`tests/fuzz`) to what is private here. Nothing of it is in the program.

use std::path::Path;

use git2::{ObjectType, Oid, Repository};

use super::bare::Bare;
use super::known_hosts::{KnownHosts, fingerprint};
use super::request::read_answer;
use super::scope::Scope;
use super::session::Step;
use super::{Commit, GitError, RepositoryUrl, Select, Tree, TreePath, UrlPolicy, policy};
use crate::source::SourceFile;

/// The most bytes of a tree's files together.
const LARGEST_TREE: u64 = 1 << 20;

/// A URL as it is shown and as it is connected to; `None` for one that is refused. The same text is read as a Secret's
/// list of places, too, and as lists of hosts and networks, each of which is asked about the URL.
pub fn url(text: &str, policy: &UrlPolicy) -> Option<(String, String)> {
    let scope = Scope::parse(text);
    let (hosts, networks) = (policy::allowed_hosts(text), policy::networks(text));
    if let (Ok(hosts), Ok(networks)) = (hosts, networks) {
        let _ = RepositoryUrl::parse(
            "https://git.example/fuzz.git",
            &UrlPolicy::of_tenants(false, false, hosts, networks),
        );
    }
    let url = RepositoryUrl::parse(text, policy).ok()?;
    let _ = scope.is_ok_and(|scope| scope.covers(&url));
    Some((url.to_string(), url.connection()))
}

/// The status and the body of a server's answer over http; `None` where it is none.
pub fn http(bytes: &[u8]) -> Option<(u16, Vec<u8>)> {
    super::http::read_for_fuzzing(bytes).ok()
}

/// What the known hosts of a Secret say about a server's key, in words of ours.
pub fn known_hosts(text: &str, host: &str, port: u16, key: &[u8]) -> Option<String> {
    let known = KnownHosts::parse(text)?;
    Some(format!("{:?} {}", known.check(host, port, key), fingerprint(key)))
}

/// An object of Git's database as a server may send it: folders name the objects before them by their position.
pub enum Object {
    /// A file.
    Blob(Vec<u8>),

    /// A folder: each entry's mode, name and object.
    Folder(Vec<(u32, Vec<u8>, usize)>),

    /// Bytes that are called a folder.
    Raw(Vec<u8>),
}

/// Reads a commit of the last of these objects as a child does, out of a repository in this folder. Git's own checks of
/// a pack are not asked: an object is stored whatever is in it.
///
/// # Errors
///
/// What is wrong with the tree, or with the folder.
pub fn tree(directory: &Path, objects: &[Object], path: &TreePath, select: Select) -> Result<Tree, GitError> {
    let damaged = |reason: String| GitError::Damaged {
        url: String::new(),
        reason,
    };
    let wrong = |error: git2::Error| damaged(error.message().to_owned());
    let url = RepositoryUrl::parse("https://git.example/fuzz.git", &UrlPolicy::default())
        .map_err(|error| damaged(error.to_string()))?;
    let bare = Bare {
        url,
        directory: directory.to_owned(),
        memory: u64::MAX,
        step: Step::Read,
    };
    let repository = Repository::open_bare(directory)
        .or_else(|_| Repository::init_bare(directory))
        .map_err(wrong)?;
    let database = repository.odb().map_err(wrong)?;
    let mut written: Vec<Oid> = Vec::new();
    for object in objects {
        let oid = match object {
            Object::Blob(bytes) => database.write(ObjectType::Blob, bytes),
            Object::Raw(bytes) => database.write(ObjectType::Tree, bytes),
            Object::Folder(entries) => {
                let mut bytes = Vec::new();
                for (mode, name, at) in entries {
                    bytes.extend(format!("{mode:o} ").bytes());
                    bytes.extend(name);
                    bytes.push(0);
                    bytes.extend(written.get(*at).unwrap_or(&Oid::ZERO_SHA1).as_bytes());
                }
                database.write(ObjectType::Tree, &bytes)
            }
        };
        written.push(oid.map_err(wrong)?);
    }
    let root = written.last().unwrap_or(&Oid::ZERO_SHA1);
    let commit = format!("tree {root}\nauthor a <a> 0 +0000\ncommitter a <a> 0 +0000\n\n");
    let commit = database.write(ObjectType::Commit, commit.as_bytes()).map_err(wrong)?;
    let mut files = Vec::new();
    let read = bare.tree(commit, path, select, LARGEST_TREE, &mut |file| {
        files.push(file.clone());
        Ok(())
    });
    let tree = read.map_err(|error| damaged(error.to_string()))??;
    Ok(Tree { files, ..tree })
}

/// What the parent makes of a child's answer; `None` where it is none.
pub fn answer(bytes: &[u8]) -> Option<(Option<Commit>, Vec<SourceFile>)> {
    let (result, files) = read_answer::<Commit>(&mut &*bytes).ok()?;
    Some((result.ok(), files))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_doors_lead_where_they_should() {
        assert_eq!(
            url("HTTPS://git.example/a", &UrlPolicy::default()).unwrap().0,
            "https://git.example/a"
        );
        assert_eq!(
            http(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi"),
            Some((200, b"hi".to_vec()))
        );
        assert_eq!(known_hosts("# nothing", "a", 22, b""), None);
        let folder = tempfile::tempdir().unwrap();
        let objects = [
            Object::Blob(b"kind: Deployment".to_vec()),
            Object::Folder(vec![(0o100_644, b"web.yaml".to_vec(), 0)]),
            Object::Folder(vec![
                (0o40_000, b"deploy".to_vec(), 1),
                (0o120_000, b"link".to_vec(), 0),
            ]),
        ];
        let read = tree(folder.path(), &objects, &TreePath::default(), Select::Manifests).unwrap();
        assert_eq!(
            (read.files[0].path.as_str(), read.symlinks),
            ("deploy/web.yaml", vec!["link".to_owned()])
        );
        assert_eq!(answer(b"{\"File\":{\"path\":\"a\",\"size\":9}}\nshort"), None);
        assert!(
            tree(
                folder.path(),
                &[Object::Raw(b"no folder".to_vec())],
                &TreePath::default(),
                Select::Everything
            )
            .is_err()
        );
    }
}
