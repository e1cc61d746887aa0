//! Which repositories a Secret is for.
//!
//! Who may write a DriftWatch names a Secret without being able to read it. So the Secret itself, or an administrator,
//! says where it may be sent to; a Secret that says nothing is sent nowhere.

use std::net::IpAddr;

use serde::{Deserialize, Serialize};

use super::RepositoryUrl;
use super::policy::entries;
use super::url::Form;

/// The places that a Secret may be used at.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scope(Vec<Place>);

/// One of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// `None` for `https` and `ssh`, each at its port: what is written without a scheme never means `http`.
    form: Option<Form>,
    host: String,
    /// `None` for the usual one of the scheme.
    port: Option<u16>,
    /// The segments that a path begins with.
    path: Vec<String>,
}

/// Why a text does not say which repositories a Secret is for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no host such as git.example.com and no beginning of a URL such as https://git.example.com/team/")]
pub struct ScopeError {
    /// The entry.
    pub text: String,

    /// Which one it is, from 1; 0 where there is none.
    pub number: usize,
}

impl Scope {
    /// Reads entries by commas or lines: `git.example.com` (https or ssh, at their usual ports),
    /// `git.example.com:8443`, `https://git.example.com/team/`, `ssh://git.example.com/team/`,
    /// `git@git.example.com:team/`.
    ///
    /// The path of an entry is held against whole segments: `/team` is not the beginning of `/team-b/web`.
    ///
    /// # Errors
    ///
    /// The first entry that cannot be read, or none at all: half a list would be worse than none.
    pub fn parse(text: &str) -> Result<Scope, ScopeError> {
        let parsed = entries(text).zip(1..).map(|(entry, number)| {
            Place::parse(entry).ok_or_else(|| ScopeError {
                text: shown(entry),
                number,
            })
        });
        let places: Vec<Place> = parsed.collect::<Result<_, _>>()?;
        if places.is_empty() {
            Err(ScopeError {
                text: String::new(),
                number: 0,
            })
        } else {
            Ok(Scope(places))
        }
    }

    /// The server of one URL, for a person who gives URL and credentials together.
    pub fn of_server(url: &RepositoryUrl) -> Scope {
        Scope(vec![Place {
            form: Some(url.form()),
            host: url.host().to_owned(),
            port: Some(url.port()),
            path: Vec::new(),
        }])
    }

    /// Whether the Secret may be used for a repository.
    pub fn covers(&self, url: &RepositoryUrl) -> bool {
        self.0.iter().any(|place| place.covers(url))
    }
}

impl Place {
    fn parse(text: &str) -> Option<Place> {
        match text.split_once("://") {
            Some((scheme, rest)) => {
                let form = match scheme.to_ascii_lowercase().as_str() {
                    "https" => Some(Form::Https),
                    "http" => Some(Form::Http),
                    "ssh" => Some(Form::Ssh),
                    _ => None,
                };
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                // The user of ssh is a part of the address and decides nothing here.
                let authority = if form == Some(Form::Ssh) {
                    authority.rsplit_once('@').map_or(authority, |(_, host)| host)
                } else {
                    authority
                };
                form.and_then(|form| Place::at(Some(form), authority, path))
            }
            None => match text.split_once('@').and_then(|(_, rest)| rest.split_once(':')) {
                Some((host, path)) => Place::at(Some(Form::Scp), host, path),
                None => Place::at(None, text, ""),
            },
        }
    }

    fn at(form: Option<Form>, authority: &str, path: &str) -> Option<Place> {
        let (host, port) = match authority.strip_prefix('[') {
            Some(rest) => rest.split_once(']')?,
            None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
        };
        let port = match port.strip_prefix(':') {
            Some(digits) => Some(digits.parse().ok().filter(|port: &u16| *port != 0)?),
            None => port.is_empty().then_some(None)?,
        };
        let host = host.to_ascii_lowercase();
        let host = host.strip_suffix('.').unwrap_or(&host);
        let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.' | b':');
        if host.is_empty() || !host.bytes().all(fits) {
            return None;
        }
        // One slash behind the last segment says nothing; more of them would be segments of their own.
        let path = match form {
            Some(Form::Scp) => path,
            _ => path.strip_prefix('/').unwrap_or(path),
        };
        let path = path.strip_suffix('/').unwrap_or(path);
        let path: Vec<String> = if path.is_empty() {
            Vec::new()
        } else {
            path.split('/').map(normal).collect()
        };
        // A query, a fragment, dot segments and escapes are never in a URL that is asked for, so such an entry would
        // not mean what it says.
        let odd = |segment: &String| {
            matches!(segment.as_str(), "" | "." | "..") || segment.contains(['?', '#', '%', '\\', '*'])
        };
        if path.iter().any(odd) {
            return None;
        }
        // One spelling for each address, as a URL has it.
        let host = host
            .parse::<IpAddr>()
            .map_or_else(|_| host.to_owned(), |address| address.to_string());
        Some(Place { form, host, port, path })
    }

