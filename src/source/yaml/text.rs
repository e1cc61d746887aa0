//! From bytes to documents: encodings, line ends, and the lines beginning with `---` at which kubectl cuts before it
//! parses.

/// A file as text with `\n` line ends and one at its end.
pub(super) struct Text {
    pub(super) content: String,

    /// The line of the first byte that was not UTF-8; each such byte became U+FFFD, as kubectl does it.
    pub(super) invalid_at: Option<usize>,
}

/// One document of a file, not yet parsed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Chunk<'a> {
    /// The line of the file at which `text` begins, from 1.
    pub(super) line: usize,

    pub(super) text: &'a str,

    /// The line of a separator before this chunk that has something behind its dashes.
    pub(super) bad_separator: Option<usize>,
}

/// Reads UTF-8, with or without a byte order mark, and UTF-16 with one.
///
/// Source: `FileVisitor.Visit` of `k8s.io/cli-runtime/pkg/resource/visitor.go` (`unicode.BOMOverride`).
pub(super) fn decode(bytes: &[u8]) -> Text {
    let (decoded, invalid_at) = match bytes {
        [0xFF, 0xFE, rest @ ..] => (utf_16(rest, u16::from_le_bytes), None),
        [0xFE, 0xFF, rest @ ..] => (utf_16(rest, u16::from_be_bytes), None),
        [0xEF, 0xBB, 0xBF, rest @ ..] => utf_8(rest),
        _ => utf_8(bytes),
    };
    let mut content = if decoded.contains("\r\n") {
        decoded.replace("\r\n", "\n")
    } else {
        decoded
    };
    if !content.is_empty() && !content.ends_with('\n') {
        content.push('\n');
    }
    Text { content, invalid_at }
}

fn utf_8(bytes: &[u8]) -> (String, Option<usize>) {
    match std::str::from_utf8(bytes) {
        Ok(text) => (text.to_owned(), None),
        Err(error) => {
            let line = 1 + bytes[..error.valid_up_to()].iter().filter(|&&b| b == b'\n').count();
            (String::from_utf8_lossy(bytes).into_owned(), Some(line))
        }
    }
}

fn utf_16(bytes: &[u8], unit: fn([u8; 2]) -> u16) -> String {
    let pairs = bytes.chunks_exact(2);
    let odd = !pairs.remainder().is_empty();
    let units = pairs.map(|pair| unit([pair[0], pair[1]]));
    let mut text: String = char::decode_utf16(units)
        .map(|c| c.unwrap_or(char::REPLACEMENT_CHARACTER))
        .collect();
    if odd {
        text.push(char::REPLACEMENT_CHARACTER);
    }
    text
}

/// Cuts a text that begins at `line` of its file into documents.
///
/// A line that begins with `---` ends a document wherever it stands, inside a block scalar too. Only blanks and a
/// comment may follow the dashes.
///
/// Source: `YAMLReader.Read` of `k8s.io/apimachinery/pkg/util/yaml/decoder.go`.
pub(super) fn split(text: &str, line: usize) -> Vec<Chunk<'_>> {
    let mut chunks = Vec::new();
    let (mut start, mut chunk_line, mut bad_separator) = (0, line, None);
    let mut at = 0;
    for (number, content) in (line..).zip(text.split_inclusive('\n')) {
        if let Some(rest) = content.strip_prefix("---") {
            push(
                &mut chunks,
                Chunk {
                    line: chunk_line,
                    text: &text[start..at],
                    bad_separator,
                },
            );
            let behind = rest.trim();
            bad_separator = (!behind.is_empty() && !behind.starts_with('#')).then_some(number);
            (start, chunk_line) = (at + content.len(), number + 1);
        }
        at += content.len();
    }
    push(
        &mut chunks,
        Chunk {
            line: chunk_line,
            text: &text[start..],
            bad_separator,
        },
    );
    chunks
}

fn push<'a>(chunks: &mut Vec<Chunk<'a>>, chunk: Chunk<'a>) {
    if !chunk.text.trim().is_empty() || chunk.bad_separator.is_some() {
        chunks.push(chunk);
    }
}
