//! Strangers' text in our messages.

/// Longest text of a stranger's that is repeated in a message, in characters.
const BRIEF_CHARS: usize = 200;

/// A stranger's text, cut to a length that fits a log line and without control characters.
pub fn brief(text: &str) -> String {
    let mut chars = text.chars().map(|c| if c.is_control() { ' ' } else { c });
    let mut result: String = chars.by_ref().take(BRIEF_CHARS).collect();
    if chars.next().is_some() {
        result.push('…');
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn long_and_unprintable_text_is_tamed() {
        assert_eq!(brief("plain"), "plain");
        assert_eq!(brief("a\n\u{1b}[31mb"), "a  [31mb");
        assert_eq!(brief(&"x".repeat(5000)).chars().count(), BRIEF_CHARS + 1);
    }
}
