//! Secrets that a text announces in the words of a language: SQL, netrc, XML, YAML of several lines, a call.

use super::MASKED;
use super::names::{Names, Promise, is_plain};
use super::work::looked_at;

/// Masks what such words announce.
pub(super) fn hide(text: &str, names: &Names) -> String {
    let text = words(text);
    let text = if text.contains(".auth(") { calls(&text) } else { text };
    let text = if text.contains("</") {
        elements(&text, names)
    } else {
        text
    };
    if text.contains('\n') {
        blocks(&text, names)
    } else {
        text
    }
}

/// `PASSWORD 'X'` and `IDENTIFIED BY 'X'` of SQL, and `login A password X` of netrc.
fn words(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut before = ["", "", ""];
    for piece in text.split_inclusive(char::is_whitespace) {
        let word = piece.trim_end();
        if word.is_empty() {
            out.push_str(piece);
            continue;
        }
        let [third, second, first] = before;
        let is_sql = first.eq_ignore_ascii_case("password")
            || (second.eq_ignore_ascii_case("identified") && first.eq_ignore_ascii_case("by"));
        let is_netrc = third == "login" && first == "password" && !is_plain(word);
        let netrc = || is_netrc.then(|| (0, word.trim_end_matches(['"', '\'', '\\', ';']).len()));
        let hidden = is_sql.then(|| literal(word)).flatten().or_else(netrc);
        match hidden.filter(|(from, to)| from < to && &word[*from..*to] != MASKED) {
            Some((from, to)) => out.extend([&word[..from], MASKED, &word[to..], &piece[word.len()..]]),
            None => out.push_str(piece),
        }
        before = [second, first, word];
    }
    out
}

/// Where the secret stands in a word such as `'X';`, which SQL quotes alone with this sign, or a shell that quotes the
/// whole with an escape before it.
fn literal(word: &str) -> Option<(usize, usize)> {
    let inside = word.trim_start_matches('\\').strip_prefix('\'')?;
    let from = word.len() - inside.len();
    let to = inside.find('\'').map_or(word.len(), |end| from + end);
    (!is_plain(&word[from..to]) && !word[from..to].starts_with('$')).then_some((from, to))
}

/// `db.auth("a", "X")`: the last argument.
fn calls(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(".auth(") {
        out.extend([before, ".auth("]);
        let end = after.find([')', '\n']).unwrap_or(after.len());
        looked_at(end);
        let (arguments, further) = after.split_at(end);
        let secret = arguments.rsplit_once(',').map(|(first, last)| {
            let last = last.trim_start().trim_start_matches(['\\', '"', '\'']);
            (
                arguments.len() - last.len(),
                last.trim_end_matches(['\\', '"', '\'', ' ']).len(),
                first,
            )
        });
        match secret.filter(|(from, length, first)| {
            *length > 0 && first.contains(['"', '\'']) && !MASKED.starts_with(&arguments[*from..])
        }) {
            Some((from, length, _)) => out.extend([&arguments[..from], MASKED, &arguments[from + length..]]),
            None => out.push_str(arguments),
        }
        rest = further;
    }
    out + rest
}

/// `<password>X</password>`.
fn elements(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('<') {
        out.extend([before, "<"]);
        let name = &after[..after
            .find(|c: char| !(c.is_alphanumeric() || "_.-:".contains(c)))
            .unwrap_or(after.len())];
        rest = after;
        let Some(content) = after[name.len()..].strip_prefix('>') else {
            continue;
        };
        let end = content.find('<').unwrap_or(content.len());
        looked_at(name.len() + end);
        let (inside, further) = content.split_at(end);
        if further.starts_with("</") && !inside.trim().is_empty() && names.hide(name, inside.trim()) {
            out.extend([name, ">", MASKED]);
            rest = further;
        }
    }
    out + rest
}

