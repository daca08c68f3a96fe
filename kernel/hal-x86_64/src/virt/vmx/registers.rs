//! Where each word of a guest's state stands (see [`StateGroups`](a9n_hal::StateGroups)), and which bits no
//! guest has.
//!
//! Whatever is written, entering the guest harms nobody: bits that no guest may have are taken away
//! here, and what does not fit together the CPU refuses.

use core::cell::Cell;

use a9n_abi::guest::Event;

use super::controls::{DEBUG_REGISTERS, ENTRY_LONG_MODE, INTERRUPT_WINDOW};
use super::field::{CODE, Field, TASK};
use super::instructions::{field, set_field};
use super::{exit, reach};
use crate::virt::state::{self, CR0, CR4, CR8, EFER, EFER_ACTIVE, EVENT, HELD_OFF};
use crate::virt::{Guest, unusual};

/// CR0: numeric errors are exceptions, caches are on. Fixed; what the guest wrote is shown to it.
pub const CR0_KEPT: u64 = 1 << 5 | 1 << 29 | 1 << 30;
/// CR0: of those, what is set.
const CR0_FIXED: u64 = 1 << 5;

/// Bits of CR4 that guests may have: VME to PAE, PGE to UMIP, FSGSBASE, PCIDE, OSXSAVE, SMEP, SMAP.
pub const CR4_FREE: u64 = 0x37_0fbf;
/// CR4: machine checks are exceptions. Fixed; what the guest wrote is shown to it.
pub const CR4_KEPT: u64 = 1 << 6;
/// CR4: that, and VMX is on, which is hidden from the guest.
const CR4_FIXED: u64 = CR4_KEPT | 1 << 13;

/// EFER: system calls, long mode on, no-execute pages.
const EFER_FREE: u64 = 0x901;

/// Attributes of a segment, as the CPU has them and as the interface does (see
/// [`Segment`](a9n_abi::guest::Segment)): AVL to G stand four bits higher, and there is one for *none*.
const UNUSABLE: u64 = 1 << 16;
const PRESENT: u64 = 1 << 7;
const MEMORY: u64 = 1 << 4;
const ACCESSED: u64 = 1 << 0;
const BUSY: u64 = 1 << 1;
/// Rights of a code segment of 64 bits.
const CODE_64: u64 = 1 << 13;

/// Bits of an event, but for its code.
const EVENT_FREE: u64 = Event::VALID | Event::HAS_CODE | 0x7ff;

/// Blocking of interrupts: by `sti`, by `mov ss`, of non-maskable ones.
pub const BLOCKED: u64 = 1 << 0 | 1 << 1;
/// Blocking of non-maskable interrupts.
pub const NMI_BLOCKED: u64 = 1 << 3;

/// Not in a field, or not as it is: one that nobody writes.
const NOWHERE: Field = Field::EXIT_REASON;
/// The base of a segment.
const BASE: Field = Field::GUEST_ES_BASE;

/// The fields that have words of the state as they are, in order. A line for a group, for half of one, or for short ones.
#[rustfmt::skip]
const FIELDS: [Field; state::COUNT] = [
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, Field::GUEST_RSP,
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE,
    Field::GUEST_RIP, Field::GUEST_RFLAGS,
    NOWHERE, NOWHERE, Field::GUEST_CR3, NOWHERE, NOWHERE, Field::GUEST_EFER, NOWHERE,
    NOWHERE, BASE.of(0), NOWHERE, BASE.of(1), NOWHERE, BASE.of(2), NOWHERE, BASE.of(3),
    NOWHERE, BASE.of(4), NOWHERE, BASE.of(5), NOWHERE, BASE.of(6), NOWHERE, BASE.of(7),
    Field::GUEST_GDTR_BASE, Field::GUEST_GDTR_LIMIT, Field::GUEST_IDTR_BASE, Field::GUEST_IDTR_LIMIT,
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE,
    Field::GUEST_SYSENTER_CS, Field::GUEST_SYSENTER_ESP, Field::GUEST_SYSENTER_EIP, Field::GUEST_PAT,
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, Field::GUEST_DR7,
    NOWHERE, NOWHERE, Field::TSC_OFFSET, NOWHERE,
];

/// Word `number` of the state of `guest`.
pub fn read(guest: &Guest, number: usize) -> u64 {
    reach(guest);
    match number {
        CR0 => field(Field::GUEST_CR0) & !CR0_KEPT | field(Field::CR0_SHADOW) & CR0_KEPT,
        CR4 => field(Field::GUEST_CR4) & CR4_FREE | field(Field::CR4_SHADOW),
        25..=39 if number % 2 == 1 => {
            let segment = (number as u16 - 25) / 2;
            let rights = field(Field::GUEST_ES_RIGHTS.of(segment));
            let limit = field(Field::GUEST_ES_LIMIT.of(segment));
            field(Field::GUEST_ES.of(segment)) | attributes(rights) << 16 | limit << 32
        }
        CR8 => guest.priority.get() >> 4,
        EVENT => exit::with_code(field(Field::ENTRY_EVENT), || field(Field::ENTRY_ERROR_CODE)).0,
        HELD_OFF => {
            let blocking = field(Field::INTERRUPTIBILITY);
            u64::from(blocking & BLOCKED != 0) | (blocking & NMI_BLOCKED) >> 2
        }
        _ => field(FIELDS[number % state::COUNT]),
    }
}

