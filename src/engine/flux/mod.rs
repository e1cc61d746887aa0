//! Flux: what is known of its Kustomizations and their sources.
//!
//! Flux keeps no state that blocks anything: [`reconciliation::reconciliation`] tells how the last try ended, and
//! [`reconciliation::poke`] asks for the next one.

pub mod fetching;
pub mod git_repository;
pub mod kustomization;
pub mod reconciliation;
