//! The clients that a command line has named so far, and which of its words their flags hide.

use Takes::{Begun, Behind, Last, Logon, Long, Nth, Short};

use super::BY_NAME;
use super::known::{Client, Takes};
use crate::engine::diff::mask::work::looked_at;

/// The words of one client.
pub(super) struct Scope {
    clients: &'static [&'static Client],

    /// The words that were met and that a client's flags depend on, each once.
    met: Vec<&'static str>,

    /// How many words without dashes came after the first of those.
    since: usize,
}

impl Scope {
    pub(super) fn of(word: &str) -> Option<Self> {
        looked_at(word.len());
        let name = word.rsplit('/').next().unwrap_or(word);
        let name = name.strip_suffix(".exe").unwrap_or(name);
        BY_NAME.get(name).map(|clients| Self {
            clients,
            met: Vec::new(),
            since: 0,
        })
    }

    pub(super) fn meet(&mut self, word: &str) {
        self.since += usize::from(!self.met.is_empty() && !word.starts_with('-'));
        let known = self
            .clients
            .iter()
            .flat_map(|client| client.with)
            .find(|with| **with == word);
        if let Some(known) = known.filter(|known| !self.met.contains(known)) {
            self.met.push(known);
        }
    }

    fn active(&self) -> impl Iterator<Item = (&'static Client, Takes)> {
        let is_active = |client: &&&'static Client| {
            looked_at(self.met.len());
            client.with.is_empty() || client.with.iter().any(|word| self.met.contains(word))
        };
        self.clients
            .iter()
            .filter(is_active)
            .flat_map(|client| client.takes.iter().map(|takes| (*client, *takes)))
    }

    /// Where the secret begins that a word holds, as the value of the flag before it or with its own flag. `-u 'a':'b'`
    /// came as two words.
    pub(super) fn value(&self, word: &str, before: Option<&str>, earlier: Option<&str>) -> Option<usize> {
        self.active().find_map(|(client, takes)| {
            let flag = match takes {
                Short(flag) | Long(flag) | Behind(flag, _) | Begun(flag, _) => flag,
                Nth(place) => {
                    return (self.since == place && !word.starts_with('-') && !word.contains('=')).then_some(0);
                }
                Logon => return logon(word),
                Last => return None,
            };
            if let Behind(_, sign) = takes
                && word.starts_with(sign)
                && earlier.is_some_and(|earlier| earlier == flag || client.clusters && ends_cluster(earlier, flag))
            {
                return Some(sign.len_utf8());
            }
            let is_short = flag.len() == 2 && !matches!(takes, Long(_) | Begun(..));
            let is_value = before.is_some_and(|before| before == flag || client.clusters && ends_cluster(before, flag))
                && !is_next_flag(word);
            let value = if is_value {
                word
            } else {
                let rest = word.strip_prefix(flag).filter(|rest| !rest.is_empty())?;
                rest.strip_prefix('=')
                    .or_else(|| (is_short || matches!(takes, Short(_))).then_some(rest))?
            };
            let secret = match takes {
                Behind(_, sign) => value.split_once(sign)?.1,
                Begun(_, begin) => value.trim_start_matches(['"', '\'']).strip_prefix(begin)?,
                Short(_) | Long(_) | Last | Nth(_) | Logon => value,
            };
            Some(word.len() - secret.len())
        })
    }

    pub(super) fn takes_last(&self, words: &[&str], at: usize) -> bool {
        // A quote that never closes may have taken in what is no word of the command.
        let is_word = words[at].contains(char::is_alphanumeric)
            && !words[at].contains('\n')
            && !words[at].starts_with(char::is_whitespace);
        at + 1 == words.len()
            && is_word
            && !words[at].starts_with('-')
            && self
                .active()
                .any(|(client, takes)| matches!(takes, Last) && !client.with.contains(&words[at]))
    }

    /// Whether the words of this client end with the one before this word.
    pub(super) fn is_over(&self, word: &str, before: Option<&str>) -> bool {
        self.clients.iter().any(|client| client.is_prefix)
            && !word.starts_with('-')
            && !before.is_some_and(|before| before.starts_with('-') && before.len() == 2)
    }
}

/// Where the secret of `user/secret@host` begins.
fn logon(word: &str) -> Option<usize> {
    let (user, secret) = word.split_once('/')?;
    (!user.is_empty() && !user.contains(['@', '-', ':', '.', '=']) && !secret.is_empty()).then_some(user.len() + 1)
}

/// Whether a word such as `-sku` ends in a flag of one letter.
fn ends_cluster(word: &str, flag: &str) -> bool {
    let (Some(letters), Some(flag)) = (word.strip_prefix('-'), flag.strip_prefix('-')) else {
        return false;
    };
    flag.len() == 1 && letters.len() > 1 && letters.ends_with(flag) && letters.chars().all(|c| c.is_ascii_alphabetic())
}

/// Whether this is rather the next flag than a secret that begins with a dash.
fn is_next_flag(word: &str) -> bool {
    word.strip_prefix("--")
        .is_some_and(|name| name.starts_with(|c: char| c.is_ascii_lowercase()))
}
