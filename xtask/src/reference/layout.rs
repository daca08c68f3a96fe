//! The reference's second half: words, structures and numbers that are no operations.

use std::mem::offset_of;

use a9n_abi::init::{InitGeneric, InitInfo, InitModule, SlotRange};
use a9n_abi::{
    Culprit, DESCRIPTOR_LEVELS, Descriptor, IpcBuffer, MAPPING_RUNS, MESSAGE_CAPABILITIES,
    MESSAGE_REGISTERS, MESSAGE_WORDS, MappingRun, MessageInfo, OPERATION_MASK, REPLY_SLOT_SHIFT,
    Source,
};

use super::comments::{Item, items};
use super::{line, reasons};

const RIGHTS: &str = include_str!("../../../abi/src/rights.rs");
const MEMORY: &str = include_str!("../../../abi/src/memory.rs");
const MESSAGE: &str = include_str!("../../../abi/src/message.rs");
const BUFFER: &str = include_str!("../../../abi/src/buffer.rs");
const ERROR: &str = include_str!("../../../abi/src/error.rs");
const GUEST: &str = include_str!("../../../abi/src/guest.rs");
const GUEST_STATE: &str = include_str!("../../../abi/src/guest/state.rs");
const INIT: &str = include_str!("../../../abi/src/init.rs");

/// Appends all of it.
pub fn render(text: &mut String) {
    render_words(text);
    render_message(text);
    render_errors(text);
    render_init(text);
}

fn render_words(text: &mut String) {
    text.push_str("## Words\n\n### Descriptor\n\n| bits | meaning |\n|---|---|\n");
    let depth = Descriptor::path(0, u8::MAX).0;
    let index = Descriptor::slot(u64::MAX).0;
    line(text, format_args!("| {} | index, or path through nodes |", bits(index)));
    line(
        text,
        format_args!(
            "| {} | depth: bits of the path; 0 for a slot of the root node |",
            bits(depth)
        ),
    );
    line(
        text,
        format_args!(
            "\nA path leads through at most {DESCRIPTOR_LEVELS} nodes. *Capabilities* has an example.\n"
        ),
    );
    text.push_str("### Operation word\n\n| bits | meaning |\n|---|---|\n");
    line(text, format_args!("| {} | operation |", bits(OPERATION_MASK & 0xff)));
    line(text, format_args!("| {} | object |", bits(OPERATION_MASK & !0xff)));
    line(
        text,
        format_args!(
            "| {} | slot of the root node for the next Reply (`receive`, `reply_receive`); 0 for none |",
            bits(u64::MAX << REPLY_SLOT_SHIFT)
        ),
    );
    text.push('\n');
    numbers(text, "Rights", "bit", &items(RIGHTS, "pub struct Rights"));
    numbers(text, "Access", "bit", &items(MEMORY, "pub struct Access"));
    numbers(text, "MemoryType", "number", &items(MEMORY, "pub enum MemoryType"));
    numbers(text, "Fault reasons", "number", &items(MEMORY, "pub enum FaultReason"));
    numbers(text, "Verdicts", "number", &items(MEMORY, "pub enum Verdict"));
    numbers(text, "Exit reasons of guests", "number", &items(GUEST, "exit_reasons! {"));
    let instructions = items(GUEST, "pub enum GuestInstruction");
    numbers(text, "Instructions that no guest executes", "number", &instructions);
    numbers(text, "StateGroups", "bit", &items(GUEST_STATE, "pub struct StateGroups"));
}

