//! Tests beside a real kustomize-controller of Flux. They are modules of one program, so that they share one control plane and one
//! controller; each has a namespace, a repository and a Kustomization of its own.

#[path = "../harness/mod.rs"]
mod harness;

mod force;
mod heal;
mod incident;
mod shop;
mod source;
mod watched;
