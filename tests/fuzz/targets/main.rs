//! Every parser of bytes from outside, as one program: DRIFTMEND_PARSER names the one that is fuzzed. None panics,
//! hangs or asks for too much, whatever the bytes are; what else each promises stands in its file.
#![no_main]

mod parsers;

use std::sync::OnceLock;

use libfuzzer_sys::fuzz_target;

type Parser = fn(&[u8]);

/// The parsers by name; run.sh reads this list.
const PARSERS: &[(&str, Parser)] = &[
    ("loader", parsers::loader::read),
    ("differ", parsers::differ::compare),
    ("masker", parsers::masker::mask),
    ("printer", parsers::printer::print),
    ("paths", parsers::paths::read),
    ("application", parsers::application::read),
    ("kustomization", parsers::kustomization::read),
    ("windows", parsers::windows::read),
    ("selectors", parsers::selectors::read),
    ("messages", parsers::messages::read),
    ("urls", parsers::urls::read),
    ("known-hosts", parsers::known_hosts::read),
    ("trees", parsers::trees::read),
    ("answers", parsers::answers::read),
    ("http", parsers::http::read),
];

fuzz_target!(|bytes: &[u8]| {
    static CHOSEN: OnceLock<Parser> = OnceLock::new();
    let parser = CHOSEN.get_or_init(|| {
        let name = std::env::var("DRIFTMEND_PARSER").expect("DRIFTMEND_PARSER names a parser");
        PARSERS
            .iter()
            .find(|(known, _)| *known == name)
            .unwrap_or_else(|| panic!("there is no parser {name}"))
            .1
    });
    parser(bytes);
});
