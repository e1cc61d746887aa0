//! A bare repository that files are committed into by the Git program, without a work tree.

use std::ffi::OsStr;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// The branch that `HEAD` names.
const DEFAULT_BRANCH: &str = "main";

/// One change of a commit.
enum Change<'a> {
    File(&'a str, &'a [u8]),
    Remove(&'a str),
    /// A symlink and its target.
    Symlink(&'a str, &'a str),
    /// A submodule at some commit.
    Submodule(&'a str, &'a str),
}

/// A bare repository below the folder that a server serves.
pub struct Repository {
    path: PathBuf,
}

impl Repository {
    /// Makes an empty repository `name` below `root`.
    pub fn create(root: &Path, name: &str) -> Repository {
        let repository = Repository { path: root.join(name) };
        let path = repository.path.to_string_lossy().into_owned();
        run(
            Command::new("git").args(["init", "--quiet", "--bare", "--initial-branch", DEFAULT_BRANCH, &path]),
            b"",
        );
        repository
    }

    /// The folder of the repository.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Commits files on the default branch and gives the commit's id.
    pub fn commit(&self, files: &[(&str, &str)], message: &str) -> String {
        self.commit_on(DEFAULT_BRANCH, files, message)
    }

    /// Commits files on a branch, which is made from the default branch when it is not there.
    pub fn commit_on(&self, branch: &str, files: &[(&str, &str)], message: &str) -> String {
        let bytes: Vec<(&str, &[u8])> = files.iter().map(|(path, text)| (*path, text.as_bytes())).collect();
        self.commit_bytes(branch, &bytes, message)
    }

    /// As [`Repository::commit_on`], with any bytes.
    pub fn commit_bytes(&self, branch: &str, files: &[(&str, &[u8])], message: &str) -> String {
        let changes: Vec<Change> = files.iter().map(|(path, bytes)| Change::File(path, bytes)).collect();
        self.advance(branch, &changes, message, None)
    }

    /// Commits with a committer's time in seconds since 1970.
    pub fn commit_at(&self, seconds: i64, files: &[(&str, &str)], message: &str) -> String {
        let changes: Vec<Change> = files
            .iter()
            .map(|(path, text)| Change::File(path, text.as_bytes()))
            .collect();
        self.advance(DEFAULT_BRANCH, &changes, message, Some(seconds))
    }

    /// Removes a file or, with all in it, a folder.
    pub fn remove(&self, path: &str, message: &str) -> String {
        self.advance(DEFAULT_BRANCH, &[Change::Remove(path)], message, None)
    }

    /// Commits a symlink.
    pub fn symlink(&self, path: &str, target: &str) -> String {
        self.advance(DEFAULT_BRANCH, &[Change::Symlink(path, target)], "a symlink", None)
    }

    /// Commits a submodule that points at some commit.
    pub fn submodule(&self, path: &str, commit: &str) -> String {
        self.advance(DEFAULT_BRANCH, &[Change::Submodule(path, commit)], "a submodule", None)
    }

    /// Rewrites a branch: the files are committed on top of an older commit and the branch is moved there, as a force
    /// push does.
    pub fn force_push(&self, branch: &str, parent: &str, files: &[(&str, &str)], message: &str) -> String {
        self.git(&["update-ref", &format!("refs/heads/{branch}"), parent]);
        self.commit_on(branch, files, message)
    }

    /// Sets an annotated tag.
    pub fn tag(&self, name: &str, commit: &str) {
        self.git(&["tag", "--annotate", "--message", name, name, commit]);
    }

    /// Deletes a branch.
    pub fn delete_branch(&self, branch: &str) {
        self.git(&["update-ref", "-d", &format!("refs/heads/{branch}")]);
    }

    /// Runs the Git program on the repository and gives what it prints, without the last line break.
    pub fn git(&self, arguments: &[&str]) -> String {
        run(self.command().args(arguments), b"")
    }

    /// As [`Repository::git`], with bytes on the program's input.
    pub fn git_with_input(&self, arguments: &[&str], input: &[u8]) -> String {
        run(self.command().args(arguments), input)
    }

    fn advance(&self, branch: &str, changes: &[Change], message: &str, seconds: Option<i64>) -> String {
        let reference = format!("refs/heads/{branch}");
        let parent = self
            .tip(&reference)
            .or_else(|| self.tip(&format!("refs/heads/{DEFAULT_BRANCH}")));
        // An index of its own for each commit: several threads may commit into several repositories.
        let index = self.path.join(format!("index-{branch}").replace('/', "-"));
        let _ = std::fs::remove_file(&index);
        let indexed = |arguments: &[&str]| run(self.command().env("GIT_INDEX_FILE", &index).args(arguments), b"");
        if let Some(parent) = &parent {
            indexed(&["read-tree", parent]);
        }
        for change in changes {
            match change {
                Change::Remove(path) => indexed(&["rm", "--quiet", "--cached", "-r", path]),
                Change::File(path, bytes) => indexed(&[
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    &format!("100644,{},{path}", self.blob(bytes)),
                ]),
                Change::Symlink(path, target) => indexed(&[
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    &format!("120000,{},{path}", self.blob(target.as_bytes())),
                ]),
                Change::Submodule(path, commit) => indexed(&[
                    "update-index",
                    "--add",
                    "--cacheinfo",
                    &format!("160000,{commit},{path}"),
                ]),
            };
        }
        let tree = indexed(&["write-tree"]);
        let mut commit = self.command();
        if let Some(seconds) = seconds {
            commit
                .env("GIT_COMMITTER_DATE", format!("@{seconds} +0000"))
                .env("GIT_AUTHOR_DATE", format!("@{seconds} +0000"));
        }
        commit.args(["commit-tree", &tree, "-m", message]);
        if let Some(parent) = &parent {
            commit.args(["-p", parent]);
        }
        let commit = run(&mut commit, b"");
        self.git(&["update-ref", &reference, &commit]);
        commit
    }

    fn tip(&self, reference: &str) -> Option<String> {
        let output = self
            .command()
            .args(["rev-parse", "--verify", "--quiet", reference])
            .output()
            .expect("git starts");
        output
            .status
            .success()
            .then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
    }

    fn blob(&self, bytes: &[u8]) -> String {
        run(self.command().args(["hash-object", "-w", "--stdin"]), bytes)
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        // The settings of whoever runs the tests must not change what is committed.
        command
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_SYSTEM", "/dev/null")
            .env("GIT_DIR", &self.path);
        for (role, name) in [("AUTHOR", "Ada"), ("COMMITTER", "Grace")] {
            command
                .env(format!("GIT_{role}_NAME"), name)
                .env(format!("GIT_{role}_EMAIL"), "dev@example.com");
        }
        command
    }
}

/// Runs a program to its end; fails with what it said when it is not there or not content.
pub(super) fn run(command: &mut Command, input: &[u8]) -> String {
    let shown: Vec<String> = std::iter::once(command.get_program())
        .chain(command.get_args())
        .map(OsStr::to_string_lossy)
        .map(Into::into)
        .collect();
    let shown = shown.join(" ");
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{shown} does not start (is the program installed?): {error}"));
    child
        .stdin
        .take()
        .expect("stdin is piped")
        .write_all(input)
        .expect("the program reads its input");
    let output = child.wait_with_output().expect("the program ends");
    assert!(
        output.status.success(),
        "{shown} failed: {}",
        String::from_utf8_lossy(&output.stderr)
    );
    String::from_utf8_lossy(&output.stdout).trim_end().to_owned()
}
