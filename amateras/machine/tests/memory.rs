//! Instructions that reach for registers of devices, with what comes of them written down by hand from the manuals.

use a9n_abi::guest::{Event, Exit, ExitReason, Situation, StateGroups};
use amateras_devices::{Bus, GuestMemory, Place, Time, Timeline, Visit, World};
use amateras_machine::{Answer, Identity, Machine, Next, Notes, Processor, Stop};
use proptest::prelude::*;

/// A device that is memory, here.
const DEVICE: u64 = 0xfe00_0000;
/// Where the guest's program has it, and its code, and a page of memory.
const DEVICE_AT: u64 = 0xffff_8000_0020_0000;
const CODE_AT: u64 = 0xffff_8000_0000_5000;
const DATA_AT: u64 = 0xffff_8000_0000_6000;
/// All of them lie where their lowest bits say; the tables of that.
const TABLES: u64 = 0x1000;
const MEMORY: usize = 0x8000;

const RAX: usize = 0;
const RBX: usize = 1;
const RCX: usize = 2;
const RSI: usize = 4;
const RDI: usize = 5;

/// The device, and each access to it: where, how wide, and what was written.
struct Device {
    bytes: [u8; 64],
    accesses: Vec<(u64, u8, Option<u64>)>,
}

impl Default for Device {
    fn default() -> Self {
        Self { bytes: [0; 64], accesses: vec![] }
    }
}

impl Bus for Device {
    fn read(&mut self, place: Place, bytes: u8, _: &mut World<'_>) -> Option<u64> {
        let Place::Memory(address @ DEVICE..) = place else { return None };
        let mut value = [0; 8];
        let from = self.bytes.get((address - DEVICE) as usize..)?;
        value[..bytes.into()].copy_from_slice(from.get(..bytes.into())?);
        self.accesses.push((address - DEVICE, bytes, None));
        Some(u64::from_le_bytes(value))
    }

    fn write(&mut self, place: Place, bytes: u8, value: u64, _: &mut World<'_>) -> Option<()> {
        let Place::Memory(address @ DEVICE..) = place else { return None };
        let to = self.bytes.get_mut((address - DEVICE) as usize..)?;
        to.get_mut(..bytes.into())?.copy_from_slice(&value.to_le_bytes()[..bytes.into()]);
        self.accesses.push((address - DEVICE, bytes, Some(value)));
        Some(())
    }

    fn reset(&mut self) {
        *self = Self::default();
    }
}

/// The processor's registers, as far as these instructions know any.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Registers {
    general: [u64; 16],
    flags: u64,
    segments: [u64; 16],
    fault_address: u64,
}

impl Registers {
    fn word(&mut self, group: StateGroups, index: usize) -> &mut u64 {
        match (group, index) {
            (StateGroups::GENERAL, _) => &mut self.general[index],
            (StateGroups::EXECUTION, 1) => &mut self.flags,
            (StateGroups::SEGMENTS, _) => &mut self.segments[index],
            (StateGroups::CONTROL, 1) => &mut self.fault_address,
            other => panic!("{other:?}"),
        }
    }
}

impl Processor for Registers {
    fn get(&mut self, group: StateGroups, index: usize) -> u64 {
        *self.word(group, index)
    }

    fn set(&mut self, group: StateGroups, index: usize, value: u64) {
        *self.word(group, index) = value;
    }
}

/// A guest before an instruction that it cannot finish.
struct Guest {
    machine: Machine<DeviceCell>,
    notes: Notes,
    memory: Vec<u8>,
    registers: Registers,
}

/// So that the tests can look into it.
#[derive(Clone, Default)]
struct DeviceCell(std::rc::Rc<std::cell::RefCell<Device>>);

impl Bus for DeviceCell {
    fn read(&mut self, place: Place, bytes: u8, world: &mut World<'_>) -> Option<u64> {
        self.0.borrow_mut().read(place, bytes, world)
    }

    fn write(&mut self, place: Place, bytes: u8, value: u64, world: &mut World<'_>) -> Option<()> {
        self.0.borrow_mut().write(place, bytes, value, world)
    }

    fn reset(&mut self) {
        self.0.borrow_mut().reset();
    }
}

/// Two pages of memory and the device's, through tables of four levels.
fn memory() -> Vec<u8> {
    let mut memory = vec![0; MEMORY];
    let mut entry = |at: u64, value: u64| {
        memory.as_mut_slice().write(at, &value.to_le_bytes()).unwrap();
    };
    entry(TABLES + 256 * 8, 0x2003);
    entry(0x2000, 0x3003);
    entry(0x3000, 0x4003);
    entry(0x3008, DEVICE | 0x83);
    entry(0x4000 + 5 * 8, 0x5003);
    entry(0x4000 + 6 * 8, 0x6003);
    memory
}

