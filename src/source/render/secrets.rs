//! The values of the Secrets among rendered objects: what a masker must hide wherever it stands.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Rendered;

impl Rendered {
    /// The values that the Secrets hold, in plain and as base64.
    pub fn secret_values(&self) -> Vec<String> {
        let secrets = self
            .documents
            .iter()
            .filter(|document| document.id.kind == "Secret" && document.id.api_version == "v1");
        secrets.flat_map(|document| values(&document.value)).collect()
    }
}

fn values(secret: &Value) -> Vec<String> {
    let texts = |field: &str| {
        let entries = secret.get(field).and_then(Value::as_object).into_iter().flatten();
        entries
            .filter_map(|(_, value)| value.as_str().map(str::to_owned))
            .collect::<Vec<_>>()
    };
    let plain = |encoded: &String| String::from_utf8(STANDARD.decode(encoded.trim()).ok()?).ok();
    let encoded = texts("data");
    let decoded = encoded.iter().filter_map(plain).map(|text| text.trim_end().to_owned());
    decoded
        .chain(texts("stringData"))
        .chain(encoded.iter().cloned())
        .collect()
}