/// Replaces it by `value`, as far as a guest may have that.
pub fn write(guest: &Guest, number: usize, value: u64) {
    reach(guest);
    match number {
        CR0 => {
            set_field(Field::GUEST_CR0, value & !CR0_KEPT | CR0_FIXED);
            set_field(Field::CR0_SHADOW, value);
            set_efer(field(Field::GUEST_EFER));
        }
        CR4 => {
            set_field(Field::GUEST_CR4, value & CR4_FREE | CR4_FIXED);
            set_field(Field::CR4_SHADOW, value & CR4_KEPT);
        }
        CR8 => guest.priority.set(value << 4),
        EFER => set_efer(value),
        25..=39 if number % 2 == 1 => {
            let segment = (number as u16 - 25) / 2;
            set_field(Field::GUEST_ES.of(segment), value & 0xffff);
            set_field(Field::GUEST_ES_RIGHTS.of(segment), rights(value >> 16 & 0xfff, segment));
            set_field(Field::GUEST_ES_LIMIT.of(segment), value >> 32);
        }
        EVENT => inject(guest, Event(value)),
        // The first as by `mov ss`.
        HELD_OFF => set_field(Field::INTERRUPTIBILITY, (value & 1) << 1 | (value & 2) << 2),
        _ => set_field(FIELDS[number % state::COUNT], value),
    }
}

/// Sets EFER, beside CR0 as it stands.
fn set_efer(value: u64) {
    let efer = state::efer(value & EFER_FREE, field(Field::GUEST_CR0));
    set_field(Field::GUEST_EFER, efer);
    change(Field::ENTRY_CONTROLS, ENTRY_LONG_MODE, efer & EFER_ACTIVE != 0);
}

/// Sets `bit` of the controls in `field`, or takes it away.
pub fn change(controls: Field, bit: u32, on: bool) {
    let others = field(controls) & !u64::from(bit);
    set_field(controls, others | if on { u64::from(bit) } else { 0 });
}

/// Gives `guest` its debug registers, which are loaded then, or lets it ask for them.
pub fn use_debug(guest: &Guest, on: bool) {
    guest.set_unusual(unusual::DEBUG, on);
    change(Field::PROCESSOR_CONTROLS, DEBUG_REGISTERS, !on);
}

/// Injects `event` at the next entry of the guest, whose VMCS is the current one, or nothing.
pub fn inject(_guest: &Guest, event: Event) {
    let valid = if event.is_valid() { event.0 & EVENT_FREE } else { 0 };
    set_field(Field::ENTRY_EVENT, valid);
    set_field(Field::ENTRY_ERROR_CODE, event.0 >> 32);
}

/// Where RAX stands.
pub fn rax(guest: &Guest) -> &Cell<u64> {
    let [rax, ..] = &guest.registers;
    rax
}

/// The instruction of so many `bytes` is done. The VMCS of the guest is the current one.
#[inline(always)]
pub fn advance(_guest: &Guest, bytes: u64) {
    let rip = field(Field::GUEST_RIP);
    let next = rip.wrapping_add(bytes);
    // Only code of 64 bits goes on beyond the 4 GiB in which it is.
    let goes_on = (rip ^ next) >> 32 == 0 || field(Field::GUEST_ES_RIGHTS.of(CODE)) & CODE_64 != 0;
    set_field(Field::GUEST_RIP, if goes_on { next } else { next & 0xffff_ffff });
    let blocking = field(Field::INTERRUPTIBILITY);
    if blocking & BLOCKED != 0 {
        set_field(Field::INTERRUPTIBILITY, blocking & !BLOCKED);
    }
}

/// Makes the guest, whose VMCS is the current one, leave when it can take an interrupt, or not.
pub fn await_window(_guest: &Guest, wanted: bool) {
    change(Field::PROCESSOR_CONTROLS, INTERRUPT_WINDOW, wanted);
}

/// Attributes of a segment with `rights`.
pub const fn attributes(rights: u64) -> u64 {
    if rights & UNUSABLE != 0 { 0 } else { rights & 0xff | rights >> 4 & 0xf00 }
}

/// Rights of a `segment` with `attributes`: as the CPU insists, those of a segment in use are marked as
/// accessed, and the task is busy.
fn rights(attributes: u64, segment: u16) -> u64 {
    if attributes & PRESENT == 0 {
        return UNUSABLE;
    }
    let in_use = match attributes & MEMORY {
        _ if segment == TASK => BUSY,
        0 => 0,
        _ => ACCESSED,
    };
    attributes & 0xff | (attributes & 0xf00) << 4 | in_use
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn attributes_come_back() {
        for (given, rights_of_it) in [(0xa9b, 0xa09b), (0xcf3, 0xc0f3), (0x093, 0x93)] {
            assert_eq!(rights(given, 1), rights_of_it);
            assert_eq!(attributes(rights_of_it), given);
        }
    }

    #[test]
    fn what_is_not_present_cannot_be_used() {
        assert_eq!(rights(0x013, 0), UNUSABLE);
        assert_eq!(attributes(UNUSABLE), 0);
    }

    #[test]
    fn segments_are_in_use() {
        assert_eq!(rights(0xc92, 3), 0xc093);
        assert_eq!(rights(0x089, TASK), 0x8b);
        assert_eq!(rights(0x082, 6), 0x82);
    }
}
