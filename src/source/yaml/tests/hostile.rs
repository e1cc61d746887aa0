//! Texts made to hurt: an error, soon and in little memory; and never a panic.

use std::time::{Duration, Instant};

use proptest::prelude::*;

use super::super::budget::{MAX_FILE_BYTES, MAX_PROBLEMS, MAX_REMARKS};
use super::super::{Loaded, load};

/// What a debug build on a machine shared with many others may take; a release build stays below the second that is
/// promised.
const LIMIT: Duration = Duration::from_secs(60);

fn in_time(bytes: &[u8], what: &str) -> Loaded {
    let start = Instant::now();
    let loaded = load(bytes, "bomb.yaml");
    assert!(start.elapsed() < LIMIT, "{what} took {:?}", start.elapsed());
    loaded
}

fn bombs() -> Vec<(&'static str, String, &'static str)> {
    let laughs = |levels: usize| {
        let level = |n: usize| format!("a{n}: &a{n} [{}]\n", vec![format!("*a{}", n - 1); 9].join(", "));
        format!("a0: &a0 ha\n{}", (1..levels).map(level).collect::<String>())
    };
    let merges = |levels: usize| {
        let level = |n: usize| format!("a{n}: &a{n} {{x: *a{}, y: *a{}}}\n", n - 1, n - 1);
        format!("a0: &a0 {{}}\n{}", (1..levels).map(level).collect::<String>())
    };
    let wide = (0..1000).map(|n| format!("k{n}: 1, ")).collect::<String>();
    vec![
        ("a billion laughs", laughs(10), "once aliases are expanded"),
        ("maps that double 25 times", merges(26), "once aliases are expanded"),
        (
            "20,000 aliases of 20 kB",
            format!("a: &a {}\nb: [{}]\n", "x".repeat(20_000), "*a, ".repeat(20_000)),
            "once aliases are expanded",
        ),
        (
            "a wide map merged 20,000 times",
            format!("a: &a {{{wide}}}\nb:\n{}", "- <<: *a\n".repeat(20_000)),
            "more than 200000 values",
        ),
        (
            "a key of a megabyte merged into 5,000 maps of one list",
            format!(
                "a: &a {{? {} : 1}}\nb: [{}]\n",
                "k".repeat(1_000_000),
                "{<<: *a}, ".repeat(5_000)
            ),
            "more than 200000 values",
        ),
        ("100,000 brackets", "[".repeat(100_000), "recursion limit exceeded"),
        ("100,000 braces", "{".repeat(100_000), ""),
        ("100,000 open quotes", "\"".repeat(100_001), ""),
        ("20,000 question marks", "? ".repeat(20_000), ""),
        ("20,000 dashes", "- ".repeat(20_000), "recursion limit exceeded"),
        (
            "blocks 5,000 deep",
            (0..5000).map(|n| format!("{}a:\n", " ".repeat(n % 2000))).collect(),
            "",
        ),
        (
            "deep aliases",
            (1..200).fold("a0: &a0 {}\n".to_owned(), |text, n| {
                text + &format!("a{n}: &a{n} {{x: *a{}}}\n", n - 1)
            }),
            "deeper than 100",
        ),
        (
            "a million small values",
            format!("a: [{}]", "1,".repeat(1_000_000)),
            "more than 200000 values",
        ),
        (
            "a million small values in JSON",
            format!("{{\"a\": [{}1]}}", "1,".repeat(1_000_000)),
            "more than 200000 values",
        ),
        (
            "many small maps in JSON",
            "{}".repeat(500_000),
            "more than 200000 values",
        ),
        (
            "deep JSON",
            format!("{{\"a\":{}", "[".repeat(100_000)),
            "recursion limit exceeded",
        ),
        (
            "JSON with blanks between",
            format!("{}x", "{}\n \n".repeat(30_000)),
            "not JSON from here on",
        ),
    ]
}

#[test]
fn hostile_texts_end_in_an_error() {
    for (what, text, wanted) in bombs() {
        let loaded = in_time(text.as_bytes(), what);
        let message = loaded
            .problems
            .first()
            .map(|problem| problem.message.clone())
            .unwrap_or_default();
        assert!(
            !loaded.problems.is_empty() && message.contains(wanted),
            "{what}: {message}"
        );
    }
}

#[test]
fn files_of_many_faults_or_warnings_tell_only_the_first() {
    let faults = in_time("a: [\n---\n".repeat(100_000).as_bytes(), "faults");
    assert_eq!(faults.problems.len(), MAX_PROBLEMS);
    let doubled = in_time("a: 1\n".repeat(50_000).as_bytes(), "keys set twice");
    assert_eq!((doubled.warnings.len(), doubled.problems.len()), (MAX_REMARKS, 0));
    let odd = in_time("a: yes\n---\n".repeat(10_000).as_bytes(), "warnings in each document");
    assert_eq!((odd.warnings.len(), odd.documents.len()), (MAX_REMARKS, 10_000));
}

#[test]
fn many_documents_tabs_and_comments_take_no_longer_than_their_bytes() {
    assert_eq!(
        in_time("---\n".repeat(200_000).as_bytes(), "separators"),
        Loaded::default()
    );
    let tabs = format!("a: [\n{}1]\n", "\t\t1,\n".repeat(150_000));
    assert_eq!(in_time(tabs.as_bytes(), "tabs").problems, []);
    let quoted = format!("a:\n{}", "- \"b\n  \tc\"\n".repeat(60_000));
    assert_eq!(in_time(quoted.as_bytes(), "tabs in quotes").problems, []);
    assert_eq!(
        in_time("# x\n".repeat(500_000).as_bytes(), "comments"),
        Loaded::default()
    );
    assert!(
        !in_time("'a'#b\n".repeat(100_000).as_bytes(), "comments without a blank")
            .problems
            .is_empty()
    );
}

#[test]
fn a_file_above_the_limit_is_not_read() {
    let loaded = load(&vec![b'#'; MAX_FILE_BYTES + 1], "large.yaml");
    assert_eq!(
        loaded.problems[0].to_string(),
        "large.yaml: the file is larger than the 4 MiB that are read; split the file"
    );
}

/// Pieces of which a text is likely to reach deep into the parser.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "a", "b: ", "- ", "\n", "  ", "\t", "\"", "'", "{", "}", "[", "]", ", ", "#", " # c", "&a ", "*a", "<<: ",
        "|\n", ">-\n", "? ", ": ", "---\n", "...\n", "!!int ", "!x ", "%", "~", "0644", "\\", "\\u", "\r\n",
        "\u{FEFF}", "\u{2028}", "\u{85}", "é", "{\"a\":", "1e999", ".inf",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        in_time(&bytes, "random bytes");
    }

    #[test]
    fn any_pieces_are_read_or_refused_and_every_value_has_a_line(text in pieces()) {
        let loaded = in_time(text.as_bytes(), &text);
        let last = text.lines().count().max(1);
        for document in loaded.documents {
            prop_assert!((1..=last).contains(&document.line), "{text:?}");
            prop_assert!((1..=last).contains(&document.line_of("")), "{text:?}");
        }
        for remark in loaded.problems.iter().chain(&loaded.warnings) {
            prop_assert!(remark.line.is_none_or(|line| (1..=last + 1).contains(&line)), "{text:?}: {remark}");
        }
    }
}
