//! What a server answers: an object, a refusal, or nothing that counts.

use serde_json::Value;

/// How a server, or kubectl for it, says that it has no answer at this moment, which is not about what was asked.
const NO_ANSWER: [&str; 13] = [
    "Error from server (TooManyRequests)",
    "Error from server (ServiceUnavailable)",
    "Error from server (ServerTimeout)",
    "Error from server (Timeout)",
    "Unable to connect to the server",
    "The connection to the server ",
    "couldn't get current server API group list",
    "etcdserver: ",
    "context deadline exceeded",
    "TLS handshake timeout",
    "i/o timeout",
    "connection refused",
    "connection reset",
];

/// Whether nobody answered what was asked.
pub(super) fn is_no_answer(text: &str) -> bool {
    NO_ANSWER.iter().any(|words| text.contains(words))
}

/// Whether the server said no to what was asked, in kubectl's words.
pub(super) fn is_refusal(text: &str) -> bool {
    text.contains(" is invalid") || text.contains("Error from server")
}

/// What kubectl says beside the warnings that it passes on.
pub(super) fn without_warnings(text: &str) -> String {
    text.lines()
        .filter(|line| !line.starts_with("Warning: "))
        .collect::<Vec<_>>()
        .join("\n")
        .trim_end()
        .to_owned()
}

/// The server's answer to one write.
#[derive(Clone, Debug, PartialEq)]
pub enum Answer {
    /// The object that the write gives.
    Object(Value),

    /// Why not: the code, the message, and the causes as `(reason, field, message)`.
    Refusal {
        code: u16,
        message: String,
        causes: Vec<(String, String, String)>,
    },

    /// What kubectl printed when it failed.
    Text(String),
}

impl Answer {
    /// Whether it is none. A 500 alone is one: it is how server-side apply refuses what does not fit the schema.
    pub(super) fn is_none(&self) -> bool {
        match self {
            Self::Refusal { code, message, .. } => {
                matches!(*code, 429 | 501..=599) || *code == 500 && is_no_answer(message)
            }
            Self::Object(_) | Self::Text(_) => false,
        }
    }
}
