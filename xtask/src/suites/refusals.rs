//! Which refusals of the interface a conformance case provokes.
//!
//! The interface reference says of every operation how it can be refused; a case says so with
//! `check_refused!(call, Reason, culprit)`. Both are compared by the name of the operation's
//! function, the reason and the culprit. A call is told by the last operation in its text, or in that
//! of the local name that stands for it.

use std::collections::BTreeSet;
use std::fs;

use a9n_abi::{Culprit, OBJECTS, Reason};
use anyhow::{Context, Result};

use crate::reference::notes;
use crate::repository::Repository;

const CASES: &str = "tests/conformance/src/cases";
const MACRO: &str = "check_refused!(";
/// Forms of operations that Nun gives a name of their own.
const FORMS: &[(&str, &str)] = &[
    ("try_call", "call"),
    ("try_send", "send"),
    ("try_receive", "receive"),
    ("receive_into", "receive"),
    ("receive_on_own_time", "receive"),
    ("reply_receive_into", "reply_receive"),
];

/// An operation's function, a reason, a culprit.
type Refusal = (String, String, u8);

/// How many refusals there are, and those that no case names.
pub fn compare(repository: &Repository) -> Result<(usize, Vec<String>)> {
    let folder = repository.path(CASES);
    let entries =
        fs::read_dir(&folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut provoked = BTreeSet::new();
    for entry in entries.flatten() {
        let text = fs::read_to_string(entry.path())?;
        provoked.extend(refusals(&text));
    }
    let mut all = 0;
    let mut missing = vec![];
    for object in OBJECTS {
        for operation in object.operations {
            for refusal in notes::of(object.name, operation.name).expand() {
                // What ends a wait is no refusal of the call.
                if matches!(refusal.reason, Reason::Cancelled | Reason::PartnerDied) {
                    continue;
                }
                all += 1;
                let (reason, culprit) = (format!("{:?}", refusal.reason), refusal.culprit);
                if !provoked.contains(&(operation.name.to_owned(), reason, culprit.0)) {
                    missing.push(format!(
                        "{}.{}: {} ({culprit}): {}",
                        object.name,
                        operation.name,
                        refusal.reason.text(),
                        refusal.when
                    ));
                }
            }
        }
    }
    Ok((all, missing))
}

/// All refusals that `text` checks.
fn refusals(text: &str) -> Vec<Refusal> {
    text.match_indices(MACRO)
        .filter_map(|(at, _)| {
            let arguments = arguments(&text[at + MACRO.len()..]);
            let [call, reason, culprit] = arguments.as_slice() else { return None };
            let function = function(call).or_else(|| function(definition(&text[..at], call)?))?;
            Some((function, reason.trim().to_owned(), culprit_number(culprit.trim())?))
        })
        .collect()
}

/// What stands between a macro's parenthesis and its end, at its commas.
fn arguments(text: &str) -> Vec<&str> {
    let (mut depth, mut start, mut parts) = (0, 0, vec![]);
    for (at, character) in text.char_indices() {
        match character {
            '(' | '[' | '{' => depth += 1,
            ')' if depth == 0 => {
                parts.push(&text[start..at]);
                parts.retain(|part| !part.trim().is_empty());
                return parts;
            }
            ')' | ']' | '}' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts
}

/// What the local name at the beginning of `call` was defined as, in the `text` before it.
fn definition<'a>(text: &'a str, call: &str) -> Option<&'a str> {
    let is_part = |character: char| character.is_alphanumeric() || character == '_';
    let name: String = call.trim().chars().take_while(|character| is_part(*character)).collect();
    let at = [format!("let {name} ="), format!("fn {name}")]
        .iter()
        .filter_map(|pattern| text.rfind(pattern.as_str()))
        .max()?;
    let end = text[at..].find("\n}").map_or(text.len(), |end| at + end);
    let semicolon = text[at..end].find(';').map_or(end, |end| at + end);
    Some(&text[at..if text[at..].starts_with("fn") { end } else { semicolon }])
}

/// The operation that `call` makes last.
fn function(call: &str) -> Option<String> {
    let operations = || OBJECTS.iter().flat_map(|object| object.operations);
    call.match_indices('(')
        .filter_map(|(at, _)| {
            let name = call[..at].rsplit(|c: char| !c.is_alphanumeric() && c != '_').next()?;
            let name = FORMS.iter().find(|(form, _)| *form == name).map_or(name, |(_, of)| of);
            operations().any(|operation| operation.name == name).then(|| name.to_owned())
        })
        .next_back()
}

fn culprit_number(text: &str) -> Option<u8> {
    let name = text.trim_start_matches("nun::").trim_start_matches("Culprit::");
    let number = name.strip_prefix("argument(").map_or(name, |rest| rest.trim_end_matches(')'));
    match name {
        "DESCRIPTOR" => Some(Culprit::DESCRIPTOR.0),
        "INFO" => Some(Culprit::INFO.0),
        "OPERATION" => Some(Culprit::OPERATION.0),
        "IPC_BUFFER" => Some(Culprit::IPC_BUFFER.0),
        "OTHER" => Some(Culprit::OTHER.0),
        _ => number.parse().ok(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_is_told_by_its_call() {
        let text = "let full = test.generic().convert(a, b);\n\
                    check_refused!(full, Occupied, 5);\n\
                    check_refused!(port.try_send(&Message::new(1, [2])), WouldBlock, Culprit::DESCRIPTOR);\n\
                    check_refused!(what(), Busy, 1);";
        let expected = [("convert", "Occupied", 5), ("send", "WouldBlock", 0)];
        let expected = expected.map(|(f, r, c)| (f.to_owned(), r.to_owned(), c));
        assert_eq!(refusals(text), expected);
    }
}
