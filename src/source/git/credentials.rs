//! What a Secret says about how to log in at a Git server.

use std::collections::BTreeMap;
use std::fmt;

use super::known_hosts::KnownHosts;
use super::{RepositoryUrl, Scope};

/// The key of a Secret that says which repositories it is for.
pub const HOSTS_KEY: &str = "hosts";

/// How to log in; its `Debug` shows which kind it is and nothing else.
#[derive(Clone, Default)]
pub enum Credentials {
    /// A public repository.
    #[default]
    None,

    /// A name with a password or token, for `https`.
    Basic {
        /// The name; many servers take any name beside a token.
        username: String,

        /// The password or token.
        password: String,

        /// Where they may be sent.
        scope: Scope,
    },

    /// A private key, for `ssh`.
    Ssh(SshIdentity),
}

/// A private key with the host keys of the servers it may be used at.
#[derive(Clone)]
pub struct SshIdentity {
    pub(super) private_key: String,
    pub(super) passphrase: Option<String>,
    pub(super) known_hosts: KnownHosts,
    pub(super) scope: Scope,
}

/// How many keys of a Secret an error names.
const KEYS_TOLD: usize = 10;

/// Why the data of a Secret are not credentials; no message repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The keys of the Secret fit neither kind.
    #[error("the Secret has the keys [{}], which fit no way to log in", found.join(", "))]
    UnknownKeys {
        /// The keys that are there.
        found: Vec<String>,
    },

    /// Nothing says which repositories the Secret is for.
    #[error("the Secret does not say which hosts it is for, so it is sent to none")]
    NoHosts,

    /// What says it cannot be read.
    #[error("entry {number} of {HOSTS_KEY} in the Secret is neither a host nor the beginning of a URL")]
    Hosts {
        /// Which entry, from 1: its text is a value of the Secret.
        number: usize,
    },

    /// A private key without the host keys it may be used at.
    #[error("the Secret has an identity but no known_hosts")]
    NoKnownHosts,

    /// A value that is not what its key says.
    #[error("the value of {key} in the Secret is not {expected}")]
    Value {
        /// The key in the Secret.
        key: &'static str,

        /// What it should hold.
        expected: &'static str,
    },
}

impl CredentialsError {
    /// What a person does about it.
    pub fn hint(&self) -> String {
        match self {
            CredentialsError::UnknownKeys { .. } => {
                "give username and password for https, or identity and known_hosts (and password, the key's \
                 passphrase) for ssh"
                    .to_owned()
            }
            CredentialsError::NoHosts | CredentialsError::Hosts { .. } => {
                format!(
                    "add {HOSTS_KEY} with hosts or beginnings of URLs by commas, such as git.example.com or \
                     https://git.example.com/team/"
                )
            }
            CredentialsError::NoKnownHosts => {
                "add known_hosts with the output of ssh-keyscan, compared with the fingerprints that the server's \
                 owner publishes"
                    .to_owned()
            }
            CredentialsError::Value { key, expected } => format!("store {expected} under {key}"),
        }
    }
}

impl Credentials {
    /// Reads the data of a Secret: `username` and `password`, or `identity` and `known_hosts` with an optional
    /// `password`, the key's passphrase. `identity.pub` is allowed beside them and not needed: Flux writes it. `hosts`
    /// says where they may be sent; a list of an administrator takes its place, so that who may write the Secret cannot
    /// make it longer.
    ///
    /// # Errors
    ///
    /// Any other set of keys, a value that is no text, an `identity` that is no private key, `known_hosts` without a
    /// host key, and no word about the hosts.
    pub fn from_secret(
        data: &BTreeMap<String, Vec<u8>>,
        listed: Option<&Scope>,
    ) -> Result<Credentials, CredentialsError> {
        let keys: Vec<&str> = data
            .keys()
            .map(String::as_str)
            .filter(|key| !matches!(*key, "identity.pub" | HOSTS_KEY))
            .collect();
        let scope = || match (listed, data.contains_key(HOSTS_KEY)) {
            (Some(listed), _) => Ok(listed.clone()),
            (None, true) => {
                let hosts = text(data, HOSTS_KEY, "hosts by commas")?;
                Scope::parse(&hosts).map_err(|error| CredentialsError::Hosts { number: error.number })
            }
            (None, false) => Err(CredentialsError::NoHosts),
        };
        match keys.as_slice() {
            ["password", "username"] => Ok(Credentials::Basic {
                username: line(data, "username", "one line of text")?,
                password: line(data, "password", "one line of text")?,
                scope: scope()?,
            }),
            ["identity", "known_hosts"] => ssh(data, None, scope),
            ["identity", "known_hosts", "password"] => ssh(
                data,
                Some(line(data, "password", "the passphrase of the private key")?),
                scope,
            ),
            ["identity"] | ["identity", "password"] => Err(CredentialsError::NoKnownHosts),
            _ => Err(CredentialsError::UnknownKeys {
                found: data.keys().take(KEYS_TOLD).cloned().collect(),
            }),
        }
    }

