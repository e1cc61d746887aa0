//! A real Kubernetes control plane for tests, for the demo and for the bench: etcd, kube-apiserver and
//! kube-controller-manager on free loopback ports, with certificates of their own and a folder that goes when they go.
//!
//! There is no kubelet and no scheduler: Pods are only made ready by [`pods::ReadyPods`]. Nothing here knows of a test
//! framework; every failure is an error that names the program, its log file and the log's last lines.
//!
//! Programs come from the folder `KUBEBUILDER_ASSETS`, where it is set, else from `tests/components/build.sh`, which
//! builds them once.
//!
//! The tools that sync from Git run beside it: [`argo_cd`] and [`kustomize_controller`], real too.
//!
//! A target includes it by `#[path = "../harness/mod.rs"] mod harness;` and has `required-features = ["edge"]`.

// Each target that includes this module (tests, demo, bench) uses only a part of it.
#![allow(dead_code, unused_imports)]

pub mod applications;
pub mod argo_cd;
pub mod binaries;
pub mod certificates;
pub mod command;
pub mod control_plane;
pub mod definitions;
pub mod disturbance;
pub mod driftmend;
pub mod git_server;
mod http;
pub mod incident;
pub mod kubeconfig;
pub mod kustomize_controller;
pub mod object;
pub mod pods;
mod ports;
pub mod process;
pub mod proxy;
mod servers;
pub mod shared_controller;
pub mod wait;
pub mod watched;
pub mod webhook;

use std::sync::OnceLock;

pub use command::Output;
pub use control_plane::{ControlPlane, Options};
pub use shared_controller::shared_controller;

static SHARED: OnceLock<Result<ControlPlane, String>> = OnceLock::new();

/// Returns the one control plane of this process, started by the first caller.
///
/// A test isolates itself by a namespace of its own ([`ControlPlane::namespace`]). One that stops the API server, or
/// changes something that belongs to the whole cluster, starts its own instead.
///
/// # Panics
///
/// When it cannot start: every caller is told the same reason.
// A test without its server must fail, and with the reason in view; an error value could be passed over.
#[allow(clippy::panic)]
pub fn shared() -> &'static ControlPlane {
    let started = SHARED.get_or_init(|| ControlPlane::start(Options::default()).map_err(|error| format!("{error:?}")));
    match started {
        Ok(control_plane) => control_plane,
        Err(reason) => panic!("failed to start the control plane that the tests of this process share: {reason}"),
    }
}
