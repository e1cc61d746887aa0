//! An error of the system on its way from a child: its number, or its words where it has none.

use std::io;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

#[derive(Serialize, Deserialize)]
enum Told {
    Number(i32),
    Words(String),
}

pub(super) fn serialize<S: Serializer>(error: &io::Error, serializer: S) -> Result<S::Ok, S::Error> {
    error
        .raw_os_error()
        .map_or_else(|| Told::Words(error.to_string()), Told::Number)
        .serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<io::Error, D::Error> {
    Ok(match Told::deserialize(deserializer)? {
        Told::Number(number) => io::Error::from_raw_os_error(number),
        Told::Words(words) => io::Error::other(words),
    })
}
