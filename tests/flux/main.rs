//! Tests beside a real kustomize-controller of Flux. They are modules of one program, so that they share one control
//! plane and one controller; each has a namespace, a repository and a Kustomization of its own.

#[path = "../harness/mod.rs"]
mod harness;

#[path = "../harness/matrix/mod.rs"]
mod played;

// The chart is installed in the same way; what only the other program's tests share is not used here.
#[allow(dead_code)]
#[path = "../cluster/installation.rs"]
mod installation;

mod beside;
mod crash;
mod force;
mod heal;
mod ignored;
mod incident;
mod installed;
mod matrix;
mod shop;
mod siblings;
mod source;
mod unions;
mod waiting;
mod watched;