/// Values of YAML that begin on the line after their key: a block, a text, a list of texts. What is a map there has
/// keys of its own.
fn blocks(text: &str, names: &Names) -> String {
    let mut out = String::with_capacity(text.len());
    let mut lines = text.split_inclusive('\n').peekable();
    while let Some(line) = lines.next() {
        out.push_str(line);
        let indent = indentation(line);
        let Some((key, style)) = line.trim().rsplit_once(':') else {
            continue;
        };
        let style = style.trim();
        let is_block =
            style.starts_with(['|', '>']) && style[1..].chars().all(|c| "+-".contains(c) || c.is_ascii_digit());
        let key = key
            .trim_start_matches(['-', ' ', '"', '\''])
            .trim_end_matches(['"', '\'']);
        let is_key = key.chars().all(|c| c.is_alphanumeric() || "_.-/".contains(c));
        if !(is_block || style.is_empty()) || !is_key || !line.ends_with('\n') || names.promise(key) != Promise::Secret
        {
            continue;
        }
        let mut hidden = false;
        while let Some(next) = lines.next_if(|next| is_value(next, indent, is_block)) {
            let content = next.trim();
            let plain = content.trim_start_matches("- ");
            if !hidden && !content.is_empty() && !is_plain(plain) {
                let from = indentation(next) + content.len() - plain.len();
                out.extend([&next[..from], MASKED, if next.ends_with('\n') { "\n" } else { "" }]);
                hidden = true;
            } else if !hidden || content.is_empty() {
                out.push_str(next);
            }
        }
    }
    out
}

/// Whether a line belongs to the value of a key that stands so far to the right.
fn is_value(line: &str, indent: usize, is_block: bool) -> bool {
    let (own, content) = (indentation(line), line.trim());
    if is_block {
        return content.is_empty() || own > indent;
    }
    match content.strip_prefix("- ") {
        Some(item) => own >= indent && !is_member(item),
        None => {
            own > indent && !content.is_empty() && !content.starts_with(['-', '{', '[', '#']) && !is_member(content)
        }
    }
}

fn is_member(content: &str) -> bool {
    content.contains(": ") || content.ends_with(':')
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches(' ').len()
}

#[cfg(test)]
mod tests {
    use pretty_assertions::assert_eq;

    use super::super::Masker;

    #[test]
    fn what_a_language_announces_is_hidden() {
        for (given, shown) in [
            (
                "psql -c \"ALTER USER a WITH PASSWORD 'hunter2'\"",
                "psql -c \"ALTER USER a WITH PASSWORD '(masked)'\"",
            ),
            (
                "create role a login encrypted password 'hunter2';",
                "create role a login encrypted password '(masked)';",
            ),
            (
                "CREATE USER 'a'@'%' IDENTIFIED BY 'hunter2'; x",
                "CREATE USER 'a'@'%' IDENTIFIED BY '(masked)'; x",
            ),
            (
                "mongosh --eval 'db.auth(\"a\",\"hunter2\")'",
                "mongosh --eval 'db.auth(\"a\",\"(masked)\")'",
            ),
            (
                "machine x login a password hunter2",
                "machine x login a password (masked)",
            ),
            (
                "machine x\n  login a\n  password hunter2\n",
                "machine x\n  login a\n  password (masked)\n",
            ),
            (
                "<user>a</user><password>hunter2</password>",
                "<user>a</user><password>(masked)</password>",
            ),
            (
                "<property name=\"password\" value=\"hunter2\"/>",
                "<property name=\"password\" value=\"(masked)\"/>",
            ),
            (
                "db:\n  password: |\n    hunter2\n    more\n  port: 80\n",
                "db:\n  password: |\n    (masked)\n  port: 80\n",
            ),
            ("db:\n  password: |-\n    hunter2", "db:\n  password: |-\n    (masked)"),
            (
                "db:\n  password:\n    hunter2\n  port: 80",
                "db:\n  password:\n    (masked)\n  port: 80",
            ),
            (
                "passwords:\n- hunter2\n- other\nport: 80",
                "passwords:\n- (masked)\nport: 80",
            ),
        ] {
            let text = |text: &str| Masker::default().mask_text(text);
            assert_eq!(text(given), shown);
            assert_eq!(text(shown), shown, "masked twice");
        }
    }

    #[test]
    fn words_of_the_same_letters_are_shown() {
        for text in [
            "password authentication failed for user 'app'",
            "the password of a user is set by 'hand' login a password",
            "ALTER USER a WITH PASSWORD '$PW'",
            "<name>web</name><token/><value>x</value>",
            "<property name=\"mode\" value=\"dev\"/>",
            "imagePullSecrets:\n- name: pull\nvolumes:\n- name: tls\n  secret:\n    secretName: tls",
            "matchLabelKeys:\n- pod-template-hash\nport: 80",
            "credentials:\n  user: app\nport: 80",
            "env:\n  - name: DB_PASSWORD\n    valueFrom:\n      secretKeyRef:\n        name: db",
            "script: |\n  echo hello\n  exit 0\n",
            "request.auth(user) and auth(a, b)",
        ] {
            assert_eq!(Masker::default().mask_text(text), text);
        }
    }
}
