//! The state of a guest's processor as it is when it enters a Linux kernel, and when another processor
//! starts it.

use amateras_boot::{CODE_SELECTOR, DATA_SELECTOR, GDT_ADDRESS, GDT_BYTES, Plan};
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Segment, StateGroups};
use nun::buffer;

/// RSI among the general registers.
const RSI: usize = 4;
/// The flag that is always set.
const FLAGS: u64 = 0x2;
/// CR0: protected mode, FPU, and paging.
const CR0: u64 = 0x8000_0031;
/// CR4: long entries in page tables.
const CR4: u64 = 0x20;
/// EFER: long mode, wanted and active.
const EFER: u64 = 0x500;
/// XCR0: the FPU.
const XCR0: u64 = 1;
/// Attributes: present 64-bit code; present data; the busy task state that a processor must have;
/// nothing.
const CODE: u16 = 0x0a9b;
const DATA: u16 = 0x0c93;
const TASK: u16 = 0x008b;
const LOCAL_TABLE: u16 = 0x0082;

/// Puts the state in which `plan` wants its kernel to be entered where `write_guest` looks for it.
/// Answers its groups.
pub fn prepare(plan: &Plan<'_>) -> StateGroups {
    let mut general = [0; 16];
    general[RSI] = plan.zero_page();
    let code = Segment { selector: CODE_SELECTOR, attributes: CODE, limit: u32::MAX, base: 0 };
    let data = Segment { selector: DATA_SELECTOR, attributes: DATA, ..code };
    let local_table = Segment { selector: 0, attributes: LOCAL_TABLE, limit: 0xffff, base: 0 };
    let task = Segment { attributes: TASK, ..local_table };
    let segments = [data, code, data, data, data, data, local_table, task].map(Segment::words);

    put(&[
        &general,
        &[plan.entry(), FLAGS],
        &[CR0, 0, plan.page_tables(), CR4, 0, EFER, XCR0],
        segments.as_flattened(),
        &[GDT_ADDRESS, GDT_BYTES - 1, 0, 0],
        NO_EVENT,
    ]);
    GROUPS
}

/// CR0 after a reset: nothing but what cannot be otherwise.
const RESET_CR0: u64 = 0x10;
/// Attributes after a reset: present code, present data.
const RESET_CODE: u16 = 0x009b;
const RESET_DATA: u16 = 0x0093;

/// The same for a processor that is started at page `page`, in real mode.
pub fn prepare_start(page: u8) -> StateGroups {
    let (selector, base) = (u16::from(page) << 8, u64::from(page) << 12);
    let data = Segment { selector: 0, attributes: RESET_DATA, limit: 0xffff, base: 0 };
    let code = Segment { selector, attributes: RESET_CODE, base, ..data };
    let local_table = Segment { attributes: LOCAL_TABLE, ..data };
    let task = Segment { attributes: TASK, ..data };
    let segments = [data, code, data, data, data, data, local_table, task].map(Segment::words);
    put(&[
        &[0; 16],
        &[0, FLAGS],
        &[RESET_CR0, 0, 0, 0, 0, 0, XCR0],
        segments.as_flattened(),
        &[0, 0xffff, 0, 0xffff],
        NO_EVENT,
    ]);
    GROUPS
}

/// No event, and nothing holds interrupts off.
const NO_EVENT: &[u64] = &[0, 0];

/// What is written, in the order of the groups.
const GROUPS: StateGroups = StateGroups::GENERAL
    .union(StateGroups::EXECUTION)
    .union(StateGroups::CONTROL)
    .union(StateGroups::SEGMENTS)
    .union(StateGroups::TABLES)
    .union(StateGroups::EVENTS);

fn put(groups: &[&[u64]]) {
    let words = groups.iter().copied().flatten();
    for (index, word) in (MESSAGE_REGISTERS..).zip(words) {
        buffer().write(index, *word);
    }
}
