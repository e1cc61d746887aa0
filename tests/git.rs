//! The Git source against real servers: Git's own `http-backend` over http and https, and a real `sshd`.
#![cfg(feature = "edge")]

#[path = "harness/git_server/mod.rs"]
mod git_server;

#[path = "git/failures.rs"]
mod failures;
#[path = "git/folders.rs"]
mod folders;
#[path = "git/place.rs"]
mod place;
#[path = "git/transports.rs"]
mod transports;