    /// Which kind it is, in words that may be shown.
    pub(super) fn kind(&self) -> &'static str {
        match self {
            Credentials::None => "no credentials",
            Credentials::Basic { .. } => "a user name and password",
            Credentials::Ssh(_) => "an ssh key",
        }
    }

    /// Whether they may be sent to the server of this URL.
    pub fn are_for(&self, url: &RepositoryUrl) -> bool {
        match self {
            Credentials::None => true,
            Credentials::Basic { scope, .. } | Credentials::Ssh(SshIdentity { scope, .. }) => scope.covers(url),
        }
    }

    /// Whether a server of this URL can be asked with them at all.
    pub(super) fn fits(&self, url: &RepositoryUrl) -> bool {
        match self {
            Credentials::None | Credentials::Basic { .. } => !url.is_ssh(),
            Credentials::Ssh(_) => url.is_ssh(),
        }
    }
}

impl fmt::Debug for Credentials {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Credentials::None => "Credentials::None",
            Credentials::Basic { .. } => "Credentials::Basic(..)",
            Credentials::Ssh(_) => "Credentials::Ssh(..)",
        })
    }
}

impl fmt::Debug for SshIdentity {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("SshIdentity(..)")
    }
}

fn ssh(
    data: &BTreeMap<String, Vec<u8>>,
    passphrase: Option<String>,
    scope: impl FnOnce() -> Result<Scope, CredentialsError>,
) -> Result<Credentials, CredentialsError> {
    let private_key = text(data, "identity", "a private key")?;
    if !private_key.contains("PRIVATE KEY-----") {
        return Err(CredentialsError::Value {
            key: "identity",
            expected: "a private key",
        });
    }
    let known_hosts =
        KnownHosts::parse(&text(data, "known_hosts", "lines of known_hosts")?).ok_or(CredentialsError::Value {
            key: "known_hosts",
            expected: "lines of known_hosts, each with a host, a key type and a key",
        })?;
    let passphrase = passphrase.filter(|text| !text.is_empty());
    Ok(Credentials::Ssh(SshIdentity {
        private_key,
        passphrase,
        known_hosts,
        scope: scope()?,
    }))
}

fn text(
    data: &BTreeMap<String, Vec<u8>>,
    key: &'static str,
    expected: &'static str,
) -> Result<String, CredentialsError> {
    let bytes = data.get(key).map(Vec::as_slice).unwrap_or_default();
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or(CredentialsError::Value { key, expected })
}

