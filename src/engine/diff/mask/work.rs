//! How much of an object is looked at. Whoever may write a Deployment may fill it with a megabyte of text.

use std::sync::atomic::{AtomicUsize, Ordering};

/// How many bytes of text are looked at in one object; what comes after them is masked. A report shows a quarter of
/// that at most.
pub(super) const OBJECT_BYTES: usize = 256 << 10;

/// What is left of [`OBJECT_BYTES`].
#[derive(Debug)]
pub(super) struct Budget(AtomicUsize);

impl Budget {
    pub(super) const fn of_an_object() -> Self {
        Self(AtomicUsize::new(OBJECT_BYTES))
    }

    /// Takes so many bytes; `false` where less is left, and then nothing is.
    pub(super) fn take(&self, bytes: usize) -> bool {
        let taken = self
            .0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(bytes));
        if taken.is_err() {
            self.0.store(0, Ordering::Relaxed);
        }
        taken.is_ok()
    }

    pub(super) fn is_spent(&self) -> bool {
        self.0.load(Ordering::Relaxed) == 0
    }
}

#[cfg(test)]
thread_local! {
    static STEPS: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts what a pass has looked at: the tests bound that, and not the time that it takes.
#[cfg(test)]
pub(super) fn looked_at(bytes: usize) {
    STEPS.with(|steps| steps.set(steps.get() + bytes));
}

#[cfg(not(test))]
pub(super) const fn looked_at(_: usize) {}

/// How much was looked at while this ran.
#[cfg(test)]
pub(super) fn steps(run: impl FnOnce()) -> usize {
    STEPS.with(|steps| steps.set(0));
    run();
    STEPS.with(std::cell::Cell::get)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::{MASKED, Masker};
    use super::*;
    use crate::engine::object::FieldPath;

    /// How often a byte may be looked at: quotes in quotes, JSON in strings and brackets that begin nothing, each a few
    /// times.
    const MOST_LOOKS: usize = 100;

    /// Texts that a pass may be tempted to read from each of its characters to its end.
    const HOSTILE: &[&str] = &[
        "\\\" ",
        "\" ",
        "\"\\\" ",
        "\"'",
        "'\"\\' ",
        "[",
        "{\"a\":",
        "[1,",
        "[\"a\",",
        "{\"a\":[\"\\\"\",",
        "\"{\\\"",
        "\\",
        "\\'",
        "a' ",
        "a\" b' ",
        "key=",
        "key:(",
        "\"key\":true ",
        "key: Required ",
        "key:\"Required ",
        "cookie: Required ",
        "\"name\":x ",
        ",\"value\":\"true\"",
        "--key ",
        "--key --flag ",
        "name=a value=b ",
        "Bearer ",
        "-----BEGIN ",
        "a://",
        "a://b@",
        "a:b@",
        "mysql -p ",
        "mysql -u",
        "sshpass x ",
        "oc secret ",
        "secret login ",
        "curl -u a:b \\\n ",
        "`",
        "$(",
        "<a>",
        "password:\n",
        "- ",
        "password: |\n ",
        "passwords:\n- a\n",
        "<password>",
        "echo a | ",
        "name=\"password\" ",
        "ghp_",
    ];

    #[test]
    fn what_a_text_costs_grows_with_its_length() {
        for part in HOSTILE {
            for bytes in [1_000, 4_000, 16_000] {
                let text = part.repeat(bytes / part.len());
                let read = steps(|| drop(Masker::default().mask_text(&text)));
                assert!(read <= MOST_LOOKS * text.len(), "{part:?}: {read} for {bytes} bytes");
                let quoted = json!(json!({"a": text}).to_string()).to_string();
                let read = steps(|| drop(Masker::default().mask_text(&quoted)));
                assert!(
                    read <= MOST_LOOKS * quoted.len(),
                    "{part:?} in JSON: {read} for {} bytes",
                    quoted.len()
                );
            }
        }
    }

    #[test]
    fn what_a_list_costs_grows_with_its_length_and_none_is_too_long() {
        for words in [
            ["oc", "secret"],
            ["sshpass", "x"],
            ["kubectl", "login"],
            ["mysql", "-p"],
            ["--key", "--flag"],
            ["-u", "-p"],
        ] {
            let list: Vec<&str> = words.into_iter().cycle().take(50_000).collect();
            let (list, bytes) = (json!(list), list.concat().len());
            let read = steps(|| drop(Masker::default().mask(&FieldPath::of(&["args"]), &list)));
            assert!(read <= MOST_LOOKS * bytes, "{words:?}: {read} for {bytes} bytes");
        }
    }

    #[test]
    fn of_one_object_so_much_is_looked_at_and_the_rest_is_masked() {
        let masker = Masker::default().of_object([]);
        let path = FieldPath::of(&["note"]);
        let mask = |value: Value| masker.mask(&path, &value).to_string();
        assert_eq!(mask(json!("plain")), "\"plain\"");
        let long = "\\\" ".repeat(5_000);
        let read = steps(|| (0..160).for_each(|_| drop(mask(json!(long)))));
        assert!(read <= MOST_LOOKS * OBJECT_BYTES, "{read}");
        for hidden in [json!("plain"), json!(["sh", "-c", "run"]), json!({"a": "plain"})] {
            assert!(!mask(hidden.clone()).contains("plain") && mask(hidden).contains(MASKED));
        }
        assert_eq!(
            [mask(json!(3)), mask(json!(true))],
            ["3", "true"],
            "what is no text is shown"
        );
        assert_eq!(
            masker.of_object([]).mask(&path, &json!("plain")).to_string(),
            "\"plain\"",
            "the next object has as much"
        );
    }
}
