//! The interface reference, `manual/src/reference.md`: made from the ABI crate's table and from
//! the comments in its sources, so that it cannot say anything else than the interface does.
//!
//! What the table does not know, when an operation waits and which refusals are its own, stands
//! in `notes`.

mod comments;
mod layout;
pub mod notes;

use std::fmt::Write;
use std::fs;

use a9n_abi::{Culprit, Form, OBJECTS, ObjectSpec, OperationSpec, Reason, WordSpec};
use anyhow::{Context, Result};

use crate::repository::Repository;
use notes::Refusal;

/// Where the reference stands.
pub const FILE: &str = "manual/src/reference.md";

const HEAD: &str = "\
# Interface reference

<!-- Written by `cargo xtask doc` from the crate `abi`. Change that, not this file. -->

This chapter is generated: operations from the table in `abi/src/interface.rs`, layouts from the
sources beside it. `cargo xtask doc` writes it anew; `cargo xtask check` fails when it is stale.

";

const CALLS: &str = "\
## How to call

A kernel call has an operation word, a descriptor, a message info and six words, each in a register
(*How the kernel is built* says in which). For everything but messages between processes, the words
are the arguments, in the order given below. The kernel answers with a message info of source
`Kernel`. Its label is 0, and the first result stands where a message has its identifier, the others
in the words from 0 on; or the label is an error, and nothing has changed.

An operation word is 256 × the object's number + the operation's number; both stand in the headings
below as `object.operation`. For `receive` and `reply_receive` the bits from 16 on name a slot for
the next Reply.

What is checked, in this order: the operation word, the form of the arguments, the descriptor, the
rights, then whatever else the operation demands. So every operation on a capability can be refused
in these ways, which are not repeated below:

| reason | because of | when |
|---|---|---|
| illegal operation | the operation word | it names no operation, or a reply slot where none belongs |
| invalid argument | argument *n* | it is no value of its type |
| invalid descriptor | the capability | the descriptor leads to an empty slot or to an object of another type |
| invalid depth | the capability | the descriptor's depth does not fit the nodes on its way |
| permission denied | the capability | it lacks the right that the operation needs, or a node on the way lacks `READ` |

An argument of type `Descriptor` is refused with *invalid descriptor*, *invalid depth* or *permission
denied* in the same way, where null has no meaning of its own.

";

/// The whole chapter.
pub fn render() -> String {
    let mut text = String::from(HEAD);
    text.push_str(CALLS);
    text.push_str("## Objects\n\n| number | object | operations |\n|---|---|---|\n");
    for object in OBJECTS {
        let names: Vec<&str> = object.operations.iter().map(|operation| operation.name).collect();
        let names = if names.is_empty() { "none of its own".into() } else { names.join(", ") };
        line(&mut text, format_args!("| {} | {} | {names} |", object.number, object.name));
    }
    text.push('\n');
    OBJECTS.iter().for_each(|object| render_object(&mut text, object));
    layout::render(&mut text);
    text
}

/// Writes the chapter. Answers whether it was stale.
pub fn update(repository: &Repository) -> Result<bool> {
    let path = repository.path(FILE);
    let text = render();
    let stale = fs::read_to_string(&path).ok().as_deref() != Some(text.as_str());
    if stale {
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(stale)
}

/// Adds a line of text.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = writeln!(text, "{content}");
}

fn render_object(text: &mut String, object: &ObjectSpec) {
    line(text, format_args!("## {} {}\n", object.number, title(object.name)));
    line(text, format_args!("{}\n", comments::prose(object.documentation)));
    for operation in object.operations {
        render_operation(text, object, operation);
    }
}

/// An object's name as a heading.
fn title(name: &str) -> String {
    match name {
        "Kernel" => "Without a capability".into(),
        name => name.chars().enumerate().fold(String::new(), |mut title, (place, letter)| {
            if place > 0 && letter.is_uppercase() {
                title.push(' ');
            }
            title.push(letter);
            title
        }),
    }
}

fn render_operation(text: &mut String, object: &ObjectSpec, operation: &OperationSpec) {
    let OperationSpec { name, number, rights, form, .. } = operation;
    line(text, format_args!("### {}.{number} {name}\n", object.number));
    match form {
        Form::Request { arguments, results } => {
            let answer = match results {
                [] => String::new(),
                results => format!(" -> ({})", words(results)),
            };
            line(text, format_args!("`{name}({}){answer}`\n", words(arguments)));
        }
        Form::Message => line(text, format_args!("`{name}(message)`\n")),
    }
    line(text, format_args!("{}\n", comments::prose(operation.documentation)));
    let note = notes::of(object.name, name);
    let needs = match rights.iter_names().map(|(name, _)| name).collect::<Vec<_>>().as_slice() {
        [] => "no right".to_owned(),
        names => format!("`{}`", names.join(" ")),
    };
    line(text, format_args!("Needs {needs}. {}\n", note.waiting.text()));
    let refusals = note.expand();
    if refusals.is_empty() {
        return;
    }
    text.push_str("| refused with | because of | when |\n|---|---|---|\n");
    for Refusal { reason, culprit, when } in refusals {
        line(text, format_args!("| {} | {} | {when} |", reason.text(), name_of(culprit, form)));
    }
    text.push('\n');
}

fn words(specs: &[WordSpec]) -> String {
    let words: Vec<String> =
        specs.iter().map(|WordSpec { name, kind }| format!("{name}: {kind}")).collect();
    words.join(", ")
}

/// A culprit, an argument with its name.
fn name_of(culprit: Culprit, form: &Form) -> String {
    let place = usize::from(culprit.0).wrapping_sub(1);
    match form {
        Form::Request { arguments, .. } if place < arguments.len() => {
            format!("{culprit}, `{}`", arguments[place].name)
        }
        _ => culprit.to_string(),
    }
}

/// Every reason there is, for the table of errors.
fn reasons() -> impl Iterator<Item = Reason> {
    Reason::ALL.iter().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_object_and_operation_has_a_heading() {
        let text = render();
        for object in OBJECTS {
            assert!(text.contains(&format!("\n## {} ", object.number)), "{}", object.name);
            for operation in object.operations {
                let heading =
                    format!("\n### {}.{} {}\n", object.number, operation.number, operation.name);
                assert_eq!(text.matches(&heading).count(), 1, "{heading}");
            }
        }
    }

    #[test]
    fn no_link_of_the_sources_is_left() {
        let text = render();
        assert!(!text.contains("](crate") && !text.contains("](super"));
        assert!(!text.contains("[`"), "a link without a target");
    }

    #[test]
    fn names_become_titles() {
        assert_eq!(title("AddressSpace"), "Address Space");
        assert_eq!(title("Pcb"), "Pcb");
    }
}
