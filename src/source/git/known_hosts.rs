//! The host keys that a Secret vouches for, in the format of OpenSSH's `known_hosts`.
//!
//! libgit2 reads only the home directory's file, which cannot differ between tenants, and gives its callback the raw
//! key without a verdict. So the comparison is made here.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use ring::hmac;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// A parsed `known_hosts`; it has at least one usable line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct KnownHosts {
    entries: Vec<Entry>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Entry {
    trust: Trust,
    hosts: Hosts,
    key: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
enum Trust {
    Accepted,
    /// `@revoked`: this key is refused wherever it turns up.
    Revoked,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
enum Hosts {
    Patterns(Vec<String>),
    /// `|1|salt|hash`: HMAC-SHA1 of the name, so that a stolen file does not tell the hosts.
    Hashed {
        salt: Vec<u8>,
        hash: Vec<u8>,
    },
}

/// What the known hosts say about a key that a server showed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Verdict {
    /// The key is listed for this host.
    Known,

    /// The key is listed as revoked.
    Revoked,

    /// Another key of the same type is listed for this host.
    Different,

    /// Only keys of other types are listed for this host.
    OtherTypes(Vec<String>),

    /// Nothing is listed for this host.
    NoEntry,
}

impl KnownHosts {
    /// Reads the file; `None` when no line of it is usable. Unreadable lines are passed over, as OpenSSH does: they
    /// vouch for nothing.
    pub(super) fn parse(text: &str) -> Option<KnownHosts> {
        let entries: Vec<Entry> = text.lines().filter_map(parse_line).collect();
        (!entries.is_empty()).then_some(KnownHosts { entries })
    }

    /// Holds the raw key of a server against the lines for its host and port.
    pub(super) fn check(&self, host: &str, port: u16, key: &[u8]) -> Verdict {
        // OpenSSH writes the port into the name wherever it is not 22.
        let name = if port == 22 {
            host.to_owned()
        } else {
            format!("[{host}]:{port}")
        };
        if self
            .entries
            .iter()
            .any(|entry| entry.trust == Trust::Revoked && entry.key == key)
        {
            return Verdict::Revoked;
        }
        let listed: Vec<&Entry> = self
            .entries
            .iter()
            .filter(|entry| entry.trust == Trust::Accepted && entry.hosts.matches(&name))
            .collect();
        if listed.is_empty() {
            return Verdict::NoEntry;
        }
        if listed.iter().any(|entry| entry.key == key) {
            return Verdict::Known;
        }
        if listed.iter().any(|entry| key_type(&entry.key) == key_type(key)) {
            return Verdict::Different;
        }
        let mut types: Vec<String> = listed.iter().map(|entry| key_type(&entry.key)).collect();
        types.sort();
        types.dedup();
        Verdict::OtherTypes(types)
    }
}

impl Hosts {
    fn matches(&self, name: &str) -> bool {
        match self {
            Hosts::Hashed { salt, hash } => hmac::verify(
                &hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, salt),
                name.as_bytes(),
                hash,
            )
            .is_ok(),
            Hosts::Patterns(patterns) => {
                let excluded = patterns
                    .iter()
                    .filter_map(|pattern| pattern.strip_prefix('!'))
                    .any(|pattern| glob(pattern, name));
                !excluded && patterns.iter().any(|pattern| glob(pattern, name))
            }
        }
    }
}

fn parse_line(line: &str) -> Option<Entry> {
    let mut words = line.split_whitespace().peekable();
    let trust = match words.peek()? {
        comment if comment.starts_with('#') => return None,
        &"@revoked" => {
            words.next();
            Trust::Revoked
        }
        // A certificate authority vouches for certificates, which libssh2 does not read.
        marker if marker.starts_with('@') => return None,
        _ => Trust::Accepted,
    };
    let hosts = words.next()?;
    let named_type = words.next()?;
    let key = STANDARD.decode(words.next()?).ok()?;
    if key_type(&key) != named_type {
        return None;
    }
    Some(Entry {
        trust,
        hosts: parse_hosts(hosts)?,
        key,
    })
}

fn parse_hosts(word: &str) -> Option<Hosts> {
    match word.strip_prefix("|1|") {
        Some(hashed) => {
            let (salt, hash) = hashed.split_once('|')?;
            Some(Hosts::Hashed {
                salt: STANDARD.decode(salt).ok()?,
                hash: STANDARD.decode(hash).ok()?,
            })
        }
        None => Some(Hosts::Patterns(word.split(',').map(str::to_ascii_lowercase).collect())),
    }
}

