//! Ranges of addresses as administrators write them: `10.0.0.0/8`.

use std::fmt;
use std::net::IpAddr;

use serde::{Deserialize, Serialize};

/// A range of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Network {
    address: IpAddr,
    bits: u8,
}

/// Why a text is no range of addresses.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{text:?} is no range of addresses such as 10.0.0.0/8")]
pub struct NetworkError {
    /// The text.
    pub text: String,
}

impl Network {
    /// Reads `10.0.0.0/8`, `fc00::/7`, or one address. Bits beyond the prefix mean nothing, as everywhere.
    ///
    /// # Errors
    ///
    /// No address before the slash, or a prefix that its family does not have.
    pub fn parse(text: &str) -> Result<Network, NetworkError> {
        let error = || NetworkError { text: text.to_owned() };
        let (address, bits) = text
            .split_once('/')
            .map_or((text, None), |(address, bits)| (address, Some(bits)));
        let address: IpAddr = address.parse().map_err(|_| error())?;
        let most = if address.is_ipv4() { 32 } else { 128 };
        let bits = match bits {
            None => most,
            Some(bits) => bits.parse().ok().filter(|bits| *bits <= most).ok_or_else(error)?,
        };
        Ok(Network { address, bits })
    }

    /// Whether an address of the same family is in the range.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (own, other, length) = match (self.address, address) {
            (IpAddr::V4(own), IpAddr::V4(other)) => (u128::from(u32::from(own)), u128::from(u32::from(other)), 32),
            (IpAddr::V6(own), IpAddr::V6(other)) => (u128::from(own), u128::from(other), 128),
            _ => return false,
        };
        let beyond = length - u32::from(self.bits);
        own.checked_shr(beyond).unwrap_or(0) == other.checked_shr(beyond).unwrap_or(0)
    }
}

impl fmt::Display for Network {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}/{}", self.address, self.bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_has_what_shares_its_prefix() {
        for (range, inside, outside) in [
            ("10.0.0.0/8", "10.255.0.1", "11.0.0.1"),
            ("172.16.0.0/12", "172.31.255.255", "172.32.0.0"),
            ("10.1.2.3/8", "10.9.9.9", "9.9.9.9"),
            ("192.0.2.7", "192.0.2.7", "192.0.2.8"),
            ("0.0.0.0/0", "8.8.8.8", "::1"),
            ("fc00::/7", "fdff::1", "fe00::1"),
            ("::/0", "2001:db8::1", "1.1.1.1"),
            ("2001:db8::1/128", "2001:db8::1", "2001:db8::2"),
        ] {
            let network = Network::parse(range).unwrap();
            assert!(network.contains(inside.parse().unwrap()), "{range} has {inside}");
            assert!(!network.contains(outside.parse().unwrap()), "{range} has not {outside}");
        }
    }

    #[test]
    fn what_is_no_range_is_refused() {
        for text in [
            "",
            "10.0.0.0/33",
            "10.0.0.0/-1",
            "10.0.0.0/8/8",
            "::/129",
            "10.0.0/8",
            "private",
            "10.0.0.0/",
        ] {
            assert_eq!(Network::parse(text), Err(NetworkError { text: text.to_owned() }));
        }
    }
}
