//! The parts of the guarded JSON Patches on a tool's object.

use json_patch::jsonptr::PointerBuf;
use json_patch::{AddOperation, PatchOperation, TestOperation};
use serde_json::Value;

/// Why there is no patch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRequest {
    /// There is nothing to be sure of the object with.
    #[error("the application has no uid or no resourceVersion to lock on")]
    NoLock,

    /// There is nothing to clear.
    #[error("the application has no operation state")]
    NoState,

    /// The state cannot be told from another one.
    #[error("the operation state has no startedAt to test")]
    NoStart,

    /// A clear would start it again from zero, and run its hooks a second time.
    #[error("the application has an operation")]
    OperationPresent,

    /// The state is there: clear it and start in one patch.
    #[error("the application has an operation state that is not over")]
    StateNotOver,
}

pub(in crate::engine) fn pointer(tokens: &[&str]) -> PointerBuf {
    PointerBuf::from_tokens(tokens.iter().copied())
}

pub(in crate::engine) fn test(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Test(TestOperation {
        path: pointer(path),
        value,
    })
}

pub(in crate::engine) fn add(path: &[&str], value: Value) -> PatchOperation {
    PatchOperation::Add(AddOperation {
        path: pointer(path),
        value,
    })
}
