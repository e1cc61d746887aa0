//! Tests against a real control plane. They are modules of one program, so that most of them share one server.

#[path = "../harness/mod.rs"]
mod harness;

mod control_plane;
mod decisions;
mod disturbances;
mod process;
mod sources;
mod tenant;
mod watches;