    fn covers(&self, url: &RepositoryUrl) -> bool {
        let same_form = match self.form {
            Some(form) => form == url.form(),
            None => url.form() != Form::Http,
        };
        let port = self.port.unwrap_or(url.form().usual_port());
        let path = if url.form() == Form::Scp {
            url.path()
        } else {
            url.path().strip_prefix('/').unwrap_or(url.path())
        };
        let mut segments = path.split('/').map(normal);
        same_form
            && self.host == url.host()
            && port == url.port()
            && self.path.iter().all(|own| segments.next().as_ref() == Some(own))
    }
}

/// A segment with the escapes undone that a URL of a repository may have.
fn normal(segment: &str) -> String {
    segment
        .replace("%20", " ")
        .replace("%2B", "+")
        .replace("%2b", "+")
        .replace("%2C", ",")
        .replace("%2c", ",")
}

/// An entry as an error shows it: without what could be a password before the host.
fn shown(text: &str) -> String {
    let text = text.rsplit('@').next().unwrap_or_default();
    text.chars().filter(|letter| !letter.is_control()).take(100).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::source::git::UrlPolicy;

    fn covers(scope: &str, url: &str) -> bool {
        let url =
            RepositoryUrl::parse(url, &UrlPolicy::of_a_person(true)).unwrap_or_else(|error| panic!("{url}: {error}"));
        Scope::parse(scope)
            .unwrap_or_else(|error| panic!("{error}"))
            .covers(&url)
    }

    #[test]
    fn a_host_stands_for_https_and_ssh_at_their_usual_ports() {
        for url in [
            "https://git.example.com/team/web",
            "HTTPS://GIT.Example.Com./web",
            "https://git.example.com:443/web",
            "ssh://git@git.example.com/web",
            "git@git.example.com:web",
        ] {
            assert!(covers("git.example.com", url), "{url}");
            assert!(covers("other.example\n GIT.example.com. ,third.example", url), "{url}");
        }
        for url in [
            "http://git.example.com/web",
            "https://git.example.com:8443/web",
            "ssh://git@git.example.com:2222/web",
            "https://git.example.com.evil.example/web",
            "https://evil-git.example.com/web",
            "https://example.com/git.example.com/web",
            "https://sub.git.example.com/web",
            "git.example.com@evil.example:web",
        ] {
            assert!(!covers("git.example.com", url), "{url}");
        }
        assert!(covers("git.example.com:8443", "https://git.example.com:8443/web"));
        assert!(!covers("git.example.com:8443", "https://git.example.com/web"));
        assert!(covers("[fd00::5]:8443", "https://[fd00::5]:8443/web"));
    }

    #[test]
    fn a_prefix_ends_with_a_segment_and_keeps_its_scheme() {
        for scope in [
            "https://git.example.com/team",
            "https://git.example.com/team/",
            "https://GIT.example.com:443/team/",
        ] {
            for url in [
                "https://git.example.com/team/web",
                "https://git.example.com/team",
                "https://git.example.com:443/team/a/b",
            ] {
                assert!(covers(scope, url), "{scope} {url}");
            }
            for url in [
                "https://git.example.com/team-b/web",
                "https://git.example.com/teams",
                "https://git.example.com/Team/web",
                "https://git.example.com/other/team/web",
                "https://git.example.com//team/web",
                "http://git.example.com/team/web",
                "ssh://git@git.example.com/team/web",
                "git@git.example.com:team/web",
                "https://git.example.com:8443/team/web",
            ] {
                assert!(!covers(scope, url), "{scope} {url}");
            }
        }
        assert!(covers("https://git.example.com", "https://git.example.com/any/web"));
        assert!(covers("http://git.example.com", "http://git.example.com/any/web"));
        assert!(covers(
            "https://git.example.com/My Shop/",
            "https://git.example.com/My%20Shop/web"
        ));
    }

    #[test]
    fn both_forms_of_ssh_have_paths_of_their_own() {
        assert!(covers("git@git.example.com:team/", "deploy@git.example.com:team/web"));
        assert!(covers(
            "ssh://git@git.example.com/team",
            "ssh://git.example.com/team/web"
        ));
        assert!(
            !covers("ssh://git.example.com/team", "git@git.example.com:team/web"),
            "one is relative to a home folder"
        );
        assert!(!covers("git@git.example.com:team", "git@git.example.com:/team/web"));
        assert!(!covers("git@git.example.com:team", "git@git.example.com:team-b/web"));
    }

    #[test]
    fn an_entry_that_does_not_mean_what_it_says_is_refused() {
        for text in [
            "",
            " , \n",
            "*.example.com",
            "*",
            "https://",
            "https:///team",
            "https://git.example.com/*",
            "https://git.example.com/team/../other",
            "https://git.example.com/team//",
            "https://git.example.com/%74eam",
            "https://git.example.com/team?x",
            "https://git.example.com:0/",
            "https://git.example.com:x/",
            "https://robot:hunter2@git.example.com/",
            "file:///srv/git",
            "gít.example.com",
            "git.example.com/team",
            "git.example.com, *.other.example",
        ] {
            let error = Scope::parse(text).expect_err(text).to_string();
            assert!(!error.contains("hunter2"), "{error}");
        }
    }
}
