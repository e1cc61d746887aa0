//! Which names promise a secret: of environment variables, headers, flags, annotations and keys in a text.

use super::work::looked_at;

/// A name with one of these words holds a secret, and so does one with a word that ends in one of [`ENDINGS`].
const WORDS: &[&str] = &[
    "authorization",
    "bearer",
    "contrasena",
    "contraseña",
    "cookie",
    "cred",
    "creds",
    "dockerconfigjson",
    "jaas",
    "kennwort",
    "masterauth",
    "mnemonic",
    "mnemonics",
    "pass",
    "passwort",
    "pat",
    "private",
    "psw",
    "pwd",
    "senha",
];

/// Words that promise a secret together, one behind the other: `HTTP_BASIC`, and neither `HTTP_PORT` nor `BASIC_MODE`.
const PAIRS: &[[&str; 2]] = &[
    ["backup", "code"],
    ["backup", "codes"],
    ["docker", "auth"],
    ["http", "basic"],
    ["pin", "code"],
];

/// So that `DBPASSWORD` counts, and `MONKEY` does not.
const ENDINGS: &[&str] = &[
    "accesskey",
    "apikey",
    "apikeys",
    "authkey",
    "basicauth",
    "credential",
    "credentials",
    "encryptionkey",
    "masterkey",
    "passcode",
    "passphrase",
    "passwd",
    "password",
    "passwordhash",
    "passwords",
    "pincode",
    "privatekey",
    "privkey",
    "secret",
    "secretkey",
    "secrets",
    "seedphrase",
    "signingkey",
    "token",
    "tokens",
];

/// A name that ends in one of these words holds a secret: `REDIS_AUTH`, `AWS_ACCESS_KEY`, but neither `AUTH_URL` nor
/// `KEY_PREFIX`.
const LAST_WORDS: &[&str] = &[
    "auth",
    "jwt",
    "key",
    "keys",
    "otp",
    "pepper",
    "phrase",
    "pin",
    "psk",
    "salt",
    "seed",
    "sig",
    "signature",
    "totp",
];

/// Ends of words in which somebody left the space out: `PGPASS`, `BINDPW`, `DBPWD`.
const SHORT_ENDINGS: &[&str] = &["pass", "pw", "pwd"];

/// Words that end so and are no secrets.
const HARMLESS_WORDS: &[&str] = &[
    "bypass",
    "compass",
    "encompass",
    "multipass",
    "oldpwd",
    "overpass",
    "surpass",
    "trespass",
    "underpass",
];

/// Before `KEY` these make it a key of another sort.
const HARMLESS_KEYS: &[&str] = &[
    "cache",
    "foreign",
    "label",
    "partition",
    "primary",
    "public",
    "routing",
    "shard",
    "sort",
    "topology",
];

/// A name that ends in one of these says which object holds the secret, or that it comes another way: `DB_SECRET_NAME`,
/// `--password-stdin`.
const REFERENCES: &[&str] = &["fd", "name", "names", "namespace", "ref", "stdin"];

/// A name that ends in one of these says where the secret lies: `DB_PASSWORD_FILE`. A value that is no path is masked
/// even so.
const PLACES: &[&str] = &["dir", "directory", "file", "path"];

/// Endings of file names that no secret has by chance.
const FILES: &[&str] = &[
    ".cert", ".conf", ".crt", ".json", ".key", ".pem", ".txt", ".yaml", ".yml",
];

/// What a name says about its value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Promise {
    /// Nothing secret.
    Open,

    /// The place of a secret.
    Place,

    /// A secret.
    Secret,
}

impl Promise {
    /// Whether this value under such a name must not be shown.
    pub(super) fn hides(self, value: &str) -> bool {
        let promised = match self {
            Self::Open => false,
            Self::Place => !is_path(value),
            Self::Secret => true,
        };
        promised && !is_plain(value)
    }
}

/// The names that promise secrets, with a user's own words.
#[derive(Clone, Debug, Default)]
pub(super) struct Names {
    /// Further words, in lower case.
    pub(super) words: Vec<String>,
}

impl Names {
    /// Whether this value under this name must not be shown.
    pub(super) fn hide(&self, name: &str, value: &str) -> bool {
        self.promise(name).hides(value)
    }

    /// What the name promises, word by word and whatever its case.
    pub(super) fn promise(&self, name: &str) -> Promise {
        let words = words(name);
        let Some((last, before)) = words.split_last() else {
            return Promise::Open;
        };
        if REFERENCES.contains(&last.as_str()) {
            Promise::Open
        } else if PLACES.contains(&last.as_str()) && self.promise_secret(before) {
            Promise::Place
        } else if self.promise_secret(&words) {
            Promise::Secret
        } else {
            Promise::Open
        }
    }

    /// Whether the last word alone promises a secret: `db-token` and not `token-service`.
    pub(super) fn ends_in_secret(&self, name: &str) -> bool {
        words(name)
            .last()
            .is_some_and(|last| self.promise_secret(std::slice::from_ref(last)))
    }

    fn promise_secret(&self, words: &[String]) -> bool {
        let is_secret = |word: &String| {
            let is_short = || {
                SHORT_ENDINGS.iter().any(|ending| word.ends_with(ending)) && !HARMLESS_WORDS.contains(&word.as_str())
            };
            WORDS.contains(&word.as_str())
                || ENDINGS.iter().any(|ending| word.ends_with(ending))
                || is_short()
                || self.words.contains(word)
        };
        let ends = match words {
            [.., kind, last] if last.starts_with("key") && HARMLESS_KEYS.contains(&kind.as_str()) => false,
            [.., last] => LAST_WORDS.contains(&last.as_str()),
            [] => false,
        };
        let pair = |words: &[String]| {
            PAIRS
                .iter()
                .any(|pair| pair.iter().zip(words).all(|(known, word)| known == word))
        };
        ends || words.iter().any(is_secret) || words.windows(2).any(pair)
    }
}

