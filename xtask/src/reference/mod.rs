//! The interface reference, `manual/src/reference.md`: made from the ABI crate's table and from
//! the comments in its sources, so that it cannot say anything else than the interface does.
//!
//! What the table does not know, when an operation waits and which refusals are its own, stands
//! in `notes`. What it costs is the last paragraph of its comment.

mod comments;
mod layout;
pub mod notes;
mod system_calls;

use std::fmt::Write;
use std::fs;

use a9n_abi::{Culprit, Form, OBJECTS, ObjectSpec, OperationSpec, Reason, WordSpec};
use anyhow::{Context, Result, ensure};

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

What an operation **costs** is either a figure of `cargo xtask bench`, by whose name *Benchmarks* has it:
instructions of user level included. Or it is *constant*: one pass of the general path, without a loop
over anything that users make longer. That is several hundred instructions, most of them to come in, to look the
capability up and to go out again; `timer.arm` is such an operation. Or it is done *in steps*: the
kernel repeats the call until it is done, and between two steps, each of at most 3,000 instructions,
interrupts come in (`cargo xtask test --suite stretch`).

";

/// The whole chapter. Fails for an operation that does not say what it costs.
pub fn render() -> Result<String> {
    let mut text = String::from(HEAD);
    text.push_str(CALLS);
    text.push_str("## Objects\n\n| number | object | operations |\n|---|---|---|\n");
    for object in OBJECTS {
        let names: Vec<&str> = object.operations.iter().map(|operation| operation.name).collect();
        let names = if names.is_empty() { "none of its own".into() } else { names.join(", ") };
        line(&mut text, format_args!("| {} | {} | {names} |", object.number, object.name));
    }
    text.push('\n');
    for object in OBJECTS {
        render_object(&mut text, object)?;
    }
    layout::render(&mut text);
    Ok(text)
}

/// All chapters that are generated: where each stands, and what it should say.
pub fn chapters() -> Result<[(&'static str, String); 2]> {
    Ok([(FILE, render()?), (system_calls::FILE, system_calls::render())])
}

/// Writes the chapters. Answers which were stale.
pub fn update(repository: &Repository) -> Result<Vec<&'static str>> {
    let mut stale = vec![];
    for (file, text) in chapters()? {
        let path = repository.path(file);
        if fs::read_to_string(&path).ok().as_deref() != Some(text.as_str()) {
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            stale.push(file);
        }
    }
    Ok(stale)
}

/// Adds a line of text.
fn line(text: &mut String, content: std::fmt::Arguments<'_>) {
    // Writing to a string never fails.
    let _ = writeln!(text, "{content}");
}

fn render_object(text: &mut String, object: &ObjectSpec) -> Result<()> {
    line(text, format_args!("## {} {}\n", object.number, title(object.name)));
    line(text, format_args!("{}\n", comments::prose(object.documentation)));
    for operation in object.operations {
        render_operation(text, object, operation)?;
    }
    Ok(())
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

fn render_operation(
    text: &mut String,
    object: &ObjectSpec,
    operation: &OperationSpec,
) -> Result<()> {
    let OperationSpec { name, number, documentation, rights, form } = operation;
    let (description, cost) = comments::description_and_cost(documentation);
    ensure!(!cost.is_empty(), "{}.{name} of abi/src/interface.rs states no cost", object.name);
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
    line(text, format_args!("{description}\n"));
    let note = notes::of(object.name, name);
    let needs = match rights.iter_names().map(|(name, _)| name).collect::<Vec<_>>().as_slice() {
        [] => "no right".to_owned(),
        names => format!("`{}`", names.join(" ")),
    };
    line(text, format_args!("Needs {needs}. {} {cost}\n", note.waiting.text()));
    let refusals = note.expand();
    if !refusals.is_empty() {
        text.push_str("| refused with | because of | when |\n|---|---|---|\n");
        for Refusal { reason, culprit, when } in refusals {
            line(text, format_args!("| {} | {} | {when} |", reason.text(), name_of(culprit, form)));
        }
        text.push('\n');
    }
    Ok(())
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
        let text = render().unwrap();
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
        let text = render().unwrap();
        assert!(!text.contains("](crate") && !text.contains("](super"));
        assert!(!text.contains("[`"), "a link without a target");
    }

    #[test]
    fn costs_name_figures_that_are_recorded() {
        let recorded = include_str!("../../../bench/results.json");
        let operations = || OBJECTS.iter().flat_map(|object| object.operations);
        for operation in operations() {
            let (_, cost) = comments::description_and_cost(operation.documentation);
            for word in cost.split('`').skip(1).step_by(2) {
                assert!(
                    operations().any(|other| other.name == word)
                        || recorded.contains(&format!("\"{word}\":")),
                    "{}: {word} is neither a figure nor an operation",
                    operation.name
                );
            }
        }
    }

    #[test]
    fn an_operation_without_a_cost_is_refused() {
        let silent = OperationSpec { documentation: &[" Does it."], ..OBJECTS[0].operations[0] };
        let refused = render_operation(&mut String::new(), &OBJECTS[0], &silent).unwrap_err();
        assert!(refused.to_string().contains("states no cost"), "{refused}");
    }

    #[test]
    fn names_become_titles() {
        assert_eq!(title("AddressSpace"), "Address Space");
        assert_eq!(title("Pcb"), "Pcb");
    }
}
