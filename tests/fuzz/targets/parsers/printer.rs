//! No sink holds a raw character, and what was escaped once stays as it is.

use driftmend::report::{printer, sarif};
use serde_json::{Value, json};

pub fn print(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let line = printer::one_line(&text);
    assert!(!line.contains(printer::is_raw), "{line:?}");
    assert_eq!(printer::one_line(&line), line);
    assert!(!printer::lines(&text).contains(|c| c != '\n' && printer::is_raw(c)));
    let status = printer::told(json!({"summary": text, "fields": [{"live": {&*text: [text]}, "desired": null}]}));
    assert_eq!(printer::told(status.clone()), status);
    let unread = sarif::Unread {
        message: &text,
        file: Some(&text),
        ..sarif::Unread::default()
    };
    let log = serde_json::to_string(&sarif::log(&[], &[unread], None)).expect("JSON");
    assert!(!log.contains(printer::is_raw), "{log}");
    if let Ok(value) = serde_json::from_slice::<Value>(bytes) {
        let shown = printer::one_line(&value.to_string()).into_owned();
        assert_eq!(serde_json::from_str::<Value>(&shown).expect("JSON"), value);
    }
}
