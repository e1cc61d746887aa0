//! driftmend sees a live Deployment leave its Git source, says which field, who and when, predicts whether the next
//! sync will be refused, and heals the object with one guarded patch after a person approved it.
//!
//! ```text
//! trigger    watch event, interval           -> a key, never a reason
//! observe    (client, git)   key -> Snapshot
//!  ┌ engine: pure and synchronous ────────────────────────────────────────────────┐
//!  │ diff       desired x live             -> Change                              │
//!  │ attribute  Change x managedFields     -> Drift                               │
//!  │ predict    desired x live x syncer    -> Prediction                          │
//!  │ wants      Assessment                 -> Wants, which a client answers       │
//!  │ diagnose   Case, with the Evidence    -> Finding                             │
//!  │ plan       all of it                  -> Plan                                │
//!  └──────────────────────────────────────────────────────────────────────────────┘
//! approve    (client reads)  Plan + approval + fresh live -> Approved, or a Refusal that says why
//! heal       (client sends)  &Approved -> outcomes; no choices are made here
//! verify     (client reads)  a fresh Snapshot through the engine again
//! publish    (client sends)  report status, conditions, Events, metrics
//! ```
//!
//! [`engine`] and [`report`] take values and return values, and [`api`] holds what is written and read; a test keeps
//! all three free of clients, Git, async, clocks, environment and logging. Everything else lives behind the Cargo
//! feature `edge`, which is on by default.

pub mod api;
pub mod engine;
pub mod report;

#[cfg(feature = "edge")]
pub mod cli;
#[cfg(feature = "edge")]
pub mod cluster;
#[cfg(feature = "edge")]
pub mod controller;
#[cfg(feature = "edge")]
pub mod lease;
#[cfg(feature = "edge")]
pub mod metrics;
#[cfg(all(test, feature = "edge"))]
mod reference;
#[cfg(feature = "edge")]
pub mod server;
#[cfg(feature = "edge")]
pub mod source;
#[cfg(feature = "edge")]
pub mod telemetry;
