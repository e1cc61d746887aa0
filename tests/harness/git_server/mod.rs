//! Real Git over http, https and ssh: the Git program's own `http-backend` and a real `sshd`, on a free port of the
//! loopback address.
//!
//! Everything is plain blocking code to its users, so that tests, the demo and async programs can use it alike: a
//! server runs on threads of its own and ends when it is dropped.

// Each test crate is compiled with this module for itself and uses its own part of it.
#![allow(dead_code)]
// A test says what it needed by failing; clippy knows only functions marked as tests for one.
#![allow(clippy::expect_used, clippy::panic)]

pub mod https;
mod repository;
mod serve;
mod sshd;

pub use https::Authority;
pub use repository::Repository;
pub use serve::{GitServer, Mode, Options};
pub use sshd::SshServer;
