//! The globs of Argo CD's projects, without separators: `*` passes over `/`, too.

use std::collections::BTreeSet;

/// Braces in braces beyond this are no pattern here: each level costs stack.
const DEEPEST: usize = 32;

/// Whether a text matches a pattern; never where the pattern is wrong.
///
/// `*` is any text, `?` any character, `[abc]`, `[!abc]`, `[a-z]` and `[!a-z]` one character, `{one,other}` one of
/// several patterns, and `\` takes what follows as it is. Letters count with their case.
///
/// Source: `globMatch` in `pkg/apis/application/v1alpha1/app_project_types.go`, `Match` in `util/glob/glob.go`, and the
/// grammar of `gobwas/glob` (`syntax/lexer/lexer.go`, `syntax/ast/parser.go`); a set is either a list or one range.
/// Where that matcher is wrong (it does not match `xxb` with `{*,a}b`, nor `éa` with `é?`) this one follows its
/// documentation.
pub fn matches(pattern: &str, text: &str) -> bool {
    let characters: Vec<char> = pattern.chars().collect();
    let Some((pattern, _)) = sequence(&characters, 0, 0) else {
        return false;
    };
    let text: Vec<char> = text.chars().collect();
    ends(&pattern, &text, BTreeSet::from([0])).contains(&text.len())
}

#[derive(Debug)]
enum Token {
    Literal(char),
    Any,
    Single,
    List { not: bool, characters: Vec<char> },
    Range { not: bool, low: char, high: char },
    OneOf(Vec<Vec<Token>>),
}

/// Reads tokens up to the end, or inside braces up to a comma or the closing one. An open brace at the end is taken as
/// closed.
fn sequence(pattern: &[char], mut at: usize, depth: usize) -> Option<(Vec<Token>, usize)> {
    let mut tokens = Vec::new();
    while let Some(&character) = pattern.get(at) {
        if depth > 0 && (character == ',' || character == '}') {
            break;
        }
        at += 1;
        tokens.push(match character {
            '*' => Token::Any,
            '?' => Token::Single,
            '[' => {
                let (token, next) = set(pattern, at)?;
                at = next;
                token
            }
            '{' => {
                let (token, next) = one_of(pattern, at, depth + 1)?;
                at = next;
                token
            }
            '\\' => {
                let Some(&escaped) = pattern.get(at) else { break };
                at += 1;
                Token::Literal(escaped)
            }
            literal => Token::Literal(literal),
        });
    }
    Some((tokens, at))
}

fn one_of(pattern: &[char], mut at: usize, depth: usize) -> Option<(Token, usize)> {
    if depth > DEEPEST {
        return None;
    }
    let mut patterns = Vec::new();
    loop {
        let (tokens, next) = sequence(pattern, at, depth)?;
        patterns.push(tokens);
        at = next + 1;
        if pattern.get(next) != Some(&',') {
            return Some((Token::OneOf(patterns), at.min(pattern.len())));
        }
    }
}

fn set(pattern: &[char], mut at: usize) -> Option<(Token, usize)> {
    let not = pattern.get(at) == Some(&'!');
    if not {
        at += 1;
    }
    if pattern.get(at + 1) == Some(&'-') {
        let (low, high) = (*pattern.get(at)?, *pattern.get(at + 2)?);
        let closed = pattern.get(at + 3) == Some(&']') && low <= high;
        return closed.then_some((Token::Range { not, low, high }, at + 4));
    }
    let mut characters = Vec::new();
    loop {
        match *pattern.get(at)? {
            ']' => break,
            '\\' => {
                characters.push(*pattern.get(at + 1)?);
                at += 2;
            }
            character => {
                characters.push(character);
                at += 1;
            }
        }
    }
    (!characters.is_empty()).then_some((Token::List { not, characters }, at + 1))
}

/// Where the tokens may end that begin at any of these places of the text. All places at once: a pattern of many stars
/// costs no more than its length times the text's.
fn ends(tokens: &[Token], text: &[char], mut places: BTreeSet<usize>) -> BTreeSet<usize> {
    for token in tokens {
        let one = |accepts: &dyn Fn(char) -> bool| {
            places
                .iter()
                .filter(|at| text.get(**at).is_some_and(|character| accepts(*character)))
                .map(|at| at + 1)
                .collect()
        };
        places = match token {
            Token::Literal(literal) => one(&|character| character == *literal),
            Token::Single => one(&|_| true),
            Token::List { not, characters } => one(&|character| characters.contains(&character) != *not),
            Token::Range { not, low, high } => one(&|character| (*low <= character && character <= *high) != *not),
            Token::Any => places
                .first()
                .map_or_else(BTreeSet::new, |first| (*first..=text.len()).collect()),
            Token::OneOf(patterns) => patterns
                .iter()
                .flat_map(|pattern| ends(pattern, text, places.clone()))
                .collect(),
        };
    }
    places
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    /// Recorded from gobwas/glob v0.2.3, which Argo CD v3.5.7 uses.
    #[test]
    fn patterns_match_as_the_originals() {
        for (pattern, text, expected) in [
            ("web-*", "web-a/b", true),
            ("*", "", true),
            ("?eb", "web", true),
            ("?eb", "eb", false),
            ("[wx]eb", "web", true),
            ("[!wx]eb", "web", false),
            ("[a-z]eb", "web", true),
            ("[a-z0-9]eb", "web", false),
            ("{web,api}-*", "api-1", true),
            ("{web,api}-*", "db-1", false),
            ("{web,}x", "x", true),
            ("{a{b,c},d}e", "ace", true),
            (r"\*eb", "*eb", true),
            (r"\*eb", "web", false),
            ("[", "[", false),
            ("{a,b", "a", true),
            ("{a,b", "b", true),
            ("a}", "a}", true),
            ("a,b", "a,b", true),
            ("", "", true),
            ("", "a", false),
            ("**", "x/y", true),
            ("https://*.example.com", "https://a.b.example.com", true),
            ("web]", "web]", true),
            ("[!]eb", "web", false),
            ("[]eb", "web", false),
            ("[a-]eb", "aeb", false),
            ("[ab", "a", false),
            ("[z-a]", "b", false),
            (r"web\", "web", true),
            ("*a*b*", "xxaxxbxx", true),
            ("*a*b*", "xxbxxaxx", false),
            ("{}", "", true),
            ("{a}", "a", true),
            (r"[\]]x", "]x", true),
            ("a***b", "axb", true),
            ("[!a-c]x", "dx", true),
            ("[!!]x", "ax", true),
            ("[-a]x", "-x", true),
            ("{,a}{b,c}", "c", true),
            ("{a*,b}*c", "azzc", true),
            (r"{\,,a}", ",", true),
            ("WEB", "web", false),
            ("a{b,c}}d", "ab}d", true),
        ] {
            assert_eq!(matches(pattern, text), expected, "{pattern} {text}");
        }
    }

    #[test]
    fn a_hostile_pattern_ends() {
        assert!(!matches(&"*a".repeat(1_000), &"a".repeat(253)));
        assert!(!matches(&format!("{}x", "{a,".repeat(100_000)), "a"));
    }
}
