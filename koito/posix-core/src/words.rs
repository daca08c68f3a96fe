//! Commands as people write them: words, of which quotes make one.

use alloc::vec::Vec;

/// The words of `command`, between spaces. What stands in single or double quotes is kept as it is; a
/// backslash does so with the next character, but not within single quotes. A quote that is not closed
/// reaches to the end.
pub fn words(command: &str) -> Vec<Vec<u8>> {
    let mut words = Vec::new();
    let mut word: Option<Vec<u8>> = None;
    let mut quote = None;
    let mut bytes = command.bytes();
    while let Some(byte) = bytes.next() {
        match (quote, byte) {
            (None, b' ' | b'\t') => words.extend(word.take()),
            (None, b'\'' | b'"') => {
                quote = Some(byte);
                word.get_or_insert_default();
            }
            (Some(open), close) if open == close => quote = None,
            (None | Some(b'"'), b'\\') => word.get_or_insert_default().extend(bytes.next()),
            (_, byte) => word.get_or_insert_default().push(byte),
        }
    }
    words.extend(word);
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_keep_words_together() {
        let check = |command, expected: &[&str]| {
            let expected: Vec<Vec<u8>> = expected.iter().map(|it| it.as_bytes().to_vec()).collect();
            assert_eq!(words(command), expected, "{command}");
        };
        check("  a  b\tc ", &["a", "b", "c"]);
        check(r#"sh -c 'a "b" \c'"#, &["sh", "-c", r#"a "b" \c"#]);
        check(r#"x"a b"'c d' "" \ \" "#, &["xa bc d", "", r#" ""#]);
        check("'open", &["open"]);
        check("", &[]);
    }
}
