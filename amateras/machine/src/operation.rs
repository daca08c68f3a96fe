//! Instructions that reach memory, taken apart: those of 64-bit code by which kernels speak to devices.

use a9n_abi::guest::StateGroups;
use yaxpeax_arch::LengthedInstruction;
use yaxpeax_x86::long_mode::{
    InstDecoder, Instruction, Opcode, Operand, RegSpec, Segment, register_class,
};

use crate::arithmetic::Arithmetic;
use crate::processor::Processor;

/// An instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Operation {
    /// Its length.
    pub length: u8,
    /// Bytes that it moves at once: 1, 2, 4 or 8.
    pub bytes: u8,
    /// What it does.
    pub work: Work,
}

/// What an instruction does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Memory goes into a register.
    Load { to: Register, is_signed: bool },
    /// A value goes into memory.
    Store { from: Source },
    /// Memory becomes what it makes with a value.
    Change { how: Arithmetic, with: Source },
    /// The same, but only flags change.
    Test { how: Arithmetic, with: Source },
    /// A register becomes what it makes with memory; or only flags change.
    Combine { how: Arithmetic, to: Register, is_kept: bool },
    /// Memory and a register swap what they hold.
    Exchange { with: Register },
    /// A string instruction.
    Move(Move),
}

/// A string instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Move {
    /// Where from and where to.
    pub way: Way,
    /// As often as RCX says.
    pub repeats: bool,
    /// Addresses have 32 bits.
    pub narrow: bool,
    /// Where the base of the source's segment stands among the words of the segments, if it has one.
    pub segment: Option<usize>,
}

/// Where a string instruction moves from and to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// `movs`.
    Copy,
    /// `stos`.
    Fill,
    /// `lods`.
    Fetch,
}

/// Where a value comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// A register.
    Register(Register),
    /// The instruction.
    Immediate(u64),
}

/// A general register, or a part of one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Register {
    /// Its number as instructions have it.
    pub number: u8,
    /// How wide the part is.
    pub bytes: u8,
    /// It is the second byte.
    pub is_second: bool,
}

impl Operation {
    /// The one that `bytes` begin with. `None` for one that is not known.
    pub fn decode(bytes: &[u8]) -> Option<Self> {
        let instruction = InstDecoder::default().decode_slice(bytes).ok()?;
        let length = u8::try_from(instruction.len().to_const()).ok()?;
        let work = work(&instruction)?;
        let bytes = instruction.mem_size()?.bytes_size()?;
        matches!(bytes, 1 | 2 | 4 | 8).then_some(Self { length, bytes, work })
    }
}

fn work(instruction: &Instruction) -> Option<Work> {
    use Arithmetic::*;
    let how = match instruction.opcode() {
        Opcode::MOVS => return Some(string(instruction, Way::Copy)),
        Opcode::STOS => return Some(string(instruction, Way::Fill)),
        Opcode::LODS => return Some(string(instruction, Way::Fetch)),
        Opcode::MOV => {
            return Some(match operands(instruction)? {
                (Place::Memory, Place::Value(from)) => Work::Store { from },
                (Place::Value(Source::Register(to)), Place::Memory) => {
                    Work::Load { to, is_signed: false }
                }
                _ => return None,
            });
        }
        opcode @ (Opcode::MOVZX | Opcode::MOVSX | Opcode::MOVSXD) => {
            let (Place::Value(Source::Register(to)), Place::Memory) = operands(instruction)? else {
                return None;
            };
            return Some(Work::Load { to, is_signed: opcode != Opcode::MOVZX });
        }
        Opcode::XCHG => {
            return match operands(instruction)? {
                (Place::Memory, Place::Value(Source::Register(with)))
                | (Place::Value(Source::Register(with)), Place::Memory) => {
                    Some(Work::Exchange { with })
                }
                _ => None,
            };
        }
        opcode @ (Opcode::INC | Opcode::DEC | Opcode::NOT | Opcode::NEG) => {
            let how = match opcode {
                Opcode::INC => Increment,
                Opcode::DEC => Decrement,
                Opcode::NOT => Not,
                _ => Negate,
            };
            let is_memory = instruction.operand(0).is_memory();
            return is_memory.then_some(Work::Change { how, with: Source::Immediate(1) });
        }
        Opcode::ADD => Add,
        Opcode::OR => Or,
        Opcode::ADC => AddCarry,
        Opcode::SBB => SubtractBorrow,
        Opcode::AND | Opcode::TEST => And,
        Opcode::SUB | Opcode::CMP => Subtract,
        Opcode::XOR => Xor,
        _ => return None,
    };
    let is_kept = !matches!(instruction.opcode(), Opcode::TEST | Opcode::CMP);
    Some(match operands(instruction)? {
        (Place::Memory, Place::Value(with)) if is_kept => Work::Change { how, with },
        (Place::Memory, Place::Value(with)) => Work::Test { how, with },
        (Place::Value(Source::Register(to)), Place::Memory) => Work::Combine { how, to, is_kept },
        _ => return None,
    })
}