fn render_message(text: &mut String) {
    text.push_str("## Messages\n\n### Message info\n\n| bits | meaning |\n|---|---|\n");
    let empty = MessageInfo::new(0, 0);
    let sources = [Source::Message, Source::Kernel, Source::Fault, Source::Foreign]
        .into_iter()
        .chain([Source::VirtualCpu, Source::Notification, Source::Stopped]);
    let source = sources.fold(0, |mask, source| mask | empty.from_source(source).0);
    let parts = [
        (MessageInfo::LENGTH_MASK, format!("length in words, at most {MESSAGE_WORDS}")),
        (
            empty.with_capabilities(usize::MAX).0,
            format!("number of capabilities, at most {MESSAGE_CAPABILITIES}"),
        ),
        (empty.non_blocking().0, "do not wait (to the kernel only)".into()),
        (source, "source (from the kernel only)".into()),
        (MessageInfo::new(u32::MAX, 0).0, "label, free for the user".into()),
    ];
    for (mask, meaning) in parts {
        line(text, format_args!("| {} | {meaning} |", bits(mask)));
    }
    line(
        text,
        format_args!(
            "\nAll other bits are zero. The first {MESSAGE_REGISTERS} words always travel in \
             registers.\n"
        ),
    );
    numbers(text, "Sources", "number", &items(MESSAGE, "pub enum Source"));
    fields::<IpcBuffer>(
        text,
        "IPC buffer",
        &items(BUFFER, "pub struct IpcBuffer"),
        &[
            ("words", offset_of!(IpcBuffer, words)),
            ("capabilities", offset_of!(IpcBuffer, capabilities)),
            ("receive_node", offset_of!(IpcBuffer, receive_node)),
            ("receive_index", offset_of!(IpcBuffer, receive_index)),
            ("receive_slots", offset_of!(IpcBuffer, receive_slots)),
            ("reserved", offset_of!(IpcBuffer, reserved)),
            ("runs", offset_of!(IpcBuffer, runs)),
        ],
    );
    line(text, format_args!("There is room for {MAPPING_RUNS} runs.\n"));
    fields::<MappingRun>(
        text,
        "Mapping run",
        &items(BUFFER, "pub struct MappingRun"),
        &[
            ("address", offset_of!(MappingRun, address)),
            ("window", offset_of!(MappingRun, window)),
            ("extent", offset_of!(MappingRun, extent)),
        ],
    );
}

fn render_errors(text: &mut String) {
    text.push_str(
        "## Errors\n\nAn error travels as the label of the kernel's answer: the reason in bits 0–15, \
         the culprit in bits 16–23.\n\n### Reasons\n\n| number | in words | when |\n|---|---|---|\n",
    );
    let documented = items(ERROR, "reasons! {");
    for reason in reasons() {
        let number = (reason as u16).to_string();
        let when = documented.iter().find(|item| item.value == number);
        let when = when.map_or("", |item| item.text.as_str());
        line(text, format_args!("| {number} | {} | {when} |", reason.text()));
    }
    text.push_str("\n### Culprits\n\n| number | because of |\n|---|---|\n");
    for culprit in [
        Culprit::DESCRIPTOR,
        Culprit::INFO,
        Culprit::OPERATION,
        Culprit::IPC_BUFFER,
        Culprit::OTHER,
    ] {
        line(text, format_args!("| {} | {culprit} |", culprit.0));
    }
    line(text, format_args!("| 1–{MESSAGE_REGISTERS} | the argument of that number |\n"));
}

