//! Tests beside a real Argo CD. They are modules of one program, so that they share one control plane and one Argo CD; each has a
//! namespace, a repository and an Application of its own.

#[path = "../harness/mod.rs"]
mod harness;

mod classes;
mod crash;
mod hand_back;
mod heal;
mod incident;
mod operation;
mod process;
mod shop;
mod watched;
