//! The printer in the way of every byte that a command writes.

use std::io::{self, Write};

use crate::report::printer;

/// A writer that escapes what the printer escapes, but line breaks.
///
/// What is no UTF-8 is shown as U+FFFD: a terminal may take a lone byte for a control of the old eight-bit sets.
pub(super) struct Escaping<W> {
    inner: W,

    /// The bytes of a character whose rest was not written yet; at most three.
    begun: Vec<u8>,
}

impl<W: Write> Escaping<W> {
    pub(super) fn new(inner: W) -> Self {
        Self {
            inner,
            begun: Vec::new(),
        }
    }
}

impl<W: Write> Write for Escaping<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let is_plain = |byte: &u8| matches!(byte, b' '..=b'~' | b'\n');
        if self.begun.is_empty() && bytes.iter().all(is_plain) {
            self.inner.write_all(bytes)?;
            return Ok(bytes.len());
        }
        let text = [self.begun.as_slice(), bytes].concat();
        let rest = unfinished(&text);
        let known = String::from_utf8_lossy(&text[..text.len() - rest]);
        self.inner.write_all(printer::lines(&known).as_bytes())?;
        self.begun = text[text.len() - rest..].to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        if !std::mem::take(&mut self.begun).is_empty() {
            self.inner.write_all("\u{fffd}".as_bytes())?;
        }
        self.inner.flush()
    }
}

/// How many bytes at the end begin a character of which more is to come.
fn unfinished(text: &[u8]) -> usize {
    let end = &text[text.len().saturating_sub(3)..];
    let begins = |tail: &&[u8]| {
        std::str::from_utf8(tail).is_err_and(|error| error.valid_up_to() == 0 && error.error_len().is_none())
    };
    (0..end.len()).map(|at| &end[at..]).find(begins).map_or(0, <[u8]>::len)
}

/// Looks whether something would be escaped, and keeps nothing.
#[derive(Default)]
pub(super) struct Looking {
    pub(super) found: bool,

    /// As in [`Escaping`].
    begun: Vec<u8>,
}

impl Write for Looking {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = [self.begun.as_slice(), bytes].concat();
        let rest = unfinished(&text);
        let known = String::from_utf8_lossy(&text[..text.len() - rest]);
        self.found = self.found || known.contains(|c| c != '\n' && printer::is_raw(c));
        self.begun = text[text.len() - rest..].to_vec();
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::{Value, json};

    use super::super::yaml;
    use super::*;

    fn escaped(pieces: &[&[u8]]) -> String {
        let mut out = Vec::new();
        let mut writer = Escaping::new(&mut out);
        for piece in pieces {
            writer.write_all(piece).unwrap();
        }
        writer.flush().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_character_that_comes_in_two_pieces_is_one_and_lone_bytes_are_shown_as_such() {
        assert_eq!(escaped(&["a\u{202e}".as_bytes()]), "a\\u202e");
        assert_eq!(
            escaped(&[b"a\xe2", b"\x80", b"\xae\xf0\x9f", b"\x98\x80\n"]),
            "a\\u202e😀\n"
        );
        assert_eq!(escaped(&[b"a\x9b31m\xff", b"\xe2"]), "a\u{fffd}31m\u{fffd}\u{fffd}");
    }

    #[test]
    fn yaml_holds_the_same_values_without_a_raw_character() {
        let hostile =
            json!({"name": "web\u{202e}", "tag\u{e0041}": "\u{1b}[2J\n\u{200b}\u{9b}😀", "plain": [1, true, null]});
        let mut out = Vec::new();
        let mut writer = Escaping::new(&mut out);
        yaml(&hostile, &mut writer).unwrap();
        writer.flush().unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(!text.contains(|c| c != '\n' && printer::is_raw(c)), "{text:?}");
        assert_eq!(serde_yaml::from_str::<Value>(&text).unwrap(), hostile);
        let mut plain = Vec::new();
        yaml(&json!({"name": "web", "note": "😀"}), &mut plain).unwrap();
        assert_eq!(String::from_utf8(plain).unwrap(), "name: web\nnote: 😀\n");
    }

    proptest! {
        #[test]
        fn no_byte_gets_past(pieces in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..9), 0..9),
                             text: String, cut in 0_usize..40) {
            let pieces: Vec<&[u8]> = pieces.iter().map(Vec::as_slice).collect();
            prop_assert!(!escaped(&pieces).contains(|c| c != '\n' && printer::is_raw(c)));
            let at = cut.min(text.len());
            let (one, other) = text.as_bytes().split_at(at);
            prop_assert_eq!(escaped(&[one, other]), printer::lines(&text).into_owned());
        }
    }
}
