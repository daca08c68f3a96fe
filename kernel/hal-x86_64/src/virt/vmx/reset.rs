//! What a VMCS begins with.

use a9n_hal::PhysicalAddress;

use super::controls::{self, Controls};
use super::field::Field;
use super::instructions::{set_field, vmclear};
use super::registers::{CR0_KEPT, CR4_FREE};
use super::{LISTED, ept, reach};
use crate::speculation;
use crate::virt::{Guest, PAGE, unusual};

/// First and last number of fields that begin with 0: what a VMCS begins with is not defined. They are the
/// state of guest and host, the event at entry, the threshold of CR8, the offset of time, CR3's targets, what CR4 shows. Fields among them
/// that a CPU has not it leaves alone.
#[rustfmt::skip]
const ZEROED: [(u16, u16); 11] = [
    (0x0800, 0x080e), (0x0c00, 0x0c0c), (0x2010, 0x2010), (0x2802, 0x2806), (0x400a, 0x400a),
    (0x4016, 0x401c), (0x4800, 0x482a), (0x4c00, 0x4c00), (0x6006, 0x6006), (0x6800, 0x6826),
    (0x6c00, 0x6c16),
];

/// Makes `guest`, whose VMCS is zeroed, one whose state can be written; the map of registers lies at
/// `pages`. It has no memory yet, so it cannot be entered.
pub fn reset(guest: &Guest, pages: u64) {
    // SAFETY: there is VMX, or nobody would ask.
    let Some(controls) = (unsafe { Controls::of_cpu() }) else { return };
    let [revision, ..] = &guest.control;
    revision.set(controls.revision.into());
    // SAFETY: the page is the guest's own, and no CPU holds anything of it.
    unsafe { vmclear(PhysicalAddress(guest.physical.get())) };
    reach(guest);
    guest.set_unusual(unusual::CACHE, speculation::must_empty_cache());
    for ([register, _], number) in guest.vmx.listed.iter().zip(LISTED) {
        register.set(number.into());
    }
    let second = guest.physical.get() + PAGE;
    let listed = second + guest.vmx.listed.as_ptr().addr() as u64 % PAGE;
    let count = LISTED.len() as u64;
    #[rustfmt::skip]
    let chosen = [
        (Field::EXCEPTIONS, controls::EXCEPTIONS), (Field::MSR_BITMAP, pages), (Field::PRIORITY_PAGE, second),
        (Field::EXIT_MSR_STORE, listed), (Field::EXIT_MSR_STORE_COUNT, count),
        (Field::ENTRY_MSR_LOAD, listed), (Field::ENTRY_MSR_LOAD_COUNT, count), (Field::EXIT_MSR_LOAD_COUNT, count),
        (Field::LINK, !0), (Field::CR0_MASK, CR0_KEPT), (Field::CR4_MASK, !CR4_FREE),
    ];
    for (first, last) in ZEROED {
        (first / 2..=last / 2).for_each(|half| set_field(Field(half * 2), 0));
    }
    controls.words.iter().chain(&chosen).for_each(|(field, value)| set_field(*field, *value));
}

/// `guest` uses the guest-physical memory of `root`.
pub fn set_memory(guest: &Guest, root: PhysicalAddress) {
    reach(guest);
    set_field(Field::EPT_POINTER, ept::pointer(root));
}
