//! What a process looked like when it faulted: registers, and how it came to where it was.
//!
//! Names come from the symbol table in the program's own ELF file, which whoever starts programs has
//! at hand: nothing else has to be packed or kept in step, and it works on any machine.
//!
//! Programs keep no frame pointers, so the stack is searched for return addresses: words that point
//! behind a call instruction. A direct call tells where it went, so one that did not go to where the
//! frame above is may be left over from an earlier call; it gets a question mark.

use core::fmt;

use a9n_loader_core::elf::{Program, Purpose};

use crate::arch::{
    CALL_BYTES, Call, INSTRUCTION_REGISTER, MACHINE, REGISTER_NAMES, STACK_REGISTER, call_before,
};
use crate::{Fault, Process, Resources};

/// Frames that are shown at most.
const FRAMES: usize = 24;
/// Words of the stack that are searched.
const STACK_WORDS: usize = 512;
const WORD: usize = size_of::<u64>();

/// A place in the program that was on the way to the fault.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Place {
    address: u64,
    is_certain: bool,
}

/// Everything about one fault. Displayed, it is several lines of text.
#[derive(Debug)]
pub struct CrashReport<'a> {
    name: &'a str,
    fault: Fault,
    registers: [u64; REGISTER_NAMES.len()],
    places: [Place; FRAMES],
    count: usize,
    program: Option<Program<'a>>,
}

impl<'a> CrashReport<'a> {
    /// Looks at `process`, called `name`, whose program is `file` and which waits for its resolver
    /// after `fault`. What cannot be read is left out.
    pub fn new(
        resources: &mut Resources,
        process: &mut Process,
        name: &'a str,
        fault: Fault,
        file: &'a [u8],
    ) -> Self {
        let mut registers = [0; REGISTER_NAMES.len()];
        for (number, register) in registers.iter_mut().enumerate() {
            *register = process.pcb().read_register(number as u64).unwrap_or(0);
        }
        let program = Program::verify(file, MACHINE, Purpose::User).ok();
        let mut stack = [0; STACK_WORDS * WORD];
        let length =
            process.read_memory(resources, registers[STACK_REGISTER], &mut stack).unwrap_or(0);
        let stack = stack.get(..length).unwrap_or_default();
        let start = registers[INSTRUCTION_REGISTER];
        let (places, count) = match &program {
            Some(program) => trace(program, start, stack),
            None => ([Place::default(); FRAMES], 0),
        };
        Self { name, fault, registers, places, count, program }
    }
}

impl fmt::Display for CrashReport<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { name, fault, .. } = self;
        match fault.reason {
            Some(reason) => write!(f, "{name} faulted: {reason:?}")?,
            None => write!(f, "{name} faulted for an unknown reason")?,
        }
        writeln!(f, " at {:#x}, code {:#x}", fault.address, fault.code)?;
        for (number, (register, value)) in REGISTER_NAMES.iter().zip(self.registers).enumerate() {
            let end = if number % 4 == 3 { '\n' } else { ' ' };
            write!(f, "{register:>8} {value:016x}{end}")?;
        }
        for place in self.places.iter().take(self.count) {
            let mark = if place.is_certain { ' ' } else { '?' };
            write!(f, "  {mark} {:#010x}", place.address)?;
            match self.program.as_ref().and_then(|program| program.symbol(place.address)) {
                Some((symbol, offset)) => {
                    writeln!(f, " {:#}+{offset:#x}", rustc_demangle::demangle(symbol))?;
                }
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

/// The places that led to `start`, it first, from the innermost words of the `stack`.
fn trace(program: &Program<'_>, start: u64, stack: &[u8]) -> ([Place; FRAMES], usize) {
    let mut places = [Place::default(); FRAMES];
    let mut count = 0;
    let mut push = |address, is_certain| {
        if let Some(place) = places.get_mut(count) {
            *place = Place { address, is_certain };
            count += 1;
        }
    };
    push(start, true);
    let function = |address| program.symbol(address).map(|(_, offset)| address - offset);
    let mut inner = function(start);
    let (words, _) = stack.as_chunks::<WORD>();
    for word in words {
        let address = u64::from_le_bytes(*word);
        let Some(call) = call_at(program, address) else { continue };
        let is_certain = match call {
            Call::Direct(target) => Some(target) == inner,
            Call::Indirect => inner.is_some(),
        };
        push(address, is_certain);
        if is_certain {
            inner = function(address);
        }
    }
    (places, count)
}

/// The call instruction of the program that returns to `address`, if it is one.
fn call_at(program: &Program<'_>, address: u64) -> Option<Call> {
    program.symbol(address)?;
    let segment = program
        .segments()
        .find(|it| address.wrapping_sub(it.virtual_address) <= it.contents.len() as u64)?;
    let end = (address - segment.virtual_address) as usize;
    let code = segment.contents.get(end.checked_sub(CALL_BYTES)?..end)?;
    call_before(code.try_into().ok()?, address)
}
