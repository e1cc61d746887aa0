//! Tests beside a real Argo CD. They are modules of one program, so that they share one control plane and one Argo CD;
//! each has a namespace, a repository and an Application of its own.

#[path = "../harness/mod.rs"]
mod harness;

#[path = "../harness/matrix/mod.rs"]
mod played;

// The chart is installed in the same way; what only the other program's tests share is not used here.
#[allow(dead_code)]
#[path = "../cluster/installation.rs"]
mod installation;

mod beside;
mod classes;
mod crash;
mod disturbed;
mod force;
mod hand_back;
mod heal;
mod ignored;
mod incident;
mod installed;
mod last_applied;
mod matrix;
mod midheal;
mod moved;
mod operation;
mod paced;
mod process;
mod retries;
mod sentences;
mod shop;
mod siblings;
mod take_over;
mod unions;
mod watched;
