//! What a monitor's verdict does to a guest.

use core::cell::Cell;

use a9n_abi::guest::{Event, GuestVerdict};
use a9n_hal::MESSAGE_REGISTERS;

use super::controls::INTERRUPT_WINDOW;
use super::field::{CODE, Field};
use super::instructions::{read, write};
use super::reach;
use super::registers::{BLOCKED, inject};
use crate::virt::Guest;

/// EFER: long mode is active.
const LONG: u64 = 1 << 10;
/// Attributes of a code segment of 64 bits, as the CPU has them.
const CODE_64: u64 = 1 << 13;

/// Does to `guest` what `verdict` says, but for the groups of state.
pub fn answer(guest: &Guest, verdict: GuestVerdict, words: &[u64; MESSAGE_REGISTERS]) {
    reach(guest);
    match verdict.bytes_done() {
        0 => {}
        bytes => advance(bytes),
    }
    let [rax, ..] = &guest.registers;
    guest.set_registers(rax, verdict, words);
    if verdict.has(GuestVerdict::INJECT) {
        let [_, _, _, _, event, _] = *words;
        inject(Event(event));
    }
    await_window(&guest.vmx.awaits_window, verdict.has(GuestVerdict::WINDOW));
}

/// The instruction of so many `bytes` is done.
pub fn advance(bytes: u64) {
    // SAFETY: the current VMCS is the guest's, which may be anywhere.
    unsafe {
        let next = read(Field::GUEST_RIP).wrapping_add(bytes);
        let long = read(Field::GUEST_EFER) & LONG != 0
            && read(Field::GUEST_ES_RIGHTS.of(CODE)) & CODE_64 != 0;
        write(Field::GUEST_RIP, if long { next } else { next & 0xffff_ffff });
        let blocking = read(Field::INTERRUPTIBILITY);
        if blocking & BLOCKED != 0 {
            write(Field::INTERRUPTIBILITY, blocking & !BLOCKED);
        }
    }
}

/// Makes the guest leave when it can take an interrupt, or not; `awaits` says which it is.
fn await_window(awaits: &Cell<bool>, wanted: bool) {
    if awaits.replace(wanted) != wanted {
        // SAFETY: the current VMCS is the guest's, and every CPU has the control.
        unsafe {
            let controls = read(Field::PROCESSOR_CONTROLS);
            write(Field::PROCESSOR_CONTROLS, controls ^ u64::from(INTERRUPT_WINDOW));
        }
    }
}
