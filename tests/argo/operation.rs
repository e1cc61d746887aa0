//! What becomes of an Application after one limited operation.
