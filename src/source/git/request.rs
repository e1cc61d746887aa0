//! What a child is asked about a repository, and how its answer is written.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::path::PathBuf;

use git2::Oid;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::credentials::{Credentials, SshIdentity};
use super::known_hosts::KnownHosts;
use super::route::Route;
use super::{GitError, Limits, RepositoryUrl, Revision, Scope, Select, TreePath};
use crate::source::SourceFile;

/// The longest line of an answer: the result, or the path and size of a file.
const LONGEST_LINE: u64 = 16 << 20;

/// One question.
#[derive(Serialize, Deserialize)]
pub(super) struct Request {
    pub url: RepositoryUrl,
    pub login: Login,
    pub limits: Limits,
    pub route: Route,

    /// A file of authorities that are trusted besides the system's.
    pub certificates: Option<PathBuf>,

    /// The folder of the mirror.
    pub directory: PathBuf,

    /// The memory of the child, in bytes, for an error that tells of it.
    pub memory: u64,

    /// How many bytes the mirror may take on the disk.
    pub room: u64,

    pub call: Call,
}

/// What is to be done.
#[derive(Serialize, Deserialize)]
pub(super) enum Call {
    /// Which commit a revision is now.
    Poll(Revision),

    /// The same, and its objects.
    Fetch(Revision),

    /// What a commit of the mirror is.
    Describe(#[serde(with = "super::oid_text")] Oid),

    /// The files of a commit of the mirror.
    Tree {
        #[serde(with = "super::oid_text")]
        oid: Oid,
        path: TreePath,
        select: Select,
    },

    /// When the files of a commit of the mirror were changed.
    ChangedAt {
        #[serde(with = "super::oid_text")]
        oid: Oid,
        paths: Vec<TreePath>,
    },
}

/// A commit's id as an answer.
#[derive(Serialize, Deserialize)]
pub(super) struct Found(#[serde(with = "super::oid_text")] pub Oid);

/// Credentials on their way to a child, and nowhere else: apart from [`Credentials`], so that those cannot be written
/// by mistake.
#[derive(Serialize, Deserialize)]
pub(super) enum Login {
    None,
    Basic {
        username: String,
        password: String,
        scope: Scope,
    },
    Ssh {
        private_key: String,
        passphrase: Option<String>,
        known_hosts: KnownHosts,
        scope: Scope,
    },
}

impl From<&Credentials> for Login {
    fn from(credentials: &Credentials) -> Self {
        match credentials.clone() {
            Credentials::None => Self::None,
            Credentials::Basic {
                username,
                password,
                scope,
            } => Self::Basic {
                username,
                password,
                scope,
            },
            Credentials::Ssh(SshIdentity {
                private_key,
                passphrase,
                known_hosts,
                scope,
            }) => Self::Ssh {
                private_key,
                passphrase,
                known_hosts,
                scope,
            },
        }
    }
}

impl From<Login> for Credentials {
    fn from(login: Login) -> Self {
        match login {
            Login::None => Self::None,
            Login::Basic {
                username,
                password,
                scope,
            } => Self::Basic {
                username,
                password,
                scope,
            },
            Login::Ssh {
                private_key,
                passphrase,
                known_hosts,
                scope,
            } => Self::Ssh(SshIdentity {
                private_key,
                passphrase,
                known_hosts,
                scope,
            }),
        }
    }
}

/// One line of an answer.
#[derive(Serialize, Deserialize)]
enum Line<T> {
    /// A file, whose bytes follow the line.
    File { path: String, size: u64 },

    /// The result, with which the answer ends.
    Result(T),
}

/// Writes a file that is found on the way to a result.
pub(super) fn write_file(out: &mut dyn Write, file: &SourceFile) -> io::Result<()> {
    let line: Line<()> = Line::File {
        path: file.path.clone(),
        size: file.bytes.len() as u64,
    };
    write_line(out, &line)?;
    out.write_all(&file.bytes)
}

/// Writes the result.
pub(super) fn write_result<T: Serialize>(out: &mut dyn Write, result: &Result<T, GitError>) -> io::Result<()> {
    write_line(out, &Line::Result(result))?;
    out.flush()
}

fn write_line<T: Serialize>(out: &mut dyn Write, line: &Line<T>) -> io::Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n")
}

/// Reads an answer; each file is held once.
pub(super) fn read_answer<T: DeserializeOwned>(
    answer: &mut dyn Read,
) -> io::Result<(Result<T, GitError>, Vec<SourceFile>)> {
    let mut answer = BufReader::new(answer);
    let mut files = Vec::new();
    let mut line = Vec::new();
    loop {
        line.clear();
        answer.by_ref().take(LONGEST_LINE).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        match serde_json::from_slice::<Line<Result<T, GitError>>>(&line)? {
            Line::Result(result) => return Ok((result, files)),
            Line::File { path, size } => {
                // Not the size that it says, but what comes: an answer has a limit of its own.
                let mut bytes = Vec::new();
                answer.by_ref().take(size).read_to_end(&mut bytes)?;
                if bytes.len() as u64 != size {
                    return Err(io::ErrorKind::UnexpectedEof.into());
                }
                bytes.shrink_to_fit();
                files.push(SourceFile { path, bytes });
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: &[u8]) -> SourceFile {
        SourceFile {
            path: path.to_owned(),
            bytes: bytes.to_vec(),
        }
    }

    #[test]
    fn files_and_a_result_come_as_they_went() {
        let files = vec![file("a \"b\"\n.yaml", b"{}\n\n\0"), file("empty.yaml", b"")];
        let mut text = Vec::new();
        files.iter().for_each(|file| write_file(&mut text, file).unwrap());
        let missing = GitError::WrongCredentials {
            url: "https://git.example.com/web".into(),
            given: "an ssh key".into(),
        };
        write_result::<()>(&mut text, &Err(missing)).unwrap();
        let (result, read) = read_answer::<()>(&mut text.as_slice()).unwrap();
        assert_eq!(read, files);
        assert!(matches!(result, Err(GitError::WrongCredentials { given, .. }) if given == "an ssh key"));
        for end in 0..text.len() - 1 {
            assert!(
                read_answer::<()>(&mut &text[..end]).is_err(),
                "an answer that breaks off is none: {end}"
            );
        }
    }

    #[test]
    fn an_error_of_the_system_keeps_its_number() {
        let full = GitError::Cache {
            path: "/cache".into(),
            source: io::Error::from_raw_os_error(28),
        };
        let mut text = Vec::new();
        write_result::<()>(&mut text, &Err(full)).unwrap();
        let (result, _) = read_answer::<()>(&mut text.as_slice()).unwrap();
        assert!(matches!(result, Err(GitError::Cache { source, .. }) if source.raw_os_error() == Some(28)));
    }
}
