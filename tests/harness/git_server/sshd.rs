//! A real `sshd` with keys of its own that lets one key run `git-upload-pack` and nothing else.
//!
//! It neither reads nor writes anybody's `~/.ssh`.

use std::fs;
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use super::repository::run;

/// Where Debian's package `openssh-server` puts it; `sshd` refuses to start by a relative path.
const PROGRAM: &str = "/usr/sbin/sshd";

/// A running `sshd`; it ends when it is dropped.
pub struct SshServer {
    child: Child,
    port: u16,
    folder: PathBuf,
    user: String,
}

impl SshServer {
    /// Starts the server with its keys and settings in a folder, on a free port of 127.0.0.1.
    pub fn start(folder: &Path) -> SshServer {
        assert!(
            Path::new(PROGRAM).exists(),
            "{PROGRAM} is not there: install the package openssh-server"
        );
        let folder = folder.to_owned();
        key(&folder.join("host"), "ed25519", "");
        key(&folder.join("host_ecdsa"), "ecdsa", "");
        key(&folder.join("client"), "ed25519", "");
        key(&folder.join("client_with_passphrase"), "ed25519", "open sesame");
        key(&folder.join("stranger"), "ed25519", "");
        let allowed: String = ["client.pub", "client_with_passphrase.pub"]
            .iter()
            .map(|name| {
                format!(
                    "restrict,command=\"git-shell -c \\\"$SSH_ORIGINAL_COMMAND\\\"\" {}",
                    read(&folder.join(name))
                )
            })
            .collect();
        private(&folder.join("authorized_keys"), &allowed);
        let user = run(Command::new("id").arg("-un"), b"");
        if user == "root" {
            // Where sshd separates its privileges; a machine whose sshd was never started by its service manager lacks
            // it.
            fs::create_dir_all("/run/sshd").expect("root may make /run/sshd");
        }
        // The port may be taken between its choice and the server's start; then another one is tried.
        for _ in 0..5 {
            let port = TcpListener::bind(("127.0.0.1", 0))
                .and_then(|listener| listener.local_addr())
                .expect("a free port")
                .port();
            private(&folder.join("sshd_config"), &config(&folder, port));
            if let Some(child) = started(&folder, port) {
                return SshServer {
                    child,
                    port,
                    folder,
                    user,
                };
            }
        }
        panic!("sshd does not start: {}", read(&folder.join("log")));
    }

    /// The URL of a repository by its folder.
    pub fn url(&self, repository: &Path) -> String {
        format!("ssh://{}@127.0.0.1:{}{}", self.user, self.port, repository.display())
    }

    /// The private key that may log in.
    pub fn identity(&self) -> String {
        read(&self.folder.join("client"))
    }

    /// A private key that may log in, and its passphrase.
    pub fn identity_with_passphrase(&self) -> (String, &'static str) {
        (read(&self.folder.join("client_with_passphrase")), "open sesame")
    }

    /// A private key that may not log in.
    pub fn stranger(&self) -> String {
        read(&self.folder.join("stranger"))
    }

    /// The line of `known_hosts` for this server.
    pub fn known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.port, read(&self.folder.join("host.pub")))
    }

    /// The line of the server's second key, which clients ask for only when they do not know Ed25519.
    pub fn ecdsa_known_hosts(&self) -> String {
        format!(
            "[127.0.0.1]:{} {}",
            self.port,
            read(&self.folder.join("host_ecdsa.pub"))
        )
    }

    /// What a server with another key would have as its line.
    pub fn wrong_known_hosts(&self) -> String {
        format!("[127.0.0.1]:{} {}", self.port, read(&self.folder.join("stranger.pub")))
    }
}

impl Drop for SshServer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn config(folder: &Path, port: u16) -> String {
    let folder = folder.display();
    [
        format!("Port {port}"),
        "ListenAddress 127.0.0.1".to_owned(),
        format!("HostKey {folder}/host"),
        format!("HostKey {folder}/host_ecdsa"),
        format!("AuthorizedKeysFile {folder}/authorized_keys"),
        format!("PidFile {folder}/pid"),
        "PasswordAuthentication no".to_owned(),
        "KbdInteractiveAuthentication no".to_owned(),
        "PermitRootLogin forced-commands-only".to_owned(),
        // The folder is a temporary one, below /tmp, which all may write to.
        "StrictModes no".to_owned(),
        "UsePAM no".to_owned(),
        String::new(),
    ]
    .join("\n")
}

/// Waits until the server answers; `None` when it ended instead.
fn started(folder: &Path, port: u16) -> Option<Child> {
    let log = fs::File::create(folder.join("log")).expect("a log");
    let config = folder.join("sshd_config");
    let mut child = Command::new(PROGRAM)
        .args(["-D", "-e", "-f"])
        .arg(config)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(log)
        .spawn()
        .expect("sshd starts");
    let deadline = Instant::now() + Duration::from_secs(10);
    while Instant::now() < deadline {
        if child.try_wait().expect("the state of sshd").is_some() {
            return None;
        }
        if TcpStream::connect(("127.0.0.1", port)).is_ok() {
            return Some(child);
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    let _ = child.kill();
    let _ = child.wait();
    None
}

fn key(file: &Path, kind: &str, passphrase: &str) {
    // One round of key stretching (-a): the usual sixteen take seconds in a debug build of libssh2.
    run(
        Command::new("ssh-keygen")
            .args(["-q", "-t", kind, "-a", "1", "-C", "test", "-N", passphrase, "-f"])
            .arg(file),
        b"",
    );
}

fn private(file: &Path, text: &str) {
    fs::write(file, text).expect("the folder can be written to");
    fs::set_permissions(file, fs::Permissions::from_mode(0o600)).expect("the file is ours");
}

fn read(file: &Path) -> String {
    fs::read_to_string(file).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
