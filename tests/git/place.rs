//! The place of a test: a folder with a repository, a server and a mirror.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::time::{Duration, Instant};

use driftmend::source::child::program_is;
use driftmend::source::git::{
    Credentials, GitError, Limits, Mirror, Oid, RepositoryUrl, Revision, Scope, Setting, UrlPolicy, allowed_hosts,
    initialise, networks,
};

use crate::git_server::{Authority, GitServer, Options, Repository};

/// The authority that this process trusts. libgit2 takes one file for the whole process, so all tests share it.
pub fn authority() -> &'static Authority {
    static AUTHORITY: OnceLock<Authority> = OnceLock::new();
    AUTHORITY.get_or_init(Authority::new)
}

/// Limits short enough for a test that waits for them, and long enough for a busy machine.
pub fn limits() -> Limits {
    Limits {
        connect: Duration::from_secs(5),
        silence: Duration::from_secs(10),
        listing: Duration::from_secs(30),
        transfer: Duration::from_secs(60),
        ..Limits::default()
    }
}

/// Sets Git up as the controller does at its start; the children are the program of this build.
pub fn set_up() {
    static FOLDER: OnceLock<tempfile::TempDir> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| tempfile::tempdir().expect("a folder"));
    static DONE: OnceLock<()> = OnceLock::new();
    DONE.get_or_init(|| {
        program_is(Path::new(env!("CARGO_BIN_EXE_driftmend")));
        // Each child has what it has by the chart's default (`git.memory`), and no test waits for another.
        let of_one = Setting::of_memory(96 << 20).of_one;
        initialise(Setting {
            memory: 1000 * of_one,
            of_one,
            certificates: Some(authority().write(folder.path())),
        });
    });
}

/// A repository `web.git` with one commit, served over http, and an empty cache.
pub struct Place {
    pub folder: tempfile::TempDir,
    pub repository: Repository,
    pub server: GitServer,
    pub first: String,
}

impl Place {
    pub fn new() -> Place {
        Place::with(&Options::default())
    }

    pub fn with(options: &Options) -> Place {
        set_up();
        let folder = tempfile::tempdir().expect("a folder");
        let repository = Repository::create(folder.path(), "web.git");
        let first = repository.commit(
            &[("deploy/web.yaml", "replicas: 1\n"), ("README.md", "Read me.\n")],
            "Add the shop",
        );
        let server = GitServer::start(folder.path(), options);
        Place {
            folder,
            repository,
            server,
            first,
        }
    }

    pub fn cache(&self) -> PathBuf {
        self.folder.path().join("cache")
    }

    pub fn url(&self) -> RepositoryUrl {
        url(&self.server.url("web.git"))
    }

    pub fn mirror(&self) -> Mirror {
        mirror(&self.cache(), &self.url())
    }
}

/// What a controller would let tenants name here: the servers of the tests are on this machine.
pub fn policy() -> UrlPolicy {
    UrlPolicy::of_tenants(
        true,
        true,
        allowed_hosts("").expect("hosts"),
        networks(driftmend::source::git::DENIED).expect("ranges"),
    )
}

pub fn url(text: &str) -> RepositoryUrl {
    RepositoryUrl::parse(text, &policy()).unwrap_or_else(|error| panic!("{text}: {error}"))
}

pub fn mirror(cache: &Path, url: &RepositoryUrl) -> Mirror {
    mirror_with(cache, url, limits())
}

/// How long a lock that was given back may still be held.
const HANDED_DOWN: Duration = Duration::from_secs(20);

/// Opens a mirror, again while its lock seems to be held.
///
/// Where another test starts a program at this moment, the child has a copy of every file that is open here until it
/// becomes that program: so of the lock, too, although its mirror is closed. On a busy machine that can be seen.
pub fn mirror_with(cache: &Path, url: &RepositoryUrl, limits: Limits) -> Mirror {
    set_up();
    let deadline = Instant::now() + HANDED_DOWN;
    loop {
        match Mirror::open_with(cache, url, limits) {
            Err(GitError::CacheInUse { .. }) if Instant::now() < deadline => {
                std::thread::sleep(Duration::from_millis(20))
            }
            opened => return opened.expect("a mirror"),
        }
    }
}

pub fn revision(text: &str) -> Revision {
    Revision::parse(Some(text)).expect("a revision")
}

pub fn oid(text: &str) -> Oid {
    Oid::from_str(text).expect("a commit's id")
}

/// A name and a password for the server of a URL.
pub fn basic(url: &RepositoryUrl, username: &str, password: &str) -> Credentials {
    basic_for(Scope::of_server(url), username, password)
}

/// A name and a password for what a scope says.
pub fn basic_for(scope: Scope, username: &str, password: &str) -> Credentials {
    Credentials::Basic {
        username: username.to_owned(),
        password: password.to_owned(),
        scope,
    }
}

/// Polls the default branch without credentials and gives the error.
pub fn poll_error(mirror: &Mirror) -> GitError {
    mirror
        .poll(&Revision::Head, &Credentials::None)
        .expect_err("the poll must fail")
}
