//! Accesses to memory where no memory is, but perhaps a device: the instruction that the processor
//! could not finish is done here.
//!
//! It is read through the guest's page tables and taken apart, once; then its place and its bytes lead
//! to what it does. The bytes are compared each time, where they were found: code may change.

use a9n_abi::guest::{Exit, ExitReason, Situation, StateGroups};
use amateras_devices::{Board, Bus, GuestMemory, Place, Visit};

use crate::arithmetic::Arithmetic;
use crate::operation::{Operation, Register, Source, Work};
use crate::processor::{FLAGS, Processor};
use crate::walk::{self, Access, LONGEST};
use crate::{Answer, Stop, moves};

/// Instructions that are kept.
const PLACES: usize = 64;
/// Detail of an exit: an instruction was to be fetched.
const FETCHED: u64 = 1 << 2;

/// Does instructions.
#[derive(Clone, Debug)]
pub struct Emulator {
    known: [Option<Known>; PLACES],
}

/// An instruction that was taken apart.
#[derive(Clone, Copy, Debug)]
struct Known {
    page_table: u64,
    instruction: u64,
    /// Where in the guest's memory it is, and what it consists of.
    physical: u64,
    code: [u8; LONGEST],
    operation: Operation,
}

impl Emulator {
    /// Nothing is known yet.
    pub const fn new() -> Self {
        Self { known: [None; PLACES] }
    }

    /// Does the instruction of an exit for *memory*.
    pub fn carry_out<B: Bus>(
        &mut self,
        exit: &Exit,
        processor: &mut impl Processor,
        board: &Board<B>,
        mut visit: Visit<'_>,
    ) -> Result<Answer, Stop> {
        if exit.detail & (FETCHED | ExitReason::TABLES_WALKED) != 0 {
            return Err(Stop::NoMemory(exit.value));
        }
        let operation = self.operation(exit, visit.memory);
        let Operation { length, bytes, work } =
            operation.ok_or(Stop::NoInstruction(exit.instruction))?;
        let place = Place::Memory(exit.value);
        let answer = Answer::after(length);
        let mut read = || board.read(place, bytes, visit.again());
        match work {
            Work::Move(moved) => {
                return Ok(moves::carry_out(exit, length, bytes, moved, processor, board, visit));
            }
            Work::Load { to, is_signed } => {
                let value = read();
                let value = if is_signed { signed(value, bytes) } else { value };
                return Ok(deliver(to, value, processor, answer));
            }
            Work::Store { from } => {
                board.write(place, bytes, from.get(processor), visit);
            }
            Work::Change { how, with } => {
                let result = compute(how, read(), with, bytes, processor);
                board.write(place, bytes, result, visit);
            }
            Work::Test { how, with } => {
                compute(how, read(), with, bytes, processor);
            }
            Work::Combine { how, to, is_kept } => {
                let (first, second) = (to.get(processor), Source::Immediate(read()));
                let result = compute(how, first, second, bytes, processor);
                if is_kept {
                    return Ok(deliver(to, result, processor, answer));
                }
            }
            Work::Exchange { with } => {
                let (old, new) = (read(), with.get(processor));
                board.write(place, bytes, new, visit);
                return Ok(deliver(with, old, processor, answer));
            }
        }
        Ok(answer)
    }

    fn operation(&mut self, exit: &Exit, memory: &dyn GuestMemory) -> Option<Operation> {
        let Exit { instruction, page_table, situation, .. } = *exit;
        let known = self.known.get_mut((instruction ^ instruction >> 8) as usize % PLACES)?;
        if let Some(known) = known
            && (known.page_table, known.instruction) == (page_table, instruction)
            && situation.has(Situation::CODE_64)
        {
            let length = usize::from(known.operation.length);
            let mut code = [0; LONGEST];
            let there = memory.read(known.physical, code.get_mut(..length)?);
            if there.is_ok() && code.get(..length) == known.code.get(..length) {
                return Some(known.operation);
            }
        }
        if !situation.has(Situation::CODE_64 | Situation::PAGING) {
            return None;
        }
        let access = Access { user: situation.privilege() == 3, write: false };
        let physical = walk::translate(memory, page_table, instruction, access).ok()?;
        let mut code = [0; LONGEST];
        let count = walk::read(memory, Some(page_table), instruction, &mut code);
        let operation = Operation::decode(code.get(..count)?)?;
        // One that goes on to the next page is read anew each time.
        let is_whole = (instruction & 0xfff) + u64::from(operation.length) <= 0x1000;
        *known = is_whole.then_some(Known { page_table, instruction, physical, code, operation });
        Some(operation)
    }
}

/// Puts `value` into a register, with the answer if that is possible.
fn deliver(to: Register, value: u64, processor: &mut impl Processor, answer: Answer) -> Answer {
    match to {
        Register { number: 0, bytes: 8, .. } => answer.with_result(value),
        Register { number: 0, bytes: 4, .. } => answer.with_result(value & 0xffff_ffff),
        _ => {
            to.set(value, processor);
            answer
        }
    }
}

/// What comes of two values; the flags change as well.
fn compute(
    how: Arithmetic,
    first: u64,
    second: Source,
    bytes: u8,
    processor: &mut impl Processor,
) -> u64 {
    let second = second.get(processor);
    let flags = processor.get(StateGroups::EXECUTION, FLAGS);
    let (result, after) = how.apply(first, second, bytes, flags);
    if after != flags {
        processor.set(StateGroups::EXECUTION, FLAGS, after);
    }
    result
}

/// A value of `bytes` bytes with its sign.
const fn signed(value: u64, bytes: u8) -> u64 {
    let unused = 64 - 8 * bytes as u32;
    ((value << unused) as i64 >> unused) as u64
}
