//! The Git source against real servers: Git's own `http-backend` over http and https, and a real `sshd`.
#![cfg(feature = "edge")]
// A test says what it needed by failing; clippy knows only functions marked as tests for one.
#![allow(clippy::expect_used, clippy::panic)]

#[path = "harness/git_server/mod.rs"]
mod git_server;

#[path = "git/failures.rs"]
mod failures;
#[path = "git/folders.rs"]
mod folders;
#[path = "git/hostile.rs"]
mod hostile;
#[path = "git/leading.rs"]
mod leading;
#[path = "git/pack.rs"]
mod pack;
#[path = "git/place.rs"]
mod place;
#[path = "git/transports.rs"]
mod transports;
