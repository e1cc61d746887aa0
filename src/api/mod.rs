//! What users and scripts write and read, by version: types and nothing else.

pub mod v1alpha1;
