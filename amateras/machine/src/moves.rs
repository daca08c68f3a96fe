//! `movs`, `stos` and `lods` of 64-bit code, of which at least one end is where no memory is.
//!
//! Both ends are found through the guest's page tables: an exit tells of one only.

use a9n_abi::guest::{Exit, StateGroups};
use amateras_devices::{Board, Bus, Place, Visit};

use crate::Answer;
use crate::operation::{Move, Register, Way};
use crate::processor::{FLAGS, Processor, RCX, RDI, RSI};
use crate::string::{DOWN, MOST};
use crate::walk::{Missing, Span};

/// Moves what an instruction of `length` bytes asks for, `bytes` bytes at once.
pub fn carry_out<B: Bus>(
    exit: &Exit,
    length: u8,
    bytes: u8,
    Move { way, repeats, narrow, segment }: Move,
    processor: &mut impl Processor,
    board: &Board<B>,
    mut visit: Visit<'_>,
) -> Answer {
    let mask = if narrow { 0xffff_ffff } else { u64::MAX };
    let accumulator = Register { number: 0, bytes, is_second: false };
    let base = segment.map_or(0, |index| processor.get(StateGroups::SEGMENTS, index));
    let mut general = |index| processor.get(StateGroups::GENERAL, index);
    let (mut from, mut to, mut count) = (general(RSI), general(RDI), general(RCX));
    let mut value = accumulator.get(processor);
    let down = processor.get(StateGroups::EXECUTION, FLAGS) & DOWN != 0;
    let step = if down { u64::from(bytes).wrapping_neg() } else { bytes.into() };
    if !repeats {
        count = 1;
    }
    let mut fault = None;
    let mut moved = 0;
    while count & mask != 0 && moved < MOST {
        let mut place = |address, write, visit: &mut Visit<'_>| {
            Span::locate(exit, address, bytes, write, visit.memory)
                .map_err(|missing| fault = Some((missing, write)))
                .ok()
        };
        let source = match way {
            Way::Fill => None,
            _ => match place(base.wrapping_add(from & mask), false, &mut visit) {
                None => break,
                source => source,
            },
        };
        let target = match way {
            Way::Fetch => None,
            _ => match place(to & mask, true, &mut visit) {
                None => break,
                target => target,
            },
        };
        if let Some(span) = source {
            value = span
                .read(visit.memory)
                .unwrap_or_else(|| board.read(Place::Memory(span.start()), bytes, visit.again()));
            from = from.wrapping_add(step) & mask;
        }
        if let Some(span) = target {
            if span.write(value, visit.memory).is_none() {
                board.write(Place::Memory(span.start()), bytes, value, visit.again());
            }
            to = to.wrapping_add(step) & mask;
        }
        count = count.wrapping_sub(1) & mask;
        moved += 1;
    }
    if moved > 0 {
        let mut set = |index, value| processor.set(StateGroups::GENERAL, index, value);
        set(RSI, from);
        set(RDI, to);
        if repeats {
            set(RCX, count);
        }
        if way == Way::Fetch {
            accumulator.set(value, processor);
        }
    }
    match fault {
        // What follows those that went well is tried again, and then it is the first.
        Some((missing, write)) if moved == 0 => Missing::tell(missing, exit, write, processor),
        _ if count & mask == 0 => Answer::after(length),
        _ => Answer::default(),
    }
}
