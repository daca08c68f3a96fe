//! Documentation comments of the interface's sources, as the manual needs them.
//!
//! The sources are plain lists of constants, variants and fields, each with its comment above it,
//! so reading them line by line is all it takes.

/// A documented item: a constant, a variant, a flag or a field.
#[derive(Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub name: String,
    /// Its value, or a field's type.
    pub value: String,
    /// Its comment.
    pub text: String,
}

/// The documented items between the line that begins with `start` (leading blanks aside) and the
/// next line that is only a closing brace no deeper than it. Empty if there is no such line.
pub fn items(source: &str, start: &str) -> Vec<Item> {
    let mut lines = source.lines().skip_while(|line| !line.trim_start().starts_with(start));
    let Some(first) = lines.next() else { return vec![] };
    let depth = indentation(first);
    let mut items = vec![];
    let mut comment = vec![];
    for line in lines {
        let code = line.trim();
        if code.starts_with('}') && indentation(line) <= depth {
            break;
        }
        if let Some(text) = code.strip_prefix("///") {
            comment.push(text);
        } else if !code.is_empty() && !code.starts_with("#[") {
            if let Some((name, value)) = declaration(code)
                && !comment.is_empty()
            {
                items.push(Item { name, value, text: prose(&comment) });
            }
            comment.clear();
        }
    }
    items
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start().len()
}

/// Name and value of `NAME = VALUE,`, `pub const NAME: TYPE = VALUE;`, `pub NAME: TYPE,`.
fn declaration(code: &str) -> Option<(String, String)> {
    let code = code.strip_prefix("pub ").unwrap_or(code);
    let code = code.strip_prefix("const ").unwrap_or(code).trim_end_matches([',', ';']);
    let (name, value) = match code.split_once(" = ") {
        Some((declared, value)) => (declared.split(':').next()?, value),
        None => code.split_once(": ")?,
    };
    // A reason's number is followed by its text.
    let value = value.split(", \"").next()?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_');
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

/// Lines of a comment as one paragraph, links reduced to their text.
pub fn prose(lines: &[&str]) -> String {
    let text = lines.iter().map(|line| line.trim()).collect::<Vec<_>>().join(" ");
    without_links(&text)
}

/// Comment of an operation: what it does, and what it costs (its last paragraph, which begins with
/// `Cost:`; empty if there is none).
pub fn description_and_cost(lines: &[&str]) -> (String, String) {
    let is_cost = |line: &&str| line.trim_start().starts_with("Cost:");
    let (description, cost) = lines.split_at(lines.iter().position(is_cost).unwrap_or(lines.len()));
    (prose(description).trim_end().into(), prose(cost))
}

/// `text` with `[name](target)` and `[name]` reduced to `name`.
fn without_links(text: &str) -> String {
    let mut plain = String::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once('[') {
        plain.push_str(before);
        let Some((name, after)) = behind.split_once(']') else {
            plain.push('[');
            rest = behind;
            continue;
        };
        plain.push_str(name);
        rest = match after.strip_prefix('(').and_then(|target| target.split_once(')')) {
            Some((_, after)) => after,
            None => after,
        };
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: &str = "
/// Not this.
pub enum Other {
    /// No.
    A = 1,
}
    pub struct Kind: u8 {
        /// First [thing](crate::Thing),
        /// in two lines.
        const READ = 1;
        #[default]
        /// Second.
        Second = 2, \"in words\";
        undocumented = 3,
        /// A field.
        pub address: u64,
    }
";

    #[test]
    fn items_are_found_with_value_and_comment() {
        let found = items(SOURCE, "pub struct Kind");
        let names: Vec<(&str, &str)> =
            found.iter().map(|item| (item.name.as_str(), item.value.as_str())).collect();
        assert_eq!(names, [("READ", "1"), ("Second", "2"), ("address", "u64")]);
        assert_eq!(found[0].text, "First thing, in two lines.");
    }

    #[test]
    fn a_cost_is_the_last_paragraph() {
        let comment = [" Does it", " well.", "", " Cost: `irq`, and", " more."];
        let (description, cost) = description_and_cost(&comment);
        assert_eq!((&*description, &*cost), ("Does it well.", "Cost: `irq`, and more."));
        assert_eq!(description_and_cost(&comment[..2]).1, "");
    }

    #[test]
    fn an_unknown_start_has_no_items() {
        assert!(items(SOURCE, "pub enum Nothing").is_empty());
    }

    #[test]
    fn links_lose_their_targets() {
        assert_eq!(without_links("see [`A`](crate::A) and [b]."), "see `A` and b.");
        assert_eq!(without_links("a[0"), "a[0");
    }
}