/// Whether a value cannot be a secret whatever its name: nothing, a switch, a reference to another variable, a file.
pub(super) fn is_plain(value: &str) -> bool {
    let is_reference = value
        .strip_prefix("$(")
        .and_then(|rest| rest.strip_suffix(')'))
        .is_some_and(|name| !name.is_empty() && name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)));
    let is_file = is_path(value) && FILES.iter().any(|ending| value.ends_with(ending));
    matches!(value, "" | "true" | "false" | "null" | "nil") || is_reference || is_file
}

/// Whether this is the next flag and not the value of the one before: `--dry-run`, `--port=80`.
pub(super) fn is_flag(text: &str) -> bool {
    let name = text
        .strip_prefix("--")
        .map(|flag| flag.split('=').next().unwrap_or(flag));
    name.is_some_and(|name| {
        name.starts_with(|c: char| c.is_ascii_lowercase()) && name.chars().all(|c| c.is_ascii_lowercase() || c == '-')
    })
}

fn is_path(value: &str) -> bool {
    ["/", "./", "../"].iter().any(|start| value.starts_with(start)) && !value.contains(char::is_whitespace)
}

/// The words of a name in lower case, without digits at their ends: `dbPassword2` is `db`, `password`.
fn words(name: &str) -> Vec<String> {
    looked_at(name.len());
    let mut words = vec![String::new()];
    let mut lower = false;
    for c in name.chars() {
        let breaks = !c.is_alphanumeric() || (lower && c.is_uppercase());
        if breaks {
            words.push(String::new());
        }
        if let Some(word) = words.last_mut().filter(|_| c.is_alphanumeric()) {
            word.extend(c.to_lowercase());
        }
        lower = c.is_lowercase() || c.is_numeric();
    }
    words
        .iter()
        .map(|word| word.trim_end_matches(char::is_numeric).to_owned())
        .filter(|word| !word.is_empty())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_secrets_by_the_words_of_their_names() {
        for name in [
            "DB_PASSWORD",
            "db-passwd",
            "dbPassword2",
            "DBPASSWORD",
            "API_KEY",
            "apiKey",
            "AWS_SECRET_ACCESS_KEY",
            "AccountKey",
            "TOKEN",
            "accessToken",
            "PRIVATE_KEY",
            "CLOUD_CREDENTIALS",
            "REDIS_AUTH",
            "X-Api-Key",
            "Authorization",
            "Set-Cookie",
            "--requirepass",
            "KEY",
            "TOKEN_TTL",
            "PGPASS",
            "PGPASSWORD",
            "SEED",
            "WALLET_SEED",
            "SEED_PHRASE",
            "seedPhrase",
            "MNEMONIC",
            "WALLET_MNEMONIC_EN",
            "RECOVERY_PHRASE",
            "BIND_PW",
            "BINDPW",
            "DBPWD",
            "SSHPASS",
            "keyPass",
            "-storepass",
            "WPA_PSK",
            "SIGNINGKEY",
            "BASICAUTH",
            "HTTP_BASIC",
            "APIKEYS",
            "PASSWORDHASH",
            "DOCKER_AUTH_CONFIG",
            "DOCKERCONFIGJSON",
            "PINCODE",
            "PIN_CODE",
            "BACKUP_CODES",
            "PASSWORD_PEPPER",
            "SASL_JAAS_CONFIG",
            "DB_PASSWORT",
            "KENNWORT",
            "SENHA",
            "CONTRASENA",
            "--psw",
            "--authkey",
        ] {
            assert_eq!(Names::default().promise(name), Promise::Secret, "{name}");
        }
        for name in [
            "KEYCLOAK_URL",
            "MONKEY",
            "COMPASS",
            "BYPASS_CACHE",
            "TOKENIZER",
            "PUBLIC_KEY",
            "SHARD_KEY",
            "topologyKey",
            "matchLabelKeys",
            "REDIS_KEY_PREFIX",
            "DB_SECRET_NAME",
            "secretName",
            "AUTH_URL",
            "UNPRIVILEGED_POD",
            "JWT_POLICY",
            "PASSENGERS",
            "SEED_NODES",
            "CASSANDRA_SEEDS",
            "TRESPASS",
            "OLDPWD",
            "PHRASES",
            "HTTP_PORT",
            "BASIC_MODE",
            "DOCKER_HOST",
            "BACKUP_SCHEDULE",
            "PEPPERONI",
            "PIN_VERSION_CODE",
            "STATUS_CODES",
            "--password-stdin",
            "--passphrase-fd",
            "",
            "__",
            "image",
        ] {
            assert_eq!(Names::default().promise(name), Promise::Open, "{name}");
        }
    }

    #[test]
    fn shows_where_a_secret_lies_only_where_it_is_a_path() {
        let names = Names::default();
        assert_eq!(
            [
                names.hide("DB_PASSWORD_FILE", "/run/db"),
                names.hide("DB_PASSWORD_FILE", "hunter2")
            ],
            [false, true]
        );
        assert_eq!(
            [
                names.hide("KEY_PATH", "/run/db"),
                names.hide("TLS_KEY", "/tls/tls.key"),
                names.hide("TLS_KEY", "/Zx81")
            ],
            [false, false, true]
        );
    }

    #[test]
    fn shows_values_that_cannot_be_secrets() {
        let names = Names {
            words: vec!["sesame".to_owned()],
        };
        let hidden =
            ["", "true", "$(DB_PASSWORD)", "$(x) y", "12345", "(x"].map(|value| names.hide("OPEN_SESAME", value));
        assert_eq!(hidden, [false, false, false, true, true, true]);
    }
}
