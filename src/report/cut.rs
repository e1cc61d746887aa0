//! Cuts long texts where a character ends.

/// How much of a text that is cut within is its end: the server quotes a whole manifest first, and says last what is
/// wrong with it.
const END_PART: usize = 4;

/// At most `limit` bytes of a text, and how many were left out.
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let end = boundary(text, limit);
    format!("{}… ({} bytes more)", &text[..end], text.len() - end)
}

/// At most `limit` bytes of a message that somebody wrote about something, its beginning and its end, and how many were
/// left out between.
pub fn cut_within(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    let begin = boundary(text, limit - limit / END_PART);
    let end = text.len() - limit / END_PART;
    let end = (end..=text.len())
        .find(|at| text.is_char_boundary(*at))
        .unwrap_or(text.len());
    format!("{}… ({} bytes more) …{}", &text[..begin], end - begin, &text[end..])
}

fn boundary(text: &str, limit: usize) -> usize {
    (0..=limit).rev().find(|at| text.is_char_boundary(*at)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use pretty_assertions::assert_eq;

    #[test]
    fn the_end_of_a_message_stays() {
        let message = format!("Invalid value: \"{}\": must match", "ä".repeat(100));
        assert_eq!(
            cut_within(&message, 60),
            "Invalid value: \"ääääääääääääää… (170 bytes more) …ä\": must match"
        );
        assert_eq!(cut_within(&message, message.len()), message);
        assert_eq!(cut("äää", 3), "ä… (4 bytes more)");
    }
}
