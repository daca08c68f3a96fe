//! How long the instructions are that guests are left at, where the processor does not say.
//!
//! The instruction is read through the guest's page tables and taken apart, once: then its place, in
//! which address space, and why the guest was left there lead to the length. Should the guest put
//! another instruction of another length there, for which it is left for the same reason, it goes on in
//! the middle of that: its own loss.

use a9n_abi::guest::{Exit, ExitReason, Situation, StateGroups};
use amateras_devices::GuestMemory;
use yaxpeax_arch::LengthedInstruction;
use yaxpeax_x86::{long_mode, protected_mode, real_mode};

use crate::processor::{CODE_BASE, Processor};
use crate::walk::{self, LONGEST};

/// Lengths that are kept.
const PLACES: usize = 256;

/// What is known about instructions.
#[derive(Clone, Debug)]
pub struct Lengths {
    known: [Known; PLACES],
}

#[derive(Clone, Copy, Debug, Default)]
struct Known {
    page_table: u64,
    instruction: u64,
    reason: u32,
    length: u8,
}

impl Lengths {
    /// Nothing is known yet.
    pub fn new() -> Self {
        Self { known: [Known::default(); PLACES] }
    }

    /// The length of the instruction of an exit. `None` if it cannot be read, or is of no interest.
    pub fn of(
        &mut self,
        reason: ExitReason,
        exit: &Exit,
        processor: &mut impl Processor,
        memory: &(impl GuestMemory + ?Sized),
    ) -> Option<u8> {
        if !matters(reason) {
            return None;
        }
        if let Some(length) = exit.situation.length() {
            return Some(length);
        }
        let Exit { instruction, page_table, situation, .. } = *exit;
        let reason = reason as u32;
        let place = (instruction ^ instruction >> 8) as usize % PLACES;
        let known = self.known.get_mut(place)?;
        let found = known.page_table == page_table
            && known.instruction == instruction
            && known.reason == reason;
        if !found {
            let length = read_length(situation, instruction, page_table, processor, memory)?;
            *known = Known { page_table, instruction, reason, length };
        }
        Some(known.length)
    }
}

/// Whether the guest was left at an instruction that the machine carries out in its place.
const fn matters(reason: ExitReason) -> bool {
    matches!(
        reason,
        ExitReason::Halt
            | ExitReason::Identify
            | ExitReason::Port
            | ExitReason::ReadRegister
            | ExitReason::WriteRegister
            | ExitReason::SetExtended
            | ExitReason::Instruction
    )
}

fn read_length(
    situation: Situation,
    instruction: u64,
    page_table: u64,
    processor: &mut impl Processor,
    memory: &(impl GuestMemory + ?Sized),
) -> Option<u8> {
    let is_long = situation.has(Situation::CODE_64);
    let address = if is_long {
        instruction
    } else {
        // Without 64-bit code, addresses have 32 bits.
        let base = processor.get(StateGroups::SEGMENTS, CODE_BASE);
        u64::from(base.wrapping_add(instruction) as u32)
    };
    let table = match (situation.has(Situation::PAGING), situation.has(Situation::LONG)) {
        (false, _) => None,
        (true, true) => Some(page_table),
        // Tables of 32-bit kernels are not walked.
        (true, false) => return None,
    };
    let mut bytes = [0; LONGEST];
    let count = walk::read(memory, table, address, &mut bytes);
    let bytes = bytes.get(..count)?;
    let length = if is_long {
        long_mode::InstDecoder::default().decode_slice(bytes).ok()?.len().to_const()
    } else if situation.has(Situation::CODE_32) {
        protected_mode::InstDecoder::default().decode_slice(bytes).ok()?.len().to_const().into()
    } else {
        real_mode::InstDecoder::default().decode_slice(bytes).ok()?.len().to_const().into()
    };
    u8::try_from(length).ok()
}
