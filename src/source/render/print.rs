//! Prints values as `kubectl -o json` does.

use std::io::{Result, Write};

use serde::Serialize;
use serde_json::Value;
use serde_json::ser::{Formatter, PrettyFormatter, Serializer};

use crate::source::yaml::json_text;

/// Writes values as one indented JSON list, with floats as Go prints them: `9223372036854776000` and not
/// `9.223372036854776e18`.
///
/// Anyone who compares the text with kubectl's, digit by digit, finds no difference in numbers. The text is never held
/// whole: expanded aliases make it far longer than the file that it came from.
///
/// # Errors
/// Those of the writer.
pub fn write_json(values: &[Value], out: impl Write) -> Result<()> {
    Ok(values.serialize(&mut Serializer::with_formatter(
        out,
        LikeGo {
            pretty: PrettyFormatter::new(),
        },
    ))?)
}

struct LikeGo {
    pretty: PrettyFormatter<'static>,
}

impl Formatter for LikeGo {
    fn write_f64<W: ?Sized + Write>(&mut self, writer: &mut W, value: f64) -> Result<()> {
        writer.write_all(json_text(value).as_bytes())
    }

    fn begin_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.begin_array(writer)
    }

    fn end_array<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.end_array(writer)
    }

    fn begin_array_value<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.pretty.begin_array_value(writer, first)
    }

    fn end_array_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.end_array_value(writer)
    }

    fn begin_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.begin_object(writer)
    }

    fn end_object<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.end_object(writer)
    }

    fn begin_object_key<W: ?Sized + Write>(&mut self, writer: &mut W, first: bool) -> Result<()> {
        self.pretty.begin_object_key(writer, first)
    }

    fn begin_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.begin_object_value(writer)
    }

    fn end_object_value<W: ?Sized + Write>(&mut self, writer: &mut W) -> Result<()> {
        self.pretty.end_object_value(writer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn text(value: &Value) -> String {
        let mut out = Vec::new();
        write_json(std::slice::from_ref(value), &mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn prints_floats_as_go_does_and_the_rest_like_serde_json() {
        let floats = json!([
            9_223_372_036_854_775_808_f64,
            -9_223_372_036_854_775_809_f64,
            1e21,
            1e-7,
            0.5,
            1.0
        ]);
        let lines: Vec<_> = text(&floats)
            .lines()
            .map(|line| line.trim().trim_end_matches(',').to_owned())
            .collect();
        assert_eq!(
            lines[2..8],
            [
                "9223372036854776000",
                "-9223372036854776000",
                "1e+21",
                "1e-7",
                "0.5",
                "1"
            ]
        );
        let rest = json!({"a": [], "b": {}, "c": [{"d": "é\n", "e": null}, 1, true]});
        assert_eq!(text(&rest), serde_json::to_string_pretty(&[&rest]).unwrap());
    }
}
