//! Tests against a real control plane. They are modules of one program, so that most of them share one server.

#[path = "../harness/mod.rs"]
mod harness;

mod admission;
mod at_once;
mod between;
mod budgets;
mod check;
mod confirmed;
mod control_plane;
mod crash;
mod crds;
mod decisions;
mod disturbances;
mod dry_runs;
mod fence;
mod freeze;
mod harm;
mod incident;
mod installation;
mod kinds;
mod known;
mod kubectl_diff;
mod modes;
mod moved;
mod naming;
mod neighbours;
mod offered;
mod overtaken;
mod printer;
mod process;
mod records;
mod removed;
mod rights;
mod schema;
mod shop;
mod sources;
mod strict;
mod tenant;
mod terms;
mod trust;
mod watches;
