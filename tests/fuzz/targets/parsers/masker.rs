//! What a Secret holds is never shown, whatever stands around it, and what is shown has its limit.

use driftmend::engine::diff::{MASKED, Masker, SHOWN_BYTES};
use driftmend::engine::object::FieldPath;
use serde_json::{Value, json};

/// A secret that the masker was told of.
const TOLD: &str = "Zq81-told-Qz";

pub fn mask(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let masker = Masker::default().knowing([TOLD.to_owned()]);
    let _ = masker.mask_text(&masker.mask_text(&text));
    assert!(
        !masker.mask_text(&format!("{text}{TOLD}{text}")).contains(TOLD),
        "{text:?}"
    );
    let value: Value = serde_json::from_slice(bytes).unwrap_or_else(|_| text.split('\n').map(Value::from).collect());
    let secret = json!({"kind": "Secret", "data": value, "stringData": value});
    for (path, value) in [
        (FieldPath::root(), &secret),
        (FieldPath::of(&["spec", "args"]), &value),
        (FieldPath::of(&["password"]), &value),
    ] {
        let shown = masker.mask(&path, value);
        assert!(shown.to_string().len() <= SHOWN_BYTES, "{shown}");
    }
    let expected = json!({"kind": "Secret", "data": MASKED, "stringData": MASKED});
    assert_eq!(
        masker.mask(&FieldPath::root(), &secret).to_string(),
        expected.to_string()
    );
}
