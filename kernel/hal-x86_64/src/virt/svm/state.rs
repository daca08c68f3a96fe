//! Where each word of a guest's state stands, and which bits no guest has.

use a9n_abi::guest::Event;

use super::exit::{held_off, hold_off, inject};
use super::vmcb::{self, word};
use super::{Guest, PORT_MAP, REGISTER_MAP};
use crate::virt::{state, unusual};

const EFER_SVM: u64 = 1 << 12;
/// Bits of EFER that a guest may have: SCE, LME, NXE, FFXSR.
const EFER_FREE: u64 = 1 << 0 | 1 << 8 | 1 << 11 | 1 << 14;

/// Not in the control block.
const NOWHERE: u16 = 0;
/// Limits of descriptor tables stand above the place of a selector.
const GDTR_LIMIT: u16 = vmcb::GDTR + 4;
const IDTR_LIMIT: u16 = vmcb::IDTR + 4;

/// Where the words of all groups stand in the control block, in order: offsets in bytes. A line for a group, for half of one, or for short ones.
#[rustfmt::skip]
const PLACES: [u16; state::COUNT] = [
    vmcb::RAX, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, vmcb::RSP,
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE, NOWHERE,
    vmcb::RIP, vmcb::RFLAGS,
    vmcb::CR0, vmcb::CR2, vmcb::CR3, vmcb::CR4, vmcb::VIRTUAL_INTERRUPT, vmcb::EFER, NOWHERE,
    vmcb::ES, vmcb::ES + 8, vmcb::CS, vmcb::CS + 8, vmcb::SS, vmcb::SS + 8, vmcb::DS, vmcb::DS + 8,
    vmcb::FS, vmcb::FS + 8, vmcb::GS, vmcb::GS + 8, vmcb::LDTR, vmcb::LDTR + 8, vmcb::TR, vmcb::TR + 8,
    vmcb::GDTR + 8, GDTR_LIMIT, vmcb::IDTR + 8, IDTR_LIMIT,
    vmcb::STAR, vmcb::LSTAR, vmcb::CSTAR, vmcb::SFMASK, vmcb::KERNEL_GS_BASE,
    vmcb::SYSENTER_CS, vmcb::SYSENTER_ESP, vmcb::SYSENTER_EIP, vmcb::PAT,
    NOWHERE, NOWHERE, NOWHERE, NOWHERE, vmcb::DR6, vmcb::DR7,
    vmcb::EVENT, vmcb::SHADOW, vmcb::TIME_OFFSET, NOWHERE,
];

/// Word `number` of the state.
pub(crate) fn read(guest: &Guest, number: usize) -> u64 {
    let place = PLACES[number % state::COUNT];
    let value = word(guest, place).get();
    match place {
        vmcb::EFER => value & !EFER_SVM,
        vmcb::VIRTUAL_INTERRUPT => value & vmcb::TASK_PRIORITY,
        vmcb::SHADOW => value & vmcb::IN_SHADOW | held_off(guest) << 1,
        GDTR_LIMIT | IDTR_LIMIT => value >> 32,
        _ => value,
    }
}

/// Makes word `number` of the state what `value` says, as far as it may be.
pub(crate) fn write(guest: &Guest, number: usize, value: u64) {
    let place = PLACES[number % state::COUNT];
    match place {
        vmcb::VIRTUAL_INTERRUPT => vmcb::change(guest, place, vmcb::TASK_PRIORITY, value),
        vmcb::SHADOW => {
            vmcb::change(guest, place, vmcb::IN_SHADOW, value);
            hold_off(guest, value & 2 != 0);
        }
        vmcb::EVENT => inject(guest, Event(value)),
        GDTR_LIMIT | IDTR_LIMIT => word(guest, place).set(value << 32),
        _ => word(guest, place).set(value),
    }
    match place {
        // The processor keeps the privilege level beside the stack segment, whose it is.
        vmcb::SS => vmcb::change(guest, vmcb::LEVEL, vmcb::PRIVILEGE, value << 3),
        // The processor takes our word for it.
        vmcb::CR0 | vmcb::EFER => {
            let (efer, cr0) = (word(guest, vmcb::EFER), word(guest, vmcb::CR0).get());
            efer.set(state::efer(efer.get() & EFER_FREE, cr0) | EFER_SVM);
        }
        _ => {}
    }
}

/// Gives the guest its debug registers, which are switched then, or lets it ask for them.
pub(crate) fn use_debug(guest: &Guest, on: bool) {
    guest.set_unusual(unusual::DEBUG, on);
    let leaves = if on { 0 } else { !0 };
    vmcb::change(guest, vmcb::INTERCEPT_REGISTERS, vmcb::INTERCEPT_DEBUG, leaves);
}

/// Makes the zeroed `guest` one whose state can be written; the permission maps are among the shared `pages`.
pub(crate) fn reset(guest: &Guest, pages: u64) {
    /// Debug and alignment exceptions, which a guest could raise in a ring, and machine checks.
    const EXCEPTIONS: u64 = 1 << 1 | 1 << 17 | 1 << 18;
    /// Interrupts, RDPMC, CPUID, RSM, INVD, HLT, INVLPGA, ports, registers, task switches, FERR, shutdown.
    const FIRST: u64 =
        0b1111 | 1 << 15 | 1 << 18 | 1 << 19 | 1 << 22 | 1 << 24 | 0b11111 << 26 | 1 << 31;
    /// All of SVM's own, WBINVD, MONITOR, MWAIT, XSETBV, RDPRU.
    const SECOND: u64 = 0b111_1111 | 0b11_1111 << 9;
    const NESTED_PAGING: u64 = 1;

    for (offset, value) in [
        (vmcb::INTERCEPT_FIRST, EXCEPTIONS | FIRST << 32),
        (vmcb::INTERCEPT_SECOND, SECOND),
        (vmcb::PORT_MAP, pages + PORT_MAP),
        (vmcb::REGISTER_MAP, pages + REGISTER_MAP),
        (vmcb::VIRTUAL_INTERRUPT, vmcb::OWN_FLAG),
        (vmcb::NESTED_CONTROL, NESTED_PAGING),
    ] {
        word(guest, offset).set(value);
    }
}