/// Matches `*` and `?` by going back to the last star, which keeps a hostile pattern from costing exponential time.
fn glob(pattern: &str, name: &str) -> bool {
    let (pattern, name) = (pattern.as_bytes(), name.as_bytes());
    let (mut at_pattern, mut at_name, mut star) = (0, 0, None);
    while at_name < name.len() {
        match pattern.get(at_pattern) {
            Some(b'*') => {
                star = Some((at_pattern, at_name));
                at_pattern += 1;
            }
            Some(byte) if *byte == b'?' || *byte == name[at_name] => {
                at_pattern += 1;
                at_name += 1;
            }
            _ => match star {
                Some((pattern_star, name_star)) => {
                    star = Some((pattern_star, name_star + 1));
                    at_pattern = pattern_star + 1;
                    at_name = name_star + 1;
                }
                None => return false,
            },
        }
    }
    pattern[at_pattern..].iter().all(|byte| *byte == b'*')
}

/// The type that a raw host key names in its first field (RFC 4253, section 6.6), made safe to show.
pub(super) fn key_type(key: &[u8]) -> String {
    let field = key
        .split_first_chunk::<4>()
        .and_then(|(length, rest)| rest.get(..u32::from_be_bytes(*length) as usize));
    match field {
        Some(name) if name.len() <= 64 && name.iter().all(u8::is_ascii_graphic) => {
            String::from_utf8_lossy(name).into_owned()
        }
        _ => "unknown".to_owned(),
    }
}

/// The fingerprint of a raw host key as `ssh-keygen -l` prints it.
pub(super) fn fingerprint(key: &[u8]) -> String {
    format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(key)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn raw(kind: &str, body: &[u8]) -> Vec<u8> {
        let mut key = (kind.len() as u32).to_be_bytes().to_vec();
        key.extend_from_slice(kind.as_bytes());
        key.extend_from_slice(body);
        key
    }

    fn line(hosts: &str, kind: &str, body: &[u8]) -> String {
        format!("{hosts} {kind} {} somebody@somewhere", STANDARD.encode(raw(kind, body)))
    }

    fn check(text: &str, host: &str, port: u16, key: &[u8]) -> Verdict {
        KnownHosts::parse(text)
            .expect("at least one line")
            .check(host, port, key)
    }

    #[test]
    fn a_key_is_known_by_name_list_pattern_and_port() {
        let key = raw("ssh-ed25519", b"one");
        for (hosts, host, port, known) in [
            ("git.example.com", "git.example.com", 22, true),
            ("git.example.com", "git.example.com", 2222, false),
            ("[git.example.com]:2222", "git.example.com", 2222, true),
            ("other.example.com,git.example.com", "git.example.com", 22, true),
            ("*.example.com", "git.example.com", 22, true),
            ("*.example.com,!git.example.com", "git.example.com", 22, false),
            ("g?t.example.com", "git.example.com", 22, true),
            ("Git.Example.com", "git.example.com", 22, true),
        ] {
            let expected = if known { Verdict::Known } else { Verdict::NoEntry };
            assert_eq!(
                check(&line(hosts, "ssh-ed25519", b"one"), host, port, &key),
                expected,
                "{hosts}"
            );
        }
    }

    #[test]
    fn a_hashed_host_is_found_as_ssh_keygen_writes_it() {
        // Made by `ssh-keygen -H` from the line of git.example.com.
        let text = include_str!("known_hosts/hashed.txt");
        let key = STANDARD.decode(text.split_whitespace().nth(2).unwrap()).unwrap();
        assert_eq!(check(text, "git.example.com", 22, &key), Verdict::Known);
        assert_eq!(check(text, "evil.example.com", 22, &key), Verdict::NoEntry);
    }

    #[test]
    fn another_key_another_type_and_a_revoked_key_are_told_apart() {
        let ours = raw("ssh-ed25519", b"one");
        assert_eq!(
            check(&line("h", "ssh-ed25519", b"two"), "h", 22, &ours),
            Verdict::Different
        );
        let other = line("h", "ssh-rsa", b"x") + "\n" + &line("h", "ecdsa-sha2-nistp256", b"y");
        assert_eq!(
            check(&other, "h", 22, &ours),
            Verdict::OtherTypes(vec!["ecdsa-sha2-nistp256".into(), "ssh-rsa".into()])
        );
        let revoked = line("h", "ssh-ed25519", b"one") + "\n@revoked " + &line("*", "ssh-ed25519", b"one");
        assert_eq!(check(&revoked, "h", 22, &ours), Verdict::Revoked);
    }

    #[test]
    fn lines_that_vouch_for_nothing_make_no_known_hosts() {
        let authority = format!("@cert-authority {}", line("*", "ssh-ed25519", b"one"));
        for text in [
            "",
            "# only a comment",
            "git.example.com",
            "h ssh-ed25519 !!!",
            "h ssh-rsa AAAAC3Nz",
            authority.as_str(),
        ] {
            assert_eq!(KnownHosts::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_pattern_full_of_stars_ends() {
        assert!(!glob(&"*a".repeat(60), &"a".repeat(59)));
    }

    #[test]
    fn a_key_is_shown_by_type_and_fingerprint() {
        assert_eq!(key_type(&raw("ssh-ed25519", b"x")), "ssh-ed25519");
        assert_eq!(key_type(&[0, 0, 0, 200, 1]), "unknown");
        assert_eq!(fingerprint(b""), "SHA256:47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU");
    }
}
