//! The state of a guest's processor: on request, and as it is when it enters a Linux kernel.

use amateras_boot::{CODE_SELECTOR, DATA_SELECTOR, GDT_ADDRESS, GDT_BYTES, Plan};
use amateras_machine::Processor;
use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{Segment, StateGroups};
use nun::{Pcb, buffer};

/// The processor of the process with this PCB, which does not run.
pub struct Cpu(pub Pcb);

impl Processor for Cpu {
    fn get(&mut self, group: StateGroups, index: usize) -> u64 {
        self.0.read_guest(group).map_or(0, |_| buffer().read(MESSAGE_REGISTERS + index))
    }

    fn set(&mut self, group: StateGroups, index: usize, value: u64) {
        if self.0.read_guest(group).is_ok() {
            buffer().write(MESSAGE_REGISTERS + index, value);
            // It could be read, so it can be written.
            let _ = self.0.write_guest(group);
        }
    }
}

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

    let buffer = buffer();
    let mut index = MESSAGE_REGISTERS;
    let mut put = |words: &[u64]| {
        for word in words {
            buffer.write(index, *word);
            index += 1;
        }
    };
    put(&general);
    put(&[plan.entry(), FLAGS]);
    put(&[CR0, 0, plan.page_tables(), CR4, 0, EFER, XCR0]);
    put(segments.as_flattened());
    put(&[GDT_ADDRESS, GDT_BYTES - 1, 0, 0]);
    // No event, and nothing holds interrupts off.
    put(&[0, 0]);
    StateGroups::GENERAL
        | StateGroups::EXECUTION
        | StateGroups::CONTROL
        | StateGroups::SEGMENTS
        | StateGroups::TABLES
        | StateGroups::EVENTS
}
