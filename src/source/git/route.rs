//! By which way a server is reached, where it is not the usual one.

use std::net::SocketAddr;

use serde::{Deserialize, Serialize};

/// How a connection is made; without anything the library resolves the name and dials by itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Route {
    /// The URL of the proxy that https and http go through, with what it wants to know its client by.
    pub https_proxy: Option<String>,

    /// The address that ssh dials in place of the name; the host key is held against the name all the same.
    pub ssh_address: Option<SocketAddr>,
}
