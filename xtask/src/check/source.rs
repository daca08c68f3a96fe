//! Rust sources, with each byte classified: code, comment or literal.
//!
//! That is all of Rust's grammar that counting lines and finding keywords needs (The Rust
//! Reference, "Comments" and "Tokens").

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result};

use crate::repository::Repository;
use crate::workspace::Workspace;

/// What a byte belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Class {
    /// Anything that the compiler acts on, quotes of literals included.
    Code,
    /// The inside of a string or character literal.
    Literal,
    /// A comment, documentation included.
    Comment,
}

/// A source file.
#[derive(Debug)]
pub struct Source {
    /// Path relative to the root, with `/`.
    pub path: String,
    /// The text.
    pub text: String,
    /// One class per byte of the text.
    pub classes: Vec<Class>,
}

impl Source {
    /// Classifies `text`.
    pub fn new(path: impl Into<String>, text: impl Into<String>) -> Self {
        let text = text.into();
        Self { path: path.into(), classes: classify(text.as_bytes()), text }
    }

    /// The text with everything but code blanked; same length, same lines.
    pub fn code(&self) -> String {
        let blank = |(byte, class): (u8, &Class)| match (class, byte) {
            (Class::Code, _) | (_, b'\n') => byte,
            _ => b' ',
        };
        let bytes = self.text.bytes().zip(&self.classes).map(blank).collect::<Vec<u8>>();
        String::from_utf8_lossy(&bytes).into_owned()
    }
}

/// All Rust and assembly files of the workspace's members, and of fuzz/, which is a workspace of its own.
pub fn read_all(repository: &Repository, workspace: &Workspace) -> Result<Vec<Source>> {
    let mut paths = BTreeSet::new();
    let folders = workspace.members.iter().map(|member| member.folder.as_str());
    for folder in folders.chain(["fuzz"]) {
        collect(&repository.path(folder), &mut paths);
    }
    let read = |path: &PathBuf| {
        let text =
            fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
        Ok(Source::new(repository.relative(path).display().to_string(), text))
    };
    paths.iter().map(read).collect()
}

fn collect(folder: &Path, paths: &mut BTreeSet<PathBuf>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = entry.file_name();
        if path.is_dir() && name != "target" && !name.to_string_lossy().starts_with('.') {
            collect(&path, paths);
        } else if path.extension().is_some_and(|extension| extension == "rs" || extension == "s") {
            paths.insert(path);
        }
    }
}

fn classify(text: &[u8]) -> Vec<Class> {
    let mut classes = vec![Class::Code; text.len()];
    let mut at = 0;
    while at < text.len() {
        let rest = &text[at..];
        let after_word = at > 0 && is_word(text[at - 1]);
        // Class of the token at `at`, its length, and how many bytes of quotes at each end
        // are code.
        let (class, length, quotes) = if rest.starts_with(b"//") {
            (Class::Comment, line_length(rest), (0, 0))
        } else if rest.starts_with(b"/*") {
            (Class::Comment, block_comment_length(rest), (0, 0))
        } else if rest[0] == b'"' {
            (Class::Literal, quoted_length(rest, b'"'), (1, 1))
        } else if let Some(hashes) = raw_string(rest).filter(|_| !after_word) {
            let prefix = rest.iter().position(|byte| *byte == b'"').unwrap_or_default() + 1;
            (Class::Literal, raw_length(rest, prefix, hashes), (prefix, hashes + 1))
        } else if rest[0] == b'\'' && is_character(rest) {
            (Class::Literal, quoted_length(rest, b'\''), (1, 1))
        } else {
            (Class::Code, 1, (0, 0))
        };
        let end = (at + length).min(text.len());
        let inside = (at + quotes.0).min(end)..end.saturating_sub(quotes.1).max(at);
        if inside.start < inside.end {
            classes[inside].fill(class);
        }
        at = end;
    }
    classes
}

/// Whether `byte` can be part of an identifier.
pub fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte >= 0x80
}

fn line_length(text: &[u8]) -> usize {
    text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len())
}

/// Block comments nest.
fn block_comment_length(text: &[u8]) -> usize {
    let mut depth = 0;
    let mut at = 0;
    while at < text.len() {
        if text[at..].starts_with(b"/*") {
            depth += 1;
            at += 2;
        } else if text[at..].starts_with(b"*/") {
            depth -= 1;
            at += 2;
            if depth == 0 {
                return at;
            }
        } else {
            at += 1;
        }
    }
    text.len()
}

/// Length of a literal that begins and ends with `quote`, with backslash escapes.
fn quoted_length(text: &[u8], quote: u8) -> usize {
    let mut at = 1;
    while at < text.len() {
        match text[at] {
            b'\\' => at += 2,
            byte if byte == quote => return at + 1,
            _ => at += 1,
        }
    }
    text.len()
}

/// Number of `#` if a raw string (`r"`, `br#"`, `cr"`) begins here.
fn raw_string(text: &[u8]) -> Option<usize> {
    let rest = text.strip_prefix(b"b").or(text.strip_prefix(b"c")).unwrap_or(text);
    let rest = rest.strip_prefix(b"r")?;
    let hashes = rest.iter().take_while(|byte| **byte == b'#').count();
    (rest.get(hashes) == Some(&b'"')).then_some(hashes)
}

fn raw_length(text: &[u8], prefix: usize, hashes: usize) -> usize {
    let mut end = vec![b'"'];
    end.extend(vec![b'#'; hashes]);
    text[prefix..]
        .windows(end.len())
        .position(|window| window == end)
        .map_or(text.len(), |at| prefix + at + end.len())
}

/// Whether a quote begins a character literal rather than a lifetime.
fn is_character(text: &[u8]) -> bool {
    match text.get(1) {
        Some(b'\\') => true,
        Some(first) if *first >= 0x80 => text.iter().skip(1).take(5).any(|byte| *byte == b'\''),
        Some(_) => text.get(2) == Some(&b'\''),
        None => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(text: &str) -> String {
        Source::new("a.rs", text).code()
    }

    #[test]
    fn comments_go() {
        assert_eq!(code("a // b\nc"), "a     \nc");
        assert_eq!(code("a /* /* b */ */ c"), "a               c");
        assert_eq!(code("//! unsafe"), "          ");
    }

    #[test]
    fn literals_are_emptied() {
        assert_eq!(code(r#"f("// \" x") y"#), r#"f("       ") y"#);
        assert_eq!(code(r##"f(r#"a"b"#) y"##), r##"f(r#"   "#) y"##);
        assert_eq!(code("br\"\\\" y"), "br\" \" y");
        assert_eq!(code("'\"' x '\\'' y"), "' ' x '  ' y");
    }

    #[test]
    fn lifetimes_are_code() {
        assert_eq!(
            code("fn f<'a>(x: &'a str, y: &'static u8)"),
            "fn f<'a>(x: &'a str, y: &'static u8)"
        );
    }

    #[test]
    fn a_word_that_ends_in_r_begins_no_raw_string() {
        assert_eq!(code("expr\"a\" b"), "expr\" \" b");
    }
}
