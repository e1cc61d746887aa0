//! The child's side: reads one question from standard input, evaluates it, and writes the answer.

use std::io::{Read, Write};

use jaq_core::load::{Arena, Error, File, Loader};
use jaq_core::{Compiler, Ctx, Vars, data, unwrap_valr};
use jaq_json::{Val, read};
use serde_json::Value;

use super::{Answer, Question};
use crate::engine::object::escape_token;

/// Answers one question, as the child process.
///
/// # Errors
/// Standard input is no question, or standard output is gone.
pub fn serve() -> std::io::Result<()> {
    let mut text = Vec::new();
    std::io::stdin().lock().read_to_end(&mut text)?;
    let question: Question = serde_json::from_slice(&text)?;
    let answer = match evaluate(&question) {
        Ok(pointers) => Answer::Pointers(pointers),
        Err(reason) => Answer::Syntax(reason),
    };
    let mut out = std::io::stdout().lock();
    out.write_all(&serde_json::to_vec(&answer)?)?;
    out.flush()
}

fn evaluate(question: &Question) -> Result<Vec<Vec<String>>, String> {
    // What Argo CD deletes by `del(…)` is what `path(…)` names.
    let code = format!("path({})", question.expression);
    let definitions = jaq_core::defs().chain(jaq_std::defs()).chain(jaq_json::defs());
    let functions = jaq_core::funs().chain(jaq_std::funs()).chain(jaq_json::funs());
    let arena = Arena::default();
    let modules = Loader::new(definitions)
        .load(
            &arena,
            File {
                code: code.as_str(),
                path: (),
            },
        )
        .map_err(|errors| {
            let first = errors.into_iter().next().map(|(_, error)| error);
            match first {
                Some(Error::Lex(found)) => stops_at(found.first().map(|(_, text)| *text)),
                Some(Error::Parse(found)) => stops_at(found.first().map(|(_, text)| *text)),
                _ => "modules are not read".to_owned(),
            }
        })?;
    let filter = Compiler::default()
        .with_funs(functions)
        .compile(modules)
        .map_err(|errors| {
            let first = errors
                .into_iter()
                .next()
                .and_then(|(_, errors)| errors.into_iter().next());
            first.map_or_else(
                || "a name is not known".to_owned(),
                |(name, _)| format!("{name} is not known"),
            )
        })?;
    let pointers_in = |object: &Value| -> Option<Vec<String>> {
        let input = read::parse_single(object.to_string().as_bytes()).ok()?;
        let context = Ctx::<data::JustLut<Val>>::new(&filter.lut, Vars::new([]));
        filter
            .id
            .run((context, input))
            .map(unwrap_valr)
            .map(|path| pointer(&path.ok()?.to_string()))
            .collect()
    };
    // An expression that fails over an object names nothing there, as Argo CD passes over it.
    Ok(question
        .objects
        .iter()
        .map(|object| pointers_in(object).unwrap_or_default())
        .collect())
}

fn stops_at(text: Option<&str>) -> String {
    match text {
        // The bracket is that of `path(…)`.
        None | Some("" | ")") => "it ends too early".to_owned(),
        Some(text) => format!("it cannot be read from {text:?} on"),
    }
}

/// A path of jq as a JSON Pointer: `["spec","containers",0]` is `/spec/containers/0`.
fn pointer(path: &str) -> Option<String> {
    let steps: Vec<Value> = serde_json::from_str(path).ok()?;
    steps.iter().try_fold(String::new(), |pointer, step| {
        let token = match step {
            Value::String(name) => escape_token(name),
            Value::Number(at) => at.to_string(),
            // A slice (`.[1:3]`) has no pointer.
            _ => return None,
        };
        Some(format!("{pointer}/{token}"))
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;
    use serde_json::json;

    fn ask(expression: &str) -> Result<Vec<Vec<String>>, String> {
        let object =
            json!({"spec": {"containers": [{"name": "web", "env": [{"name": "A/B"}]}, {"name": "istio-proxy"}]}});
        evaluate(&Question {
            expression: expression.to_owned(),
            objects: vec![object, json!({})],
        })
    }

    #[test]
    fn tells_the_places_of_what_an_expression_names() {
        for (expression, found) in [
            (
                ".spec.containers[] | select(.name == \"istio-proxy\")",
                vec!["/spec/containers/1"],
            ),
            (".spec.containers[].env[]?.name", vec!["/spec/containers/0/env/0/name"]),
            (
                ".spec.replicas, .spec.containers[0].env",
                vec!["/spec/replicas", "/spec/containers/0/env"],
            ),
            (
                ".spec.containers[] | select(.name | test(\"^istio-\"))",
                vec!["/spec/containers/1"],
            ),
            (".metadata.annotations[\"a/b\"]", vec!["/metadata/annotations/a~1b"]),
            (".spec.containers[] | tostring", vec![]),
            ("error(\"no\")", vec![]),
        ] {
            assert_eq!(
                ask(expression).map(|found| found[0].clone()),
                Ok(found.into_iter().map(str::to_owned).collect()),
                "{expression}"
            );
        }
    }

    #[test]
    fn says_where_an_expression_is_none() {
        for expression in [".spec.[", ".a | nosuchname", "(", "$x"] {
            assert!(ask(expression).is_err(), "{expression}");
        }
    }
}
