//! Why a command could not do what was asked, as a person reads it.

use std::error::Error;

/// An error for the terminal: one sentence, its causes, and what to do.
#[derive(Debug)]
pub struct Fault {
    /// What failed.
    pub message: String,

    /// Why, from the outside in.
    pub causes: Vec<String>,

    /// What to do about it.
    pub hint: Option<String>,
}

impl Fault {
    /// A fault without a cause.
    pub fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            causes: Vec::new(),
            hint: None,
        }
    }

    /// Any error with its causes, each told once.
    pub fn of(error: &(dyn Error + 'static)) -> Self {
        let mut fault = Self::new(error.to_string());
        fault.add_causes(error.source());
        fault
    }

    /// Adds why.
    #[must_use]
    pub fn because(mut self, error: impl Error + 'static) -> Self {
        self.add_causes(Some(&error));
        self
    }

    /// Adds what to do.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<Option<String>>) -> Self {
        self.hint = hint.into();
        self
    }

    fn add_causes(&mut self, mut cause: Option<&(dyn Error + 'static)>) {
        while let Some(error) = cause {
            let text = error.to_string();
            // Some libraries tell the cause in the text of the error, too.
            if !self.message.ends_with(&text) && !self.causes.iter().any(|told| told.contains(&text)) {
                self.causes.push(text);
            }
            cause = error.source();
        }
    }
}

impl From<crate::cluster::ApiError> for Fault {
    fn from(error: crate::cluster::ApiError) -> Self {
        Self::of(&error).hint(error.hint())
    }
}

impl From<crate::cluster::ConnectError> for Fault {
    fn from(error: crate::cluster::ConnectError) -> Self {
        Self::of(&error).hint(error.hint())
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use pretty_assertions::assert_eq;

    use super::*;

    #[derive(Debug, thiserror::Error)]
    #[error("failed to read the file: {0}")]
    struct Outer(#[source] io::Error);

    #[test]
    fn a_cause_that_the_error_tells_itself_is_not_told_again() {
        let outer = || Outer(io::Error::other("no space"));
        assert_eq!(Fault::of(&outer()).causes, Vec::<String>::new());
        assert_eq!(
            Fault::new("failed to begin").because(outer()).causes,
            ["failed to read the file: no space"]
        );
        assert_eq!(
            Fault::new("failed to begin")
                .because(io::Error::other("no space"))
                .causes,
            ["no space"]
        );
    }
}
