//! The parts of a URL's text, each checked by itself.

use std::net::IpAddr;

use super::{Form, UrlError};

pub(super) fn bracketed(host: &str) -> String {
    if host.contains(':') {
        format!("[{host}]")
    } else {
        host.to_owned()
    }
}

/// Form, user, `host[:port]` and path.
pub(super) fn split(text: &str) -> Result<(Form, Option<String>, &str, &str), UrlError> {
    let (form, authority, path) = match text.split_once("://") {
        Some((scheme, rest)) => {
            let form = match scheme.to_ascii_lowercase().as_str() {
                "https" => Form::Https,
                "http" => Form::Http,
                "ssh" | "git+ssh" | "ssh+git" => Form::Ssh,
                other => {
                    return Err(UrlError::Scheme {
                        scheme: printable(other),
                    });
                }
            };
            let slash = rest.find('/').ok_or(UrlError::Malformed {
                problem: "no path to a repository",
            })?;
            let (authority, path) = rest.split_at(slash);
            (form, authority, path)
        }
        None => {
            // Without a user, `name:path` cannot be told from a path or another scheme.
            let (authority, path) = text
                .split_once(':')
                .filter(|(before, _)| before.contains('@') && !before.contains('/'))
                .ok_or(UrlError::Scheme { scheme: String::new() })?;
            (Form::Scp, authority, path)
        }
    };
    let (user, authority) = match (form, authority.rsplit_once('@')) {
        (Form::Ssh | Form::Scp, Some((user, host))) => (Some(checked_user(user)?), host),
        (_, Some(_)) => return Err(UrlError::Credentials),
        (_, None) => (None, authority),
    };
    Ok((form, user, authority, path))
}

/// A scheme cut to what is safe to show.
fn printable(scheme: &str) -> String {
    if scheme.len() <= 16 && scheme.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'+') {
        scheme.to_owned()
    } else {
        String::new()
    }
}

fn checked_user(user: &str) -> Result<String, UrlError> {
    if user.contains(':') {
        return Err(UrlError::Credentials);
    }
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if user.is_empty() || user.starts_with('-') || !user.bytes().all(fits) {
        return Err(UrlError::Malformed {
            problem: "a user name with characters that do not belong there",
        });
    }
    Ok(user.to_owned())
}

pub(super) fn split_port(authority: &str) -> Result<(String, Option<u16>), UrlError> {
    let (host, port) = match authority.strip_prefix('[') {
        Some(rest) => {
            let (host, after) = rest.split_once(']').ok_or(UrlError::Malformed {
                problem: "a bracket that is not closed",
            })?;
            if !matches!(host.parse(), Ok(IpAddr::V6(_))) {
                return Err(UrlError::Malformed {
                    problem: "brackets around something other than an IPv6 address",
                });
            }
            (host, after)
        }
        None => authority.split_at(authority.find(':').unwrap_or(authority.len())),
    };
    if port.is_empty() {
        return Ok((host.to_owned(), None));
    }
    let digits = port
        .strip_prefix(':')
        .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_digit()));
    match digits.and_then(|digits| digits.parse().ok()) {
        Some(port) if port != 0 => Ok((host.to_owned(), Some(port))),
        _ => Err(UrlError::Malformed {
            problem: "a port that is not a number from 1 to 65535",
        }),
    }
}

pub(super) fn checked_host(host: &str) -> Result<String, UrlError> {
    let host = host.to_ascii_lowercase();
    // The root's dot changes nothing about where a name leads, and would make two names of one host.
    let host = host.strip_suffix('.').unwrap_or(&host).to_owned();
    let address: Option<IpAddr> = host.parse().ok();
    let fits = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'.');
    if host.is_empty() {
        return Err(UrlError::Malformed { problem: "no host" });
    }
    // One spelling for each address: lists and scopes compare texts.
    if let Some(address) = address {
        return Ok(address.to_string());
    }
    if host.starts_with(['-', '.']) || host.ends_with('.') || host.contains("..") || !host.bytes().all(fits) {
        return Err(UrlError::Malformed {
            problem: "a host with characters that do not belong there",
        });
    }
    Ok(host)
}

/// Allows what paths of Git servers are made of. libgit2 puts the path of an ssh URL between single quotes on the
/// server's command line without escaping it, so a quote must not come through, not even as `%27`.
pub(super) fn check_path(path: &str) -> Result<(), UrlError> {
    let trimmed = path.trim_matches('/');
    if trimmed.is_empty() {
        return Err(UrlError::Malformed {
            problem: "no path to a repository",
        });
    }
    if path.starts_with('-') {
        return Err(UrlError::Malformed {
            problem: "a path that reads like an option",
        });
    }
    if path.contains(['?', '#']) {
        return Err(UrlError::Malformed {
            problem: "a query or a fragment",
        });
    }
    if trimmed.split('/').any(|segment| matches!(segment, "." | "..")) {
        return Err(UrlError::Malformed {
            problem: "a . or .. segment in its path",
        });
    }
    let mut bytes = path.bytes();
    while let Some(byte) = bytes.next() {
        let fits = match byte {
            b'%' => matches!(
                (bytes.next(), bytes.next()),
                (Some(b'2'), Some(b'0' | b'B' | b'b' | b'C' | b'c'))
            ),
            _ => {
                byte.is_ascii_alphanumeric()
                    || matches!(
                        byte,
                        b'/' | b'-' | b'_' | b'.' | b'~' | b'+' | b'@' | b':' | b',' | b'='
                    )
            }
        };
        if !fits {
            return Err(UrlError::Malformed {
                problem: "a path with characters that do not belong there",
            });
        }
    }
    Ok(())
}
