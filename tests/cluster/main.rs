//! Tests against a real control plane. They are modules of one program, so that most of them share one server.

#[path = "../harness/mod.rs"]
mod harness;

mod between;
mod control_plane;

mod disturbances;
mod process;
mod sources;
mod tenant;
mod watches;
