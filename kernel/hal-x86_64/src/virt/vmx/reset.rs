//! What a VMCS begins with.

use a9n_hal::{PhysicalAddress, StateGroups};

use super::capability::Capabilities;
use super::controls::{self, Controls};
use super::field::Field;
use super::instructions::{vmclear, write};
use super::{LISTED, ept, reach, registers};
use crate::virt::{Guest, WORDS};

/// Words of state after a reset, by their numbers, as far as they are not 0 (Intel SDM, volume 3,
/// section 10.1.1): RDX, RIP, RFLAGS, CR0, XCR0, segments, tables, page attributes, debug registers.
const RESET: [(usize, u64); 19] = [
    (3, 0x600),
    (16, 0xfff0),
    (17, 2),
    (18, 0x6000_0010),
    (24, 1),
    (25, DATA),
    (27, 0xffff_009b_f000),
    (28, 0xffff_0000),
    (29, DATA),
    (31, DATA),
    (33, DATA),
    (35, DATA),
    (37, 0xffff_0082_0000),
    (39, 0xffff_008b_0000),
    (42, 0xffff),
    (44, 0xffff),
    (53, 0x0007_0406_0007_0406),
    (58, 0xffff_0ff0),
    (59, 0x400),
];
/// Words of state.
const STATE_WORDS: usize = StateGroups::all().words();
/// A data segment of 64 KiB.
const DATA: u64 = 0xffff_0093_0000;

/// Makes `guest`, whose VMCS is zeroed, a processor after its reset; the map of registers lies at
/// `pages`. It has no memory yet, so it cannot be entered.
pub fn reset(guest: &Guest, pages: u64) {
    // SAFETY: there is VMX, or nobody would ask.
    let Some(capabilities) = (unsafe { Capabilities::read() }) else { return };
    let Some(controls) = Controls::choose(&capabilities) else { return };
    let [revision, ..] = &guest.control;
    revision.set(capabilities.revision.into());
    // SAFETY: the page is the guest's own, and no CPU holds anything of it.
    unsafe { vmclear(PhysicalAddress(guest.physical.get())) };
    reach(guest);
    for ([register, _], number) in guest.vmx.listed.iter().zip(LISTED) {
        register.set(number.into());
    }
    let page = (WORDS * size_of::<u64>()) as u64;
    let listed = guest.physical.get() + page + guest.vmx.listed.as_ptr().addr() as u64 % page;
    let count = LISTED.len() as u64;
    for (field, value) in [
        (Field::VPID, 1),
        (Field::PIN_CONTROLS, controls.pin.into()),
        (Field::PROCESSOR_CONTROLS, controls.processor.into()),
        (Field::SECONDARY_CONTROLS, controls.secondary.into()),
        (Field::EXIT_CONTROLS, controls.exit.into()),
        (Field::ENTRY_CONTROLS, controls.entry.into()),
        (Field::EXCEPTIONS, controls::EXCEPTIONS),
        (Field::MSR_BITMAP, pages),
        (Field::EXIT_MSR_STORE, listed),
        (Field::EXIT_MSR_STORE_COUNT, count),
        (Field::ENTRY_MSR_LOAD, listed),
        (Field::ENTRY_MSR_LOAD_COUNT, count),
        (Field::EXIT_MSR_LOAD_COUNT, count),
        (Field::CR0_MASK, registers::CR0_KEPT),
        (Field::CR4_MASK, !registers::CR4_FREE),
        (Field::LINK, !0),
        (Field::CR3_TARGETS, 0),
        (Field::GUEST_DEBUGCTL, 0),
        (Field::PENDING_DEBUG, 0),
        (Field::ACTIVITY, 0),
    ] {
        // SAFETY: the current VMCS is the guest's; the controls are those that the CPU allows.
        unsafe { write(field, value) };
    }
    for (number, value) in (0..STATE_WORDS).map(|number| (number, 0)).chain(RESET) {
        registers::write(guest, number, value);
    }
}

/// `guest` uses the guest-physical memory of `root`.
pub fn set_memory(guest: &Guest, root: PhysicalAddress) {
    reach(guest);
    // SAFETY: the current VMCS is the guest's, and the root one of nested tables.
    unsafe { write(Field::EPT_POINTER, ept::pointer(root)) };
}
