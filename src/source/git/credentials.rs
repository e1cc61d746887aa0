//! What a Secret says about how to log in at a Git server.

use std::collections::BTreeMap;
use std::fmt;

use super::RepositoryUrl;
use super::known_hosts::KnownHosts;

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
}

/// Why the data of a Secret are not credentials; no message repeats a value.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CredentialsError {
    /// The keys of the Secret fit neither kind.
    #[error("the Secret has the keys [{}], which fit no way to log in", found.join(", "))]
    UnknownKeys {
        /// The keys that are there.
        found: Vec<String>,
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
                "give username and password for https, or identity and known_hosts (and password, the key's passphrase) for ssh".to_owned()
            }
            CredentialsError::NoKnownHosts => {
                "add known_hosts with the output of ssh-keyscan, compared with the fingerprints that the server's owner publishes"
                    .to_owned()
            }
            CredentialsError::Value { key, expected } => format!("store {expected} under {key}"),
        }
    }
}

impl Credentials {
    /// Reads the data of a Secret: `username` and `password`, or `identity` and `known_hosts` with an optional `password`, the key's
    /// passphrase. `identity.pub` is allowed beside them and not needed: Flux writes it.
    ///
    /// # Errors
    ///
    /// Any other set of keys, a value that is no text, an `identity` that is no private key, `known_hosts` without a host key.
    pub fn from_secret(data: &BTreeMap<String, Vec<u8>>) -> Result<Credentials, CredentialsError> {
        let keys: Vec<&str> = data.keys().map(String::as_str).filter(|key| *key != "identity.pub").collect();
        match keys.as_slice() {
            ["password", "username"] => Ok(Credentials::Basic {
                username: line(data, "username", "one line of text")?,
                password: line(data, "password", "one line of text")?,
            }),
            ["identity", "known_hosts"] => ssh(data, None),
            ["identity", "known_hosts", "password"] => ssh(data, Some(line(data, "password", "the passphrase of the private key")?)),
            ["identity"] | ["identity", "password"] => Err(CredentialsError::NoKnownHosts),
            _ => Err(CredentialsError::UnknownKeys { found: data.keys().cloned().collect() }),
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

fn ssh(data: &BTreeMap<String, Vec<u8>>, passphrase: Option<String>) -> Result<Credentials, CredentialsError> {
    let private_key = text(data, "identity", "a private key")?;
    if !private_key.contains("PRIVATE KEY-----") {
        return Err(CredentialsError::Value { key: "identity", expected: "a private key" });
    }
    let known_hosts = KnownHosts::parse(&text(data, "known_hosts", "lines of known_hosts")?)
        .ok_or(CredentialsError::Value { key: "known_hosts", expected: "lines of known_hosts, each with a host, a key type and a key" })?;
    Ok(Credentials::Ssh(SshIdentity { private_key, passphrase: passphrase.filter(|text| !text.is_empty()), known_hosts }))
}

fn text(data: &BTreeMap<String, Vec<u8>>, key: &'static str, expected: &'static str) -> Result<String, CredentialsError> {
    let bytes = data.get(key).map(Vec::as_slice).unwrap_or_default();
    let text = std::str::from_utf8(bytes).ok().filter(|text| !text.contains('\0'));
    text.map(str::to_owned).ok_or(CredentialsError::Value { key, expected })
}

/// A value of one line, without the line break that an editor or `echo` left behind it.
fn line(data: &BTreeMap<String, Vec<u8>>, key: &'static str, expected: &'static str) -> Result<String, CredentialsError> {
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

    const KEY: &str = "-----BEGIN OPENSSH PRIVATE KEY-----\nhunter2\n-----END OPENSSH PRIVATE KEY-----\n";
    const HOSTS: &str = include_str!("known_hosts/hashed.txt");

    fn secret(pairs: &[(&str, &str)]) -> BTreeMap<String, Vec<u8>> {
        pairs.iter().map(|(key, value)| ((*key).to_owned(), value.as_bytes().to_vec())).collect()
    }

    #[test]
    fn a_name_and_a_password_lose_only_the_line_break_at_their_end() {
        let read = Credentials::from_secret(&secret(&[("username", "robot\n"), ("password", " hunter2\r\n")])).unwrap();
        let Credentials::Basic { username, password } = read else { panic!("{read:?}") };
        assert_eq!((username.as_str(), password.as_str()), ("robot", " hunter2"));
    }

    #[test]
    fn a_key_needs_known_hosts_and_may_have_a_passphrase() {
        let with =
            Credentials::from_secret(&secret(&[("identity", KEY), ("known_hosts", HOSTS), ("password", "open"), ("identity.pub", "x")]))
                .unwrap();
        let Credentials::Ssh(identity) = with else { panic!("{with:?}") };
        assert_eq!(identity.passphrase.as_deref(), Some("open"));
        assert_eq!(Credentials::from_secret(&secret(&[("identity", KEY)])).unwrap_err(), CredentialsError::NoKnownHosts);
        let empty = Credentials::from_secret(&secret(&[("identity", KEY), ("known_hosts", "# nothing")])).unwrap_err();
        assert!(matches!(empty, CredentialsError::Value { key: "known_hosts", .. }), "{empty}");
        let swapped = Credentials::from_secret(&secret(&[("identity", "ssh-ed25519 AAAA"), ("known_hosts", HOSTS)])).unwrap_err();
        assert!(matches!(swapped, CredentialsError::Value { key: "identity", .. }), "{swapped}");
    }

    #[test]
    fn other_sets_of_keys_are_refused_with_the_names_expected() {
        for pairs in
            [vec![], vec![("token", "hunter2")], vec![("username", "robot")], vec![("username", "a"), ("password", "b"), ("identity", KEY)]]
        {
            let error = Credentials::from_secret(&secret(&pairs)).unwrap_err();
            assert!(matches!(error, CredentialsError::UnknownKeys { .. }), "{error}");
            assert!(error.hint().contains("username and password") && error.hint().contains("known_hosts"));
        }
    }

    #[test]
    fn nothing_secret_is_printed() {
        let basic = Credentials::Basic { username: "robot".into(), password: "hunter2".into() };
        let ssh = Credentials::from_secret(&secret(&[("identity", KEY), ("known_hosts", HOSTS), ("password", "hunter2")])).unwrap();
        for credentials in [basic, ssh] {
            assert!(!format!("{credentials:?} {credentials:#?}").contains("hunter2"));
        }
    }
}