fn render_init(text: &mut String) {
    text.push_str("## What init receives\n\n");
    numbers(text, "Slots of init's root node", "slot", &items(INIT, "pub mod slot"));
    fields::<InitInfo>(
        text,
        "Init information",
        &items(INIT, "pub struct InitInfo"),
        &[
            ("abi_hash", offset_of!(InitInfo, abi_hash)),
            ("version", offset_of!(InitInfo, version)),
            ("cpus", offset_of!(InitInfo, cpus)),
            ("kernel_version", offset_of!(InitInfo, kernel_version)),
            ("architecture", offset_of!(InitInfo, architecture)),
            ("ticks_per_second", offset_of!(InitInfo, ticks_per_second)),
            ("entry_ticks", offset_of!(InitInfo, entry_ticks)),
            ("buffer_address", offset_of!(InitInfo, buffer_address)),
            ("acpi_root", offset_of!(InitInfo, acpi_root)),
            ("framebuffer", offset_of!(InitInfo, framebuffer)),
            ("page_tables", offset_of!(InitInfo, page_tables)),
            ("image_frames", offset_of!(InitInfo, image_frames)),
            ("free_slots", offset_of!(InitInfo, free_slots)),
            ("command_line_bytes", offset_of!(InitInfo, command_line_bytes)),
            ("generic_count", offset_of!(InitInfo, generic_count)),
            ("module_count", offset_of!(InitInfo, module_count)),
            ("reserved", offset_of!(InitInfo, reserved)),
            ("command_line", offset_of!(InitInfo, command_line)),
            ("generics", offset_of!(InitInfo, generics)),
            ("modules", offset_of!(InitInfo, modules)),
        ],
    );
    fields::<SlotRange>(
        text,
        "Slot range",
        &items(INIT, "pub struct SlotRange"),
        &[("first", offset_of!(SlotRange, first)), ("count", offset_of!(SlotRange, count))],
    );
    fields::<InitGeneric>(
        text,
        "Init Generic",
        &items(INIT, "pub struct InitGeneric"),
        &[
            ("address", offset_of!(InitGeneric, address)),
            ("slot", offset_of!(InitGeneric, slot)),
            ("size_bits", offset_of!(InitGeneric, size_bits)),
            ("device", offset_of!(InitGeneric, device)),
            ("reserved", offset_of!(InitGeneric, reserved)),
        ],
    );
    fields::<InitModule>(
        text,
        "Init module",
        &items(INIT, "pub struct InitModule"),
        &[
            ("name", offset_of!(InitModule, name)),
            ("frames", offset_of!(InitModule, frames)),
            ("bytes", offset_of!(InitModule, bytes)),
        ],
    );
    text.push_str("### Addresses and capacities\n\n| name | value | meaning |\n|---|---|---|\n");
    for Item { name, value, text: meaning } in items(&as_block(INIT), "constants {") {
        line(text, format_args!("| `{name}` | {value} | {meaning} |"));
    }
}

/// The source's constants that stand in no block, in a block.
fn as_block(source: &str) -> String {
    let mut block = String::from("constants {\n");
    let mut comment = vec![];
    for line in source.lines() {
        if line.starts_with("///") {
            comment.push(line);
        } else {
            if line.starts_with("pub const ") {
                comment.iter().chain([&line]).for_each(|line| block.extend(["    ", line, "\n"]));
            }
            comment.clear();
        }
    }
    block + "}\n"
}

/// A table of numbered things.
fn numbers(text: &mut String, title: &str, what: &str, items: &[Item]) {
    line(text, format_args!("### {title}\n\n| {what} | name | meaning |\n|---|---|---|"));
    for Item { name, value, text: meaning } in items {
        line(text, format_args!("| {value} | `{name}` | {meaning} |"));
    }
    text.push('\n');
}

/// A table of the fields of `T`.
fn fields<T>(text: &mut String, title: &str, items: &[Item], offsets: &[(&str, usize)]) {
    let bytes = size_of::<T>();
    line(text, format_args!("### {title}\n\n{bytes} bytes.\n"));
    text.push_str("| at byte | field | type | meaning |\n|---|---|---|---|\n");
    for Item { name, value, text: meaning } in items {
        let offset = offsets.iter().find(|(field, _)| field == name);
        let offset = offset.map_or("?".into(), |(_, offset)| offset.to_string());
        line(text, format_args!("| {offset} | `{name}` | `{value}` | {meaning} |"));
    }
    text.push('\n');
}

/// The bits of a mask that has no gaps, from the first to the last.
fn bits(mask: u64) -> String {
    let (first, last) = (mask.trailing_zeros(), 63 - mask.leading_zeros());
    if first == last { first.to_string() } else { format!("{first}–{last}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_table_is_filled_and_every_field_placed() {
        let mut text = String::new();
        render(&mut text);
        assert!(!text.contains("| ? |"), "a field has no offset");
        for table in text.split("\n### ").skip(1) {
            assert!(table.matches("\n| ").count() >= 2, "an empty table: {table}");
        }
    }

    #[test]
    fn every_reason_says_when() {
        assert_eq!(items(ERROR, "reasons! {").len(), reasons().count());
    }

    #[test]
    fn bits_are_counted_from_0() {
        assert_eq!(bits(1), "0");
        assert_eq!(bits(0xff00), "8–15");
        assert_eq!(bits(u64::MAX << 16), "16–63");
    }
}
