//! An amount of bytes as Kubernetes writes it: `96Mi`.

use std::str::FromStr;

/// So many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Bytes(pub(super) u64);

/// Binary and decimal suffixes of quantities that are whole numbers.
///
/// Source: `k8s.io/apimachinery/pkg/api/resource/suffix.go`.
const SUFFIXES: &[(&str, u64)] = &[
    ("Ki", 1 << 10),
    ("Mi", 1 << 20),
    ("Gi", 1 << 30),
    ("Ti", 1 << 40),
    ("k", 1_000),
    ("M", 1_000_000),
    ("G", 1_000_000_000),
    ("T", 1_000_000_000_000),
    ("", 1),
];

impl FromStr for Bytes {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let number = |digits: &str| {
            digits
                .bytes()
                .all(|byte| byte.is_ascii_digit())
                .then(|| digits.parse::<u64>().ok())?
        };
        let found = SUFFIXES
            .iter()
            .find_map(|(suffix, factor)| number(text.strip_suffix(suffix)?)?.checked_mul(*factor));
        found
            .map(Self)
            .ok_or_else(|| "write a whole number of bytes such as 96Mi or 1Gi".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_amount_is_read_as_kubernetes_writes_it() {
        for (text, bytes) in [
            ("96Mi", 96 << 20),
            ("1Gi", 1 << 30),
            ("512000k", 512_000_000),
            ("1024", 1024),
            ("0", 0),
        ] {
            assert_eq!(text.parse(), Ok(Bytes(bytes)), "{text}");
        }
        for text in ["", "Mi", "1.5Gi", "-1", "1 Gi", "1gb", "99999999999Ti"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }
}