/// A value of one line, without the line break that an editor or `echo` left behind it.
fn line(
    data: &BTreeMap<String, Vec<u8>>,
    key: &'static str,
    expected: &'static str,
) -> Result<String, CredentialsError> {
    let text = text(data, key, expected)?;
    let line = text.trim_end_matches(['\r', '\n']);
    if line.contains(['\r', '\n']) {
        return Err(CredentialsError::Value { key, expected });
    }
    Ok(line.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::git::UrlPolicy;

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n";
    const HOSTS: &str = include_str!("known_hosts/hashed.txt");

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs
            .iter()
            .map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec()))
            .collect()
    }

    /// Reads a Secret that an administrator lists for a host.
    fn listed(data: &BTreeMap<String, Vec<u8>>) -> Result<Credentials, CredentialsError> {
        Credentials::from_secret(data, Some(&Scope::parse("git.example.com").unwrap()))
    }

    fn url(text: &str) -> RepositoryUrl {
        RepositoryUrl::parse(text, &UrlPolicy::default()).unwrap()
    }

    #[test]
    fn a_secret_says_where_it_may_be_sent_or_is_sent_nowhere() {
        let pairs = [
            ("username", "robot"),
            ("password", "hunter2"),
            ("hosts", "git.example.com\nhttps://other.example/team/\n"),
        ];
        let read = Credentials::from_secret(&secret(&pairs), None).unwrap();
        for (text, sent) in [
            ("https://git.example.com/web", true),
            ("https://other.example/team/web", true),
            ("https://other.example/web", false),
            ("https://evil.example/web", false),
        ] {
            assert_eq!(read.are_for(&url(text)), sent, "{text}");
        }
        let ssh = [("identity", KEY), ("known_hosts", HOSTS)];
        for silent in [&pairs[..2], &ssh] {
            assert_eq!(
                Credentials::from_secret(&secret(silent), None).unwrap_err(),
                CredentialsError::NoHosts
            );
        }
        let wrong = [
            ("username", "robot"),
            ("password", "hunter2"),
            ("hosts", "git.example.com,a secret word"),
        ];
        let error = Credentials::from_secret(&secret(&wrong), None).unwrap_err();
        assert_eq!(error, CredentialsError::Hosts { number: 2 });
        assert!(
            !error.to_string().contains("secret word") && error.hint().starts_with("add hosts "),
            "{error}"
        );
    }

    #[test]
    fn the_list_of_an_administrator_takes_the_place_of_the_key() {
        let pairs = [
            ("username", "robot"),
            ("password", "hunter2"),
            ("hosts", "evil.example"),
        ];
        let read = listed(&secret(&pairs)).unwrap();
        assert!(read.are_for(&url("https://git.example.com/web")) && !read.are_for(&url("https://evil.example/web")));
    }

    #[test]
    fn a_name_and_a_password_lose_only_the_line_break_at_their_end() {
        let read = listed(&secret(&[("username", "robot\n"), ("password", " hunter2\r\n")])).unwrap();
        let Credentials::Basic { username, password, .. } = read else {
            panic!("{read:?}")
        };
        assert_eq!((username.as_str(), password.as_str()), ("robot", " hunter2"));
    }

    #[test]
    fn a_key_needs_known_hosts_and_may_have_a_passphrase() {
        let with = listed(&secret(&[
            ("identity", KEY),
            ("known_hosts", HOSTS),
            ("password", "open"),
            ("identity.pub", "x"),
        ]))
        .unwrap();
        let Credentials::Ssh(identity) = with else {
            panic!("{with:?}")
        };
        assert_eq!(identity.passphrase.as_deref(), Some("open"));
        assert_eq!(
            listed(&secret(&[("identity", KEY)])).unwrap_err(),
            CredentialsError::NoKnownHosts
        );
        let empty = listed(&secret(&[("identity", KEY), ("known_hosts", "# nothing")])).unwrap_err();
        assert!(
            matches!(empty, CredentialsError::Value { key: "known_hosts", .. }),
            "{empty}"
        );
        let swapped = listed(&secret(&[("identity", "ssh-ed25519 AAAA"), ("known_hosts", HOSTS)])).unwrap_err();
        assert!(
            matches!(swapped, CredentialsError::Value { key: "identity", .. }),
            "{swapped}"
        );
    }

    #[test]
    fn other_sets_of_keys_are_refused_with_the_names_expected() {
        for pairs in [
            vec![],
            vec![("token", "hunter2")],
            vec![("username", "robot")],
            vec![("username", "a"), ("password", "b"), ("identity", KEY)],
        ] {
            let error = listed(&secret(&pairs)).unwrap_err();
            assert!(matches!(error, CredentialsError::UnknownKeys { .. }), "{error}");
            assert!(error.hint().contains("username and password") && error.hint().contains("known_hosts"));
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let basic = Credentials::Basic {
            username: "robot".into(),
            password: "hunter2".into(),
            scope: Scope::default(),
        };
        let ssh = listed(&secret(&[
            ("identity", KEY),
            ("known_hosts", HOSTS),
            ("password", "hunter2"),
        ]))
        .unwrap();
        for credentials in [basic, ssh] {
            assert!(!format!("{credentials:?} {credentials:#?}").contains("hunter2"));
        }
    }
}
