//! Random kernel calls, made after the interface table: half of the arguments are of the right
//! kind, so that many calls get far, and the other half is anything.

use nun::Descriptor;
use nun::abi::{
    Form, MAPPING_RUNS, MESSAGE_WORDS, MappingRun, MessageInfo, OBJECTS, OPERATION_MASK,
    REPLY_SLOT_SHIFT, kernel, notification, operation_word,
};
use nun::syscall::{Answer, kernel_call};
use nun::{Access, Message, buffer};

use crate::shared::{PLAYGROUND, PRIORITY, slot};
use a9n_random::Random;

/// Where an attacker has what at the start: object numbers by slot, from [`slot::GENERIC`] on.
const GRANTED: &[u8] = &[2, 3, 10, 10, 12, 4, 4, 6, 8, 9];

/// Values that are wrong or special somewhere.
const SPECIAL: &[u64] = &[
    0,
    1,
    u64::MAX,
    1 << 47,
    (1 << 47) - 4096,
    1 << 63,
    1 << 56,
    0xffff_8000_0000_0000,
    0xffff_ffff_8020_0000,
    0x20_0000,
    PLAYGROUND,
    0xff << 56,
];

/// Makes one kernel call. With `patient`, it may be one that waits.
pub fn make(random: &mut Random, patient: bool) -> Answer {
    if random.once_in(16) {
        scribble(random);
    }
    let (mut operation, mut words) = shaped(random);
    if random.once_in(24) {
        operation = random.next();
    }
    if let index @ 0..6 = random.below(12) {
        words[index as usize] = word(random).0;
    }
    let object = (operation >> 8) as u8;
    let mut descriptor = match random.below(16) {
        0 => word(random),
        1..=3 => Descriptor::slot(1 + random.below(slot::END - 1)),
        _ => of_type(random, object),
    };
    let mut info = match random.below(16) {
        0 => MessageInfo(random.next()),
        1..=3 => MessageInfo::new(random.next() as u32, random.below(130) as usize),
        4..=6 => MessageInfo::new(0, 2).with_capabilities(random.below(9) as usize),
        _ => MessageInfo::new(random.next() as u32, random.below(7) as usize),
    };
    if !patient {
        info = info.non_blocking();
        if operation & OPERATION_MASK == notification::word::Wait {
            operation ^= notification::word::Wait ^ notification::word::Poll;
        }
    }
    // These two would end the run, or forge its outcome; nothing else is left out.
    if matches!(operation & OPERATION_MASK, kernel::word::DebugExit | kernel::word::DebugWrite) {
        operation = kernel::word::Yield;
        descriptor = Descriptor::NULL;
    }
    kernel_call(operation, descriptor, info, words)
}

/// An operation of the table with arguments of the kinds that it wants.
fn shaped(random: &mut Random) -> (u64, [u64; 6]) {
    let mut words = [0; 6];
    // The first sixteen are objects that an attacker can have.
    let object = &OBJECTS[random.below(16) as usize];
    let Some(count @ 1..) = u64::try_from(object.operations.len()).ok() else {
        return (operation_word(object.number, random.next() as u8), words);
    };
    let operation = &object.operations[random.below(count) as usize];
    let mut code = operation_word(object.number, operation.number);
    match operation.form {
        Form::Request { arguments, .. } => {
            for (to, argument) in words.iter_mut().zip(arguments) {
                *to = argument_of(random, argument.name, argument.kind);
            }
        }
        Form::Message => {
            words.iter_mut().for_each(|to| *to = word(random).0);
            if random.once_in(3) {
                code |= random.below(slot::END) << REPLY_SLOT_SHIFT;
            }
        }
    }
    (code, words)
}

/// An argument of the right kind.
fn argument_of(random: &mut Random, name: &str, kind: &str) -> u64 {
    match (kind, name) {
        ("Descriptor", "node") => of_type(random, 3).0,
        ("Descriptor", "space") => {
            let guest = random.once_in(3);
            of_type(random, if guest { 19 } else { 6 }).0
        }
        ("Descriptor", "cpu") => of_type(random, 18).0,
        ("Descriptor", "notification") => of_type(random, 12).0,
        ("Descriptor", "resolver") => of_type(random, 10).0,
        ("Descriptor", _) => slot_in_play(random).0,
        ("ObjectType", _) if random.once_in(6) => 18 + random.below(3),
        ("ObjectType", _) => 2 + random.below(11),
        ("StateGroups", _) => random.below(1 << 9),
        ("Rights", _) => random.below(64),
        ("Access", _) => random.below(6),
        ("MemoryType", _) => random.below(4),
        (_, "index") => 1 + random.below(slot::END),
        (_, "address" | "instruction" | "stack") => address(random),
        (_, "size_bits" | "bits") => [0, 4, 12, 12, 12, 13, 21, 30][random.below(8) as usize],
        // Never below the own one: who resolves a fault does so at the urgency of who faulted, and
        // init would wait behind everybody for someone who gave himself none.
        (_, "priority") => PRIORITY + random.below(2),
        (_, "cpu") => random.below(4),
        (_, "foreign") => u64::from(random.once_in(50)),
        _ => random.below(8),
    }
}

/// A slot that probably holds something of this type.
fn of_type(random: &mut Random, object: u8) -> Descriptor {
    let fits = |index: &u64| GRANTED[*index as usize] == object;
    match (0..GRANTED.len() as u64).filter(fits).nth(random.below(2) as usize) {
        Some(index) if !random.once_in(4) => Descriptor::slot(slot::GENERIC + index),
        _ => slot_in_play(random),
    }
}

/// Any slot, of the root node or of the inner one.
fn slot_in_play(random: &mut Random) -> Descriptor {
    if random.once_in(6) {
        let bits = slot::INNER_RADIX;
        let inner = random.below(1 << bits);
        return Descriptor::path((slot::INNER << bits) | inner, nun::aci::NODE_RADIX as u8 + bits);
    }
    Descriptor::slot(random.below(slot::END))
}

/// An address, often one where mapping works.
fn address(random: &mut Random) -> u64 {
    match random.below(8) {
        0 => word(random).0,
        1 => PLAYGROUND & !((1 << 30) - 1),
        _ => PLAYGROUND + random.below(16) * 4096,
    }
}

/// Any word, as a descriptor.
fn word(random: &mut Random) -> Descriptor {
    Descriptor(match random.below(8) {
        0 => random.next(),
        1 | 2 => SPECIAL[random.below(SPECIAL.len() as u64) as usize],
        3 => SPECIAL[random.below(SPECIAL.len() as u64) as usize].wrapping_add(random.next() % 9),
        4 => 1 << random.below(64),
        _ => slot_in_play(random).0,
    })
}

/// Fills parts of the IPC buffer: words, capabilities to send, where to receive some, and runs.
fn scribble(random: &mut Random) {
    match random.below(4) {
        0 => buffer().write(random.below(MESSAGE_WORDS as u64) as usize, random.next()),
        1 => {
            let offered = [(); 8]
                .map(|()| if random.once_in(9) { word(random) } else { slot_in_play(random) });
            // Only the buffer matters.
            let _ = Message::EMPTY.with_capabilities(&offered);
        }
        2 => buffer().accept(of_type(random, 3), random.below(slot::END), random.below(12)),
        _ => {
            let (at, pages) = (address(random), random.below(5));
            let access = Access::from_bits_truncate(random.next());
            let run = MappingRun::new(at, of_type(random, 9), random.below(3), pages, access);
            let runs = if random.once_in(9) { MAPPING_RUNS as u64 } else { 4 };
            buffer().set_run(random.below(runs) as usize, run);
        }
    }
}
