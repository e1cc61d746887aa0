//! Metadata that only the server sets, as it stands in a manifest that was dumped from a cluster.

use serde_json::{Value, json};

use crate::random::Random;

pub fn nothing(_: &mut Random) -> Option<Value> {
    None
}

pub fn uid(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!("00000000-0000-0000-0000-000000000000"),
                json!("1"),
                json!(""),
                Value::Null,
            ])
            .clone(),
    )
}

pub fn version(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!("1"),
                json!("99999999"),
                json!("0"),
                json!("x1"),
                json!(""),
                Value::Null,
            ])
            .clone(),
    )
}

pub fn managed_fields(random: &mut Random) -> Option<Value> {
    let entry = json!({
        "manager": "x", "operation": "Update", "apiVersion": "apps/v1", "time": "2026-01-05T10:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {"f:spec": {"f:replicas": {}}},
    });
    Some(random.pick(&[json!([entry]), json!([]), Value::Null]).clone())
}

pub fn time(random: &mut Random) -> Option<Value> {
    Some(random.pick(&[json!("2026-01-05T10:00:00Z"), Value::Null]).clone())
}

pub fn number(random: &mut Random) -> Option<Value> {
    Some(random.pick(&[json!(5), json!(0), Value::Null]).clone())
}

/// The number that the server counts by itself: any is taken.
pub fn generation(random: &mut Random) -> Option<Value> {
    random
        .pick(&[
            None,
            Some(json!("1")),
            Some(json!("7")),
            Some(json!("-3")),
            Some(json!("0")),
            Some(json!("+12")),
            Some(json!("007")),
        ])
        .clone()
}

pub fn broken_generation(random: &mut Random) -> Option<Value> {
    Some(
        random
            .pick(&[
                json!("x"),
                json!(""),
                json!("1.5"),
                json!("9223372036854775808"),
                json!(" 1"),
                json!("1_0"),
                json!(3),
                Value::Null,
            ])
            .clone(),
    )
}

pub fn link(_: &mut Random) -> Option<Value> {
    Some(json!("/apis/apps/v1/namespaces/shop/deployments/web"))
}
