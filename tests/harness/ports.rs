//! Free ports that stay free while the program that listens on them is stopped for a while.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{IpAddr, TcpListener};
use std::ops::Range;

use anyhow::{Result, bail};

/// Above the well-known services and below 32768, where Linux starts to hand out ports to outgoing connections: one of
/// those could take the API server's port while a test has it stopped.
const RANGE: Range<u16> = 20_000..32_000;

/// Returns a port that nothing listens on at `address` now.
///
/// Runs that start at the same time begin at random places of the range. Between this answer and the listening another
/// process may still take the port; the caller starts again then.
pub fn free(address: IpAddr) -> Result<u16> {
    let size = RANGE.end - RANGE.start;
    let begin = (RandomState::new().build_hasher().finish() % u64::from(size)) as u16;
    let candidates = (0..size).map(|step| RANGE.start + (begin + step) % size);
    match candidates
        .into_iter()
        .find(|port| TcpListener::bind((address, *port)).is_ok())
    {
        Some(port) => Ok(port),
        None => bail!(
            "failed to find a free port of {address} from {} to {}",
            RANGE.start,
            RANGE.end
        ),
    }
}
