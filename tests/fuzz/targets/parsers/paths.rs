//! A field path that is read is written and read again as the same; a JSON Pointer leads to what it names, or nowhere.

use driftmend::engine::diff::{Located, PathPattern, Side, locate};
use driftmend::engine::kind::DEPLOYMENT;
use driftmend::engine::object::FieldPath;

pub fn read(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let (line, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let path = FieldPath::parse(line);
    if let Ok(path) = &path {
        let written = path.to_string();
        assert_eq!(FieldPath::parse(&written).as_ref(), Ok(path), "{written}");
    }
    if let (Ok(pattern), Ok(path)) = (PathPattern::parse(line), &path) {
        pattern.matches(path);
    }
    let Some(object) = super::documents(rest.as_bytes()).next() else {
        return;
    };
    if let Ok(path) = &path {
        let found = path.get(&object);
        // The last segment may be absent: then the pointer is for an `add`.
        if let (Some(found), Some(pointer)) = (found, path.pointer(&object)) {
            assert_eq!(object.pointer(&pointer), Some(found), "{pointer}");
        }
    }
    if let Some(Located::Field(path)) = locate(&DEPLOYMENT, line, &object, Side::Live) {
        // Of two items with the same keys a path names the first.
        assert!(
            path.get(&object).is_some() && object.pointer(line).is_some(),
            "{line} is not {path}"
        );
    }
}