fn guest() -> (Guest, DeviceCell) {
    let device = DeviceCell::default();
    let machine = Machine::new(Identity::of(1, 1, |_, _| [0; 4]), 1, 0, device.clone());
    let notes = Notes::new(Timeline::new(0, 1));
    (Guest { machine, notes, memory: memory(), registers: Registers::default() }, device)
}

const SITUATION: u64 =
    Situation::LONG | Situation::PAGING | Situation::PROTECTED | Situation::CODE_64;

impl Guest {
    fn leave(&mut self, code: &[u8], detail: u64, offset: u64) -> Next {
        self.memory[0x5000..0x5000 + code.len()].copy_from_slice(code);
        let exit = Exit {
            instruction: CODE_AT,
            detail,
            value: DEVICE + offset,
            situation: Situation(SITUATION),
            page_table: TABLES,
            ..Exit::default()
        };
        let visit = Visit { processor: 0, memory: &mut &mut self.memory[..], now: Time(0) };
        let reason = ExitReason::Memory as u32;
        self.machine.exit(&mut self.notes, reason, &exit, &mut self.registers, visit)
    }

    /// Does `code` at `offset` of the device, and puts its answer into the registers.
    fn step(&mut self, code: &[u8], detail: u64, offset: u64) -> Answer {
        match self.leave(code, detail, offset) {
            Next::Run(answer) => {
                if answer.verdict.has(a9n_abi::guest::GuestVerdict::SET_RAX) {
                    self.registers.general[RAX] = answer.words[0];
                }
                answer
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn loads_of_all_widths_fill_registers_as_the_architecture_says() {
    const BEFORE: u64 = 0x1111_2222_3333_4444;
    // What stands there: f1 f2 f3 f4 f5 f6 f7 f8. Registers: RAX, then RBX.
    for (code, register, expected) in [
        (&[0x8a, 0x06][..], RAX, 0x1111_2222_3333_44f1),
        (&[0x8a, 0x26], RAX, 0x1111_2222_3333_f144),
        (&[0x66, 0x8b, 0x1e], RBX, 0x1111_2222_3333_f2f1),
        (&[0x8b, 0x06], RAX, 0xf4f3_f2f1),
        (&[0x8b, 0x1e], RBX, 0xf4f3_f2f1),
        (&[0x48, 0x8b, 0x06], RAX, 0xf8f7_f6f5_f4f3_f2f1),
        (&[0x48, 0x8b, 0x1c, 0xde], RBX, 0xf8f7_f6f5_f4f3_f2f1),
        (&[0x0f, 0xb6, 0x1e], RBX, 0xf1),
        (&[0x66, 0x0f, 0xb6, 0x1e], RBX, 0x1111_2222_3333_00f1),
        (&[0x48, 0x0f, 0xb7, 0x1e], RBX, 0xf2f1),
        (&[0x0f, 0xbe, 0x1e], RBX, 0xffff_fff1),
        (&[0x48, 0x0f, 0xbf, 0x1e], RBX, 0xffff_ffff_ffff_f2f1),
        (&[0x48, 0x63, 0x1e], RBX, 0xffff_ffff_f4f3_f2f1),
        (&[0x4c, 0x8b, 0x86, 8, 0, 0, 0], 8, 0xf8f7_f6f5_f4f3_f2f1),
        // The accumulator from an address of eight bytes.
        (&[0xa1, 0, 0, 0x20, 0, 0, 0x80, 0xff, 0xff], RAX, 0xf4f3_f2f1),
    ] {
        let (mut guest, device) = guest();
        device.0.borrow_mut().bytes[..8]
            .copy_from_slice(&[0xf1, 0xf2, 0xf3, 0xf4, 0xf5, 0xf6, 0xf7, 0xf8]);
        guest.registers.general = [BEFORE; 16];
        let answer = guest.step(code, 1, 0);
        assert_eq!(answer.verdict.bytes_done(), code.len() as u64, "{code:x?}");
        assert_eq!(guest.registers.general[register], expected, "{code:x?}");
        assert_eq!(device.0.borrow().accesses.len(), 1, "{code:x?}");
        let others = guest.registers.general.iter().filter(|value| **value != BEFORE).count();
        assert_eq!(others, 1, "{code:x?}");
    }
}

#[test]
fn stores_of_all_widths_write_once_and_no_more() {
    for (code, offset, bytes, value) in [
        (&[0x88, 0x3e][..], 3, 1, 0x33),
        (&[0x66, 0x89, 0x1e], 6, 2, 0x3344),
        (&[0x89, 0x1e], 8, 4, 0x2222_3344),
        (&[0x48, 0x89, 0x1e], 16, 8, 0x1111_1111_2222_3344),
        (&[0xc6, 0x06, 0x80], 1, 1, 0x80),
        (&[0x66, 0xc7, 0x06, 0x34, 0x12], 2, 2, 0x1234),
        (&[0xc7, 0x06, 0xff, 0xff, 0xff, 0xff], 4, 4, 0xffff_ffff),
        (&[0x48, 0xc7, 0x06, 0xfe, 0xff, 0xff, 0xff], 8, 8, 0xffff_ffff_ffff_fffe),
        (&[0xa2, 0, 0, 0x20, 0, 0, 0x80, 0xff, 0xff], 0, 1, 0x0d),
    ] {
        let (mut guest, device) = guest();
        guest.registers.general[RBX] = 0x1111_1111_2222_3344;
        guest.registers.general[RAX] = 0x0d;
        let before = guest.registers.clone();
        let answer = guest.step(code, 2, offset);
        assert_eq!(answer.verdict.bytes_done(), code.len() as u64, "{code:x?}");
        assert_eq!(device.0.borrow().accesses, [(offset, bytes, Some(value))], "{code:x?}");
        assert_eq!(guest.registers, before, "{code:x?}");
    }
}

#[test]
fn what_is_read_changed_and_written_changes_flags_too() {
    const ZERO: u64 = 1 << 6;
    const CARRY: u64 = 1;
    for (code, before, after, flags) in [
        (&[0x83, 0x0e, 0x10][..], 0x03u32, 0x13, 0),
        (&[0xf0, 0x21, 0x1e], 0xff, 0x40, 0),
        (&[0x31, 0x1e], 0x40, 0x00, ZERO),
        (&[0x83, 0x06, 0xff], 1, 0, ZERO | CARRY),
        (&[0x29, 0x1e], 0x10, 0x10u32.wrapping_sub(0x40), CARRY),
        (&[0xff, 0x06], 0xffff_ffff, 0, ZERO),
        (&[0xf7, 0x16], 0x0f0f_0f0f, 0xf0f0_f0f0, 0),
        // Only flags change.
        (&[0xf7, 0x06, 0, 0, 0, 0x80], 0x7fff_ffff, 0x7fff_ffff, ZERO),
        (&[0x39, 0x1e], 0x40, 0x40, ZERO),
        (&[0x3b, 0x1e], 0x41, 0x41, CARRY),
    ] {
        let (mut guest, device) = guest();
        device.0.borrow_mut().bytes[..4].copy_from_slice(&before.to_le_bytes());
        guest.registers.general[RBX] = 0x40;
        guest.step(code, 3, 0);
        assert_eq!(device.0.borrow().bytes[..4], after.to_le_bytes(), "{code:x?}");
        assert_eq!(guest.registers.flags & (ZERO | CARRY), flags, "{code:x?}");
        assert_eq!(guest.registers.general[RBX], 0x40, "{code:x?}");
    }
    let (mut guest, device) = guest();
    device.0.borrow_mut().bytes[0] = 7;
    guest.registers.general[RBX] = 0xffff_ffff_0000_0040;
    guest.step(&[0x87, 0x1e], 3, 0);
    assert_eq!((guest.registers.general[RBX], device.0.borrow().bytes[0]), (7, 0x40), "xchg");
    guest.step(&[0x0b, 0x1e], 1, 0);
    assert_eq!(guest.registers.general[RBX], 0x47, "or of a register with the device");
}

#[test]
fn strings_go_to_a_device_and_come_from_one() {
    let (mut guest, device) = guest();
    guest.memory[0x6ff8..0x7000].copy_from_slice(b"abcdefgh");
    let registers = &mut guest.registers.general;
    (registers[RSI], registers[RDI], registers[RCX]) = (DATA_AT + 0xff8, DEVICE_AT, 3);
    let answer = guest.step(&[0xf3, 0xa5], 2, 0);
    assert_eq!(answer.verdict.bytes_done(), 0, "the third is on a page that is not there");
    assert_eq!(&device.0.borrow().bytes[..9], b"abcdefgh\0");
    assert_eq!(guest.registers.general[RCX], 1);
    let answer = guest.step(&[0xf3, 0xa5], 2, 0);
    assert_eq!(answer.words[4], Event::exception_with_code(14, 0).0);
    assert_eq!(guest.registers.fault_address, DATA_AT + 0x1000);

    let registers = &mut guest.registers.general;
    (registers[RSI], registers[RDI], registers[RCX]) = (DEVICE_AT + 7, DATA_AT + 7, 8);
    guest.registers.flags = 1 << 10;
    assert_eq!(guest.step(&[0xf3, 0xa4], 1, 7).verdict.bytes_done(), 2);
    assert_eq!((&guest.memory[0x6000..0x6008], guest.registers.flags), (&b"abcdefgh"[..], 1 << 10));
    assert_eq!(guest.registers.general[RSI], DEVICE_AT - 1);

    guest.registers.flags = 0;
    let registers = &mut guest.registers.general;
    (registers[RAX], registers[RDI], registers[RCX]) = (0x5a5a, DEVICE_AT, 600);
    let mut left = 0;
    while guest.step(&[0xf3, 0x66, 0xab], 2, 0).verdict.bytes_done() == 0 {
        left += 1;
    }
    assert_eq!((left, guest.registers.general[RCX]), (2, 0), "in pieces");
    assert_eq!(device.0.borrow().bytes, [0x5a; 64], "past its end nothing is");

    guest.registers.general[RSI] = DEVICE_AT + 4;
    guest.step(&[0x48, 0xad], 1, 4);
    assert_eq!(guest.registers.general[RAX], 0x5a5a_5a5a_5a5a_5a5a);
    assert_eq!(guest.registers.general[RSI], DEVICE_AT + 12);
}

#[test]
fn a_source_may_lie_in_a_segment_with_a_base() {
    let (mut guest, device) = guest();
    device.0.borrow_mut().bytes[0] = 0x77;
    guest.registers.segments[11] = DEVICE_AT - 0x1000;
    (guest.registers.general[RSI], guest.registers.general[RDI]) = (0x1000, DATA_AT);
    guest.step(&[0x65, 0xa4], 1, 0);
    assert_eq!(guest.memory[0x6000], 0x77);
}

#[test]
fn code_that_changed_is_read_anew() {
    let (mut guest, device) = guest();
    guest.registers.general[RBX] = 5;
    guest.step(&[0x89, 0x1e], 2, 0);
    guest.step(&[0x89, 0x1e], 2, 0);
    guest.step(&[0x01, 0x1e], 3, 0);
    assert_eq!(device.0.borrow().bytes[0], 10);
}

#[test]
fn where_nothing_is_a_load_gives_ones_and_a_store_is_lost() {
    let (mut guest, device) = guest();
    assert_eq!(guest.step(&[0x8b, 0x06], 1, 0x1000).words[0], 0xffff_ffff);
    assert_eq!(guest.step(&[0x89, 0x06], 2, 0x1000).verdict.bytes_done(), 2);
    assert!(device.0.borrow().accesses.is_empty());
}

#[test]
fn what_is_not_known_ends_the_guest() {
    let (mut guest, device) = guest();
    // cmpxchg; nothing; movups, which is wider than a bus.
    for code in [&[0x0f, 0xb1, 0x1e][..], &[0x0f, 0x0b], &[0x0f, 0x10, 0x06]] {
        assert_eq!(guest.leave(code, 1, 0), Next::Stop(Stop::NoInstruction(CODE_AT)));
    }
    let fetched = guest.leave(&[0x89, 0x1e], 4, 0);
    assert_eq!(fetched, Next::Stop(Stop::NoMemory(DEVICE)), "code in a device");
    assert!(device.0.borrow().accesses.is_empty());
}

proptest! {
    /// Whatever bytes stand at the instruction pointer, in whatever situation: there is an answer, and
    /// memory changes by at most what a string instruction moves.
    #[test]
    fn any_instruction_is_survived(
        code in prop::collection::vec(any::<u8>(), 15),
        general: [u64; 16],
        detail in 0u64..8,
        offset in 0u64..0x2000,
        situation: u64,
    ) {
        let (mut guest, _) = guest();
        guest.registers.general = general;
        guest.leave(&code, detail, offset);
        let exit = Exit {
            instruction: CODE_AT + 0xff8,
            detail,
            value: DEVICE,
            situation: Situation(situation),
            page_table: TABLES,
            ..Exit::default()
        };
        let visit = Visit { processor: 0, memory: &mut &mut guest.memory[..], now: Time(0) };
        let reason = ExitReason::Memory as u32;
        guest.machine.exit(&mut guest.notes, reason, &exit, &mut guest.registers, visit);
        prop_assert_eq!(&guest.memory[..0x5000], &memory()[..0x5000]);
    }
}
