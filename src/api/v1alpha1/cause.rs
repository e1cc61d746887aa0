//! Why the API server refuses something.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bounds::{PATH_CHARACTERS, TEXT_CHARACTERS};
use crate::engine::predict;

/// One cause of a refusal or conflict, as the server's `details.causes[]` has it.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Cause {
    /// The machine-readable reason, such as `FieldValueForbidden`.
    #[schemars(length(max = 256))]
    pub reason: String,

    /// The field in the server's grammar, with list indexes.
    #[schemars(length(max = PATH_CHARACTERS))]
    pub field: String,

    /// The server's message, without the field.
    #[schemars(length(max = TEXT_CHARACTERS))]
    pub message: String,
}

impl Cause {
    /// The field and what is wrong with it.
    pub fn told(&self) -> String {
        predict::Cause::from(self.clone()).told()
    }
}

impl From<predict::Cause> for Cause {
    fn from(predict::Cause { reason, field, message }: predict::Cause) -> Self {
        Self { reason, field, message }
    }
}

impl From<Cause> for predict::Cause {
    fn from(Cause { reason, field, message }: Cause) -> Self {
        Self { reason, field, message }
    }
}
