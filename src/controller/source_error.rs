//! Why a source cannot be read, and what a person can do about it.

use std::time::Duration;

use crate::cluster::ApiError;
use crate::engine::tool_object::origin::Unsupported;
use crate::source::child::MIB;
use crate::source::git::{self, CredentialsError, GitError, UrlError};
use crate::source::render::NotPlain;
use crate::source::yaml::{Remark, Remarks, told};

/// The longest that one look at a repository may take, fetch included: libgit2's own limits end it earlier, and this
/// one ends a reconcile whose thread does not come back.
pub(super) const LOOK_LIMIT: Duration = Duration::from_secs(300);

/// The longest that a source rests which fails again and again: a server that is back is noticed within this time.
const LONGEST_REST: Duration = Duration::from_secs(600);

/// The same where somebody mends it by a commit or an edit of which nothing tells, and waits for what becomes of it.
const REST_OF_THE_MENDED: Duration = Duration::from_secs(120);

/// Why a source cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The watch itself is at fault.
    #[error("{message}")]
    Invalid {
        /// One word.
        reason: &'static str,

        /// What is wrong, with the field.
        message: String,
    },

    /// The URL of the repository.
    #[error("{place}")]
    Url {
        /// The field that names it.
        place: String,

        /// Why it is not taken.
        source: UrlError,
    },

    /// The Application or Kustomization cannot be read.
    #[error("failed to read the {key}")]
    Tool {
        /// Which.
        key: String,

        /// Why.
        source: Box<ApiError>,
    },

    /// There is no such Application or Kustomization.
    #[error("there is no {key}")]
    NoTool {
        /// Which.
        key: String,
    },

    /// The Application or Kustomization is not what its kind says.
    #[error("the {key} cannot be understood: {reason}")]
    ToolUnreadable {
        /// Which.
        key: String,

        /// The field.
        reason: String,
    },

    /// The Application or Kustomization asks for something that is not rendered here.
    #[error("the {key} cannot be rendered faithfully: {reason}")]
    Unsupported {
        /// Which.
        key: String,

        /// The field, and what it asks for.
        reason: Unsupported,
    },

    /// The Secret cannot be read.
    #[error("failed to read the Secret {name}")]
    Secret {
        /// Its name.
        name: String,

        /// Why.
        source: Box<ApiError>,
    },

    /// There is no such Secret.
    #[error("there is no Secret {name} in namespace {namespace}")]
    NoSecret {
        /// Its namespace.
        namespace: String,

        /// Its name.
        name: String,
    },

    /// The Secret does not hold credentials.
    #[error("the Secret {name} holds no usable credentials")]
    Credentials {
        /// Its name.
        name: String,

        /// Why.
        source: CredentialsError,
    },

    /// The repository cannot be read.
    #[error(transparent)]
    Git(#[from] GitError),

    /// The folder is not plain YAML.
    #[error(transparent)]
    NotPlain(#[from] NotPlain),

    /// Documents cannot be read faithfully; nothing is assessed against such a revision.
    #[error("{} cannot be rendered faithfully: {}", .revision.get(..7).unwrap_or(.revision), first(.problems))]
    Unfaithful {
        /// The commit.
        revision: String,

        /// Every problem.
        problems: Remarks,
    },

    /// What is in force of the sources of a namespace would take more memory than it may.
    #[error(
        "the objects of this source take {} MiB of memory, and with them those of namespace {namespace} more than \
         {} MiB",
        bytes.div_ceil(MIB),
        budget / MIB
    )]
    TooMuch {
        /// What this one takes, in bytes.
        bytes: u64,

        /// Whose budget it is.
        namespace: String,

        /// The budget, in bytes.
        budget: u64,
    },

    /// What is in force of the sources of other namespaces leaves less memory than this one would take.
    #[error(
        "the objects of this source take {} MiB of memory, and of the {} MiB for all namespaces others leave {} \
         MiB",
        bytes.div_ceil(MIB),
        total / MIB,
        left / MIB
    )]
    Crowded {
        /// What this one takes, in bytes.
        bytes: u64,

        /// What is left for it, in bytes.
        left: u64,

        /// What there is for all, in bytes.
        total: u64,

        /// What each namespace has for itself, in bytes.
        reserve: u64,
    },

    /// Others were being read all the time.
    #[error("the repository was not read: others had not ended after {} s; it is asked again", waited.as_secs())]
    Busy {
        /// How long it waited for its turn.
        waited: Duration,
    },

    /// Looks of the namespace that were given up still wait for their servers.
    #[error(
        "the repository was not read: earlier looks of this namespace at servers that do not answer have not ended; it \
         is asked again"
    )]
    Hanging,

    /// The look took too long.
    #[error("unable to read the repository within {} s", LOOK_LIMIT.as_secs())]
    TimedOut,

    /// The thread that looked ended before it was done.
    #[error("failed to read the repository: the reading thread ended early")]
    Interrupted,
}

impl SourceError {
    /// A watch that is itself at fault.
    pub fn invalid(reason: &'static str, message: impl Into<String>) -> Self {
        Self::Invalid {
            reason,
            message: message.into(),
        }
    }