fn string(instruction: &Instruction, way: Way) -> Work {
    let prefixes = &instruction.prefixes;
    // Where the base of the segment stands; in 64-bit code only these two have one.
    let segment = match prefixes.segment() {
        Segment::FS => Some(9),
        Segment::GS => Some(11),
        _ => None,
    };
    let (repeats, narrow) = (prefixes.rep_any(), prefixes.address_size());
    Work::Move(Move { way, repeats, narrow, segment })
}

/// An operand.
enum Place {
    Memory,
    Value(Source),
}

/// The two operands.
fn operands(instruction: &Instruction) -> Option<(Place, Place)> {
    Some((place(&instruction.operand(0))?, place(&instruction.operand(1))?))
}

fn place(operand: &Operand) -> Option<Place> {
    let value = match *operand {
        Operand::Register { reg } => {
            return register(reg).map(|it| Place::Value(Source::Register(it)));
        }
        Operand::ImmediateI8 { imm } => i64::from(imm) as u64,
        Operand::ImmediateU8 { imm } => imm.into(),
        Operand::ImmediateI16 { imm } => i64::from(imm) as u64,
        Operand::ImmediateU16 { imm } => imm.into(),
        Operand::ImmediateI32 { imm } => i64::from(imm) as u64,
        Operand::ImmediateU32 { imm } => imm.into(),
        Operand::ImmediateI64 { imm } => imm as u64,
        Operand::ImmediateU64 { imm } => imm,
        ref operand => return operand.is_memory().then_some(Place::Memory),
    };
    Some(Place::Value(Source::Immediate(value)))
}

fn register(register: RegSpec) -> Option<Register> {
    let (number, class) = (register.num(), register.class());
    let bytes = match class {
        register_class::Q => 8,
        register_class::D => 4,
        register_class::W => 2,
        register_class::B | register_class::RB => 1,
        _ => return None,
    };
    // Without a prefix, the last four byte registers are second bytes of the first four.
    let is_second = class == register_class::B && number >= 4;
    Some(Register { number: if is_second { number - 4 } else { number }, bytes, is_second })
}

impl Register {
    /// Where it stands among the general registers, which begin otherwise than those of instructions.
    const fn index(self) -> usize {
        match self.number {
            1 => 2,
            2 => 3,
            3 => 1,
            4 => 7,
            5 => 6,
            6 => 4,
            7 => 5,
            number => number as usize,
        }
    }

    /// What it holds.
    pub fn get(self, processor: &mut impl Processor) -> u64 {
        let whole = processor.get(StateGroups::GENERAL, self.index());
        let shift = if self.is_second { 8 } else { 0 };
        whole >> shift & self.mask()
    }

    /// Changes it: four bytes clear what is above, one or two leave it.
    pub fn set(self, value: u64, processor: &mut impl Processor) {
        let shift = if self.is_second { 8 } else { 0 };
        let kept = match self.bytes {
            4 | 8 => 0,
            _ => processor.get(StateGroups::GENERAL, self.index()) & !(self.mask() << shift),
        };
        processor.set(StateGroups::GENERAL, self.index(), kept | (value & self.mask()) << shift);
    }

    const fn mask(self) -> u64 {
        u64::MAX >> (64 - 8 * self.bytes as u32)
    }
}

impl Source {
    /// The value.
    pub fn get(self, processor: &mut impl Processor) -> u64 {
        match self {
            Self::Register(register) => register.get(processor),
            Self::Immediate(value) => value,
        }
    }
}
