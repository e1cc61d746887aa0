//! The way to a server: by whom its address was checked, and who dials it.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a connection is made. Without any part it is made by the name in the URL, as for a person who may ask every
/// address.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Route {
    /// The proxy for `https` and `http`: it connects to the one server that was checked, and to no other.
    pub proxy: Option<Proxy>,

    /// Where an `ssh` connection goes instead of the URL's host and port, which the host key is still verified for.
    pub ssh_address: Option<SocketAddr>,
}

/// A proxy on the loopback address that takes `CONNECT`.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Proxy {
    /// Where it listens.
    pub address: SocketAddr,

    /// What it must be shown, in `Proxy-Authorization: Bearer`.
    pub token: String,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(formatter, "Proxy({}, ..)", self.address)
    }
}