    /// One word for the condition and the metric.
    pub fn category(&self) -> &'static str {
        match self {
            Self::Invalid { reason, .. } => reason,
            Self::Url { .. } => "InvalidURL",
            Self::Tool { .. } | Self::ToolUnreadable { .. } => "ToolUnreadable",
            Self::NoTool { .. } => "NoSuchTool",
            Self::Unsupported { .. } => "UnsupportedSource",
            Self::Secret { .. } | Self::NoSecret { .. } | Self::Credentials { .. } => "CredentialsUnusable",
            Self::Git(error) => error.category(),
            Self::TooMuch { .. } | Self::Crowded { .. } => "SourceTooLarge",
            Self::NotPlain(_) => "NotPlainYaml",
            Self::Unfaithful { .. } => "RenderFailed",
            Self::Busy { .. } | Self::Hanging | Self::TimedOut | Self::Interrupted => "TimedOut",
        }
    }

    /// What is for the log alone: see [`GitError::detail`].
    pub fn detail(&self) -> Option<String> {
        match self {
            Self::Git(error) => error.detail(),
            _ => None,
        }
    }

    /// How long the source is left alone at most when it fails like this again and again.
    pub fn longest_rest(&self) -> Duration {
        match self {
            Self::Invalid { .. }
            | Self::Url { .. }
            | Self::Tool { .. }
            | Self::NoTool { .. }
            | Self::ToolUnreadable { .. }
            | Self::Unsupported { .. }
            | Self::Secret { .. }
            | Self::NoSecret { .. }
            | Self::Credentials { .. }
            | Self::NotPlain(_)
            | Self::Unfaithful { .. } => REST_OF_THE_MENDED,
            Self::Git(error) if error.retry() == git::Retry::AfterChange && !error.is_costly() => REST_OF_THE_MENDED,
            // Whoever only had no turn did nothing wrong.
            Self::Busy { .. } => REST_OF_THE_MENDED,
            Self::Git(_)
            | Self::TooMuch { .. }
            | Self::Crowded { .. }
            | Self::Hanging
            | Self::TimedOut
            | Self::Interrupted => LONGEST_REST,
        }
    }

    /// What a person can do who reads a status, and may ask for the log.
    pub(super) fn hint_in_status(&self) -> Option<String> {
        let in_log = match self {
            Self::Git(error) => error.in_log(),
            _ => None,
        };
        let parts: Vec<String> = self.hint().into_iter().chain(in_log.map(str::to_owned)).collect();
        (!parts.is_empty()).then(|| parts.join("; "))
    }

    /// What a person can do.
    pub fn hint(&self) -> Option<String> {
        match self {
            Self::Invalid { .. } | Self::Busy { .. } | Self::Hanging | Self::TimedOut | Self::Interrupted => None,
            Self::Url { source, .. } => source.hint(),
            Self::Tool { source, .. } => source.hint(),
            // With the chart a list of names gives the right, not a Role by hand.
            Self::Secret { name, source } => match source.as_ref() {
                ApiError::Forbidden { .. } => source.hint().map(|hint| {
                    format!(
                        "name {name} with its namespace in the chart's git.secrets; without the chart, \
                                         {hint}"
                    )
                }),
                _ => source.hint(),
            },
            Self::NoTool { .. } => Some("check name and namespace, and that the tool's CRDs are installed".to_owned()),
            Self::ToolUnreadable { .. } => None,
            Self::Unsupported { reason, .. } => Some(reason.hint()),
            Self::NoSecret { namespace, name } => Some(format!(
                "create it, or take secretRef away if the repository is public: kubectl -n {namespace} create secret \
                 generic {name} --from-literal=hosts=HOST --from-literal=username=USER --from-literal=password=TOKEN"
            )),
            Self::Credentials { source, .. } => Some(source.hint()),
            Self::TooMuch { .. } => Some(
                "narrow path or selector to the objects that are to be watched; or give the controller more memory \
                 by --memory (memory.controller of the chart)"
                    .to_owned(),
            ),
            Self::Crowded { reserve, .. } => Some(format!(
                "the watches of other namespaces hold the rest: give the controller more memory by --memory \
                 (memory.controller of the chart); or narrow path or selector to less than the {} KiB that each \
                 namespace has for itself",
                reserve / 1_024
            )),
            Self::Git(error) => error.hint(),
            Self::NotPlain(error) => Some(error.hint()),
            Self::Unfaithful { problems, .. } => problems.first().and_then(|problem| problem.hint.clone()),
        }
    }
}

fn first(problems: &Remarks) -> String {
    match (problems.first(), problems.len() + problems.more()) {
        (None, _) => String::new(),
        (Some(one), 1) => place(one),
        (Some(one), all) => format!("{} (and {} more)", place(one), all - 1),
    }
}

/// `web.yaml:7:3: message`; the way out is told apart.
pub(super) fn place(problem: &Remark) -> String {
    Remark {
        hint: None,
        file: told(&problem.file),
        ..problem.clone()
    }
    .to_string()
}
