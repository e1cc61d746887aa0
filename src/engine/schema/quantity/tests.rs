//! Quantities as the API server reads and prints them.

use super::*;

#[test]
fn prints_what_the_server_prints() {
    for (text, milli, nano) in [
        ("2000m", "2", "2"),
        (".25", "250m", "250m"),
        ("+3", "+3", "+3"),
        ("4.", "4.", "4."),
        ("009", "009", "009"),
        ("2.5Gi", "2560Mi", "2560Mi"),
        ("2048Ki", "2Mi", "2Mi"),
        ("999Mi", "999Mi", "999Mi"),
        ("0.7Gi", "751619276800m", "751619276800m"),
        ("0.002Ki", "2048m", "2048m"),
        ("9Ei", "9223372036854775807", "9223372036854775807"),
        ("4e20", "400e18", "400e18"),
        ("2e3", "2e3", "2e3"),
        ("2.0e3", "2e3", "2e3"),
        ("2000000", "2M", "2M"),
        ("2048", "2048", "2048"),
        ("1.125", "1.125", "1.125"),
        ("1.3456", "1346m", "1345600u"),
        ("3n", "1m", "3n"),
        ("0Ki", "0", "0"),
        ("Gi", "0", "0"),
        ("9000000000000000.25Ei", "9223372036854775807", "9223372036854775807"),
        ("-2500m", "-2500m", "-2500m"),
    ] {
        let printed = |rounding| canonical(text, rounding);
        assert_eq!(
            (printed(Rounding::Milli).as_deref(), printed(Rounding::Nano).as_deref()),
            (Some(milli), Some(nano)),
            "{text}"
        );
    }
}

#[test]
fn refuses_what_is_not_a_quantity() {
    for text in ["", " ", "2K", "2gi", "2 Gi", "2e", "2_000", "2e3m", "1.2.3", "Pi"] {
        assert!(parse(text).is_none(), "{text}");
    }
}

#[test]
fn equal_values_are_equal_in_any_suffix() {
    for (one, other) in [("1Gi", "1073741824"), ("0.5", "500m"), ("2k", "2e3"), ("0", "0Gi")] {
        assert_eq!(parse(one), parse(other), "{one} {other}");
    }
    assert_ne!(parse("1G"), parse("1Gi"));
    assert!(same_value(&Value::from(1500), &Value::from("1.5k")));
}

#[test]
fn numbers_are_read_in_the_text_that_go_sends() {
    for (number, text) in [("1000.0", "1000"), ("0.5", "0.5"), ("1e21", "1e+21"), ("7", "7")] {
        let value: Value = serde_json::from_str(number).unwrap();
        assert_eq!(text_of(&value).as_deref(), Some(text));
    }
}
