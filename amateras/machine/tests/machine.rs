//! The machine's answers, with the tests playing guest and kernel.

use a9n_abi::guest::{
    Event, Exit, ExitReason, GuestInstruction, GuestVerdict, PortAccess, Situation, StateGroups,
};
use amateras_devices::{NoBus, Place, Time, Timeline, Visit};
use amateras_machine::{Answer, Identity, Machine as Shared, Next, Notes, Processor, Stop};
use proptest::prelude::*;

const NOW: Time = Time(0);
/// 64-bit code with paging and interrupts allowed.
const OPEN: u64 = Situation::LONG
    | Situation::PAGING
    | Situation::PROTECTED
    | Situation::CODE_64
    | Situation::INTERRUPTS;

/// A processor of which only some registers exist.
#[derive(Default)]
struct Registers {
    control: [u64; 7],
    system: [u64; 9],
    auxiliary: u64,
    time: u64,
    code_base: u64,
    general: [u64; 16],
    execution: [u64; 2],
    segments: [u64; 16],
}

impl Registers {
    fn word(&mut self, group: StateGroups, index: usize) -> &mut u64 {
        match group {
            StateGroups::CONTROL => &mut self.control[index],
            StateGroups::SYSTEM => &mut self.system[index],
            StateGroups::TIME => &mut self.time,
            StateGroups::AUXILIARY => &mut self.auxiliary,
            StateGroups::SEGMENTS if index == 3 => &mut self.code_base,
            StateGroups::SEGMENTS => &mut self.segments[index],
            StateGroups::GENERAL => &mut self.general[index],
            StateGroups::EXECUTION => &mut self.execution[index],
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

/// A machine with one thread before it.
struct Machine {
    shared: Shared,
    notes: Notes,
}

impl Machine {
    fn of(identity: Identity) -> Self {
        let shared = Shared::new(identity, 1, 0, NoBus);
        Self { shared, notes: Notes::new(Timeline::new(0, 1_000_000)) }
    }

    fn exit(
        &mut self,
        label: u32,
        exit: &Exit,
        processor: &mut impl Processor,
        visit: Visit<'_>,
    ) -> Next {
        self.shared.exit(&mut self.notes, label, exit, processor, visit)
    }
}

/// A machine on a processor that has every feature there is.
fn machine() -> Machine {
    Machine::of(Identity::of(4, SSE, |leaf, _| highest(leaf)))
}

fn highest(leaf: u32) -> [u32; 4] {
    match leaf {
        0 => [0x20, 1, 2, 3],
        0x8000_0000 => [0x8000_001f, 1, 2, 3],
        _ => [u32::MAX; 4],
    }
}

fn exit(situation: u64, detail: u64, value: u64) -> Exit {
    let situation = Situation(situation);
    Exit { instruction: 0x1000, detail, value, situation, ..Exit::default() }
}

/// Processor 0, now, with this memory.
fn visit<'a>(memory: &'a mut &mut [u8]) -> Visit<'a> {
    Visit { processor: 0, memory, now: NOW }
}

/// The answer to an exit in a machine without memory.
fn answer(machine: &mut Machine, reason: ExitReason, exit: &Exit) -> Next {
    machine.exit(reason as u32, exit, &mut Registers::default(), visit(&mut &mut [][..]))
}

fn run(next: Next) -> Answer {
    match next {
        Next::Run(answer) => answer,
        other => panic!("{other:?}"),
    }
}

fn port(port: u64, bytes: u64, flags: u64) -> u64 {
    port | bytes << PortAccess::BYTES_SHIFT | flags
}

/// Lets the serial port ask for an interrupt.
fn ask(machine: &mut Machine) {
    let setup = [
        (0x20, 0x11),
        (0x21, 0x30),
        (0x21, 0x04),
        (0x21, 0x01),
        (0x21, 0x00),
        (0x3fc, 0x0b),
        (0x3f9, 0x01),
    ];
    for (port, value) in setup {
        machine.shared.board.write(Place::Port(port), 1, value, visit(&mut &mut [][..]));
    }
    machine.shared.board.input(b"x");
}

#[test]
fn identification_is_answered_in_four_registers() {
    let it = run(answer(&mut machine(), ExitReason::Identify, &exit(OPEN | 2, 0x4000_0000, 0)));
    assert!(it.verdict.has(GuestVerdict::SET_FOUR) && it.verdict.is_resumption());
    assert_eq!(it.verdict.bytes_done(), 2);
    let name: Vec<u8> =
        it.words[1..4].iter().flat_map(|word| (*word as u32).to_le_bytes()).collect();
    assert_eq!(name, b"A9N Amateras");
}

#[test]
fn what_no_guest_can_have_is_not_identified() {
    let identity = Identity::of(4, SSE, |leaf, _| highest(leaf));
    let answer = |identity: &Identity, leaf, second, number| {
        identity.answer(leaf, second, number, &mut Registers::default())
    };
    let [_, b, c, d] = answer(&identity, 1, 0, 0);
    for (what, bit) in [("VMX", 5), ("x2APIC", 21), ("PCID", 17), ("AVX", 28), ("FMA", 12)] {
        assert_eq!(c >> bit & 1, 0, "{what}");
    }
    for (what, bit) in [("MCE", 7), ("MTRR", 12), ("MCA", 14)] {
        assert_eq!(d >> bit & 1, 0, "{what}");
    }
    assert_eq!((b >> 16, c >> 31), (0, 1), "processor 0, under a monitor");
    assert_eq!(answer(&identity, 1, 0, 3)[1] >> 24, 3, "each has its number");
    let [_, _, c, d] = answer(&identity, 0x8000_0001, 0, 0);
    assert_eq!((c >> 2 & 1, d >> 27 & 1), (0, 1), "no SVM, but RDTSCP");
    assert_eq!(answer(&identity, 0x8000_001f, 0, 0), [0; 4]);
    assert_eq!(answer(&identity, 7, 1, 0), [0; 4]);
    let [_, b, c, d] = answer(&identity, 7, 0, 0);
    assert_eq!((b >> 5 & 1, b >> 16 & 1, c & !(1 << 22), d), (0, 0, 0, 0), "without AVX");
    assert_eq!(answer(&identity, 0xb, 1, 3), [3, 4, 0x201, 3], "one of four cores");
    assert_eq!(answer(&identity, 0x8000_0008, 0, 3)[2], 3 << 12 | 3, "in the other way");
    let small =
        Identity::of(4, SSE, |leaf, _| if leaf == 0 { [1, 1, 2, 3] } else { highest(leaf) });
    assert_eq!(
        answer(&small, 7, 0, 0)[1],
        2,
        "of a leaf that is not there, only what needs no machine"
    );
}

/// XCR0 with SSE; with AVX; with AVX-512.
const SSE: u64 = 0b11;
const AVX: u64 = SSE | 0b100;
const AVX_512: u64 = AVX | 0b1110_0000;

/// Places of the extended states, as of an Intel.
fn states(leaf: u32, number: u32) -> [u32; 4] {
    match (leaf, number) {
        (0xd, 0) => [0x2ff, 2696, 2696, 0],
        (0xd, 1) => [0xf, 0, 0, 0],
        (0xd, 2) => [256, 576, 0, 0],
        (0xd, 5) => [64, 1088, 0, 0],
        (0xd, 6) => [512, 1152, 0, 0],
        (0xd, 7) => [1024, 1664, 0, 0],
        _ => highest(leaf),
    }
}

#[test]
fn extended_states_are_those_that_are_offered_in_the_room_that_they_take() {
    let identity = Identity::of(1, AVX, states);
    let answer = |number, enabled| {
        let mut registers = Registers::default();
        registers.control[6] = enabled;
        identity.answer(0xd, number, 0, &mut registers)
    };
    assert_eq!(answer(0, SSE), [7, 576, 832, 0]);
    assert_eq!(answer(0, AVX), [7, 832, 832, 0]);
    assert_eq!(answer(1, AVX), [1, 0, 0, 0], "xsaveopt, and no compact form");
    assert_eq!(answer(2, AVX), [256, 576, 0, 0]);
    for number in [3, 5, 9, 63, 64, u32::MAX] {
        assert_eq!(answer(number, AVX), [0; 4]);
    }
    let most = Identity::of(1, AVX_512, states);
    assert_eq!(most.answer(0xd, 0, 0, &mut Registers::default())[2], 2688);
    let features = |identity: &Identity| {
        let [_, _, c, _] = identity.answer(1, 0, 0, &mut Registers::default());
        let [_, b, _, _] = identity.answer(7, 0, 0, &mut Registers::default());
        [c >> 28 & 1, b >> 5 & 1, b >> 16 & 1]
    };
    assert_eq!((features(&identity), features(&most)), ([1, 1, 0], [1, 1, 1]));
    let mut registers = Registers::default();
    registers.control[3] = 1 << 18;
    assert_eq!(identity.answer(1, 0, 0, &mut registers)[2] >> 26 & 3, 3, "XSAVE, and it is on");
    assert_eq!(identity.answer(1, 0, 0, &mut Registers::default())[2] >> 26 & 3, 1);
}

#[test]
fn a_guest_switches_extended_states_on_as_a_processor_would_let_it() {
    let mut machine = Machine::of(Identity::of(1, AVX_512, states));
    let mut registers = Registers::default();
    let mut set = |number, value, situation| {
        let exit = exit(situation | 3, number, value);
        let reason = ExitReason::SetExtended as u32;
        let it = run(machine.exit(reason, &exit, &mut registers, visit(&mut &mut [][..])));
        let protection = Event::exception_with_code(13, 0).0;
        let faults = it.verdict.has(GuestVerdict::INJECT) && it.words[4] == protection;
        (it.verdict.bytes_done(), faults, registers.control[6])
    };
    for good in [1, SSE, AVX, AVX_512] {
        assert_eq!(set(0, good, OPEN), (3, false, good));
    }
    set(0, 1, OPEN);
    for bad in [0, 2, 5, AVX | 1 << 5, AVX_512 & !4, 1 | 1 << 9, SSE | 1 << 62] {
        assert_eq!(set(0, bad, OPEN), (0, true, 1), "{bad:#x}");
    }
    assert_eq!(set(1, SSE, OPEN), (0, true, 1), "there is no other such register");
    assert_eq!(set(0, SSE, OPEN | 3 << 8), (0, true, 1), "not in user mode");
}

#[test]
fn narrow_reads_keep_the_rest_of_the_register() {
    let mut machine = machine();
    let mut read = |bytes| {
        let exit = exit(OPEN | 1, port(0x3ff, bytes, PortAccess::IN), 0x1122_3344_5566_7788);
        run(answer(&mut machine, ExitReason::Port, &exit)).words[0]
    };
    assert_eq!(read(1), 0x1122_3344_5566_7700);
    assert_eq!(read(2), 0x1122_3344_5566_ff00);
    assert_eq!(read(4), 0xffff_ff00);
}

#[test]
fn an_interrupt_goes_in_with_the_instruction_that_is_done() {
    let mut machine = machine();
    ask(&mut machine);
    let out = exit(OPEN | Situation::SHADOW | 1, port(0x80, 1, 0), 0);
    let it = run(answer(&mut machine, ExitReason::Port, &out));
    assert!(it.verdict.has(GuestVerdict::INJECT) && !it.verdict.has(GuestVerdict::WINDOW));
    assert_eq!((it.words[4], it.verdict.bytes_done()), (Event::interrupt(0x34).0, 1));
    assert!(!machine.shared.board.has_interrupt(0), "it was taken");
}

#[test]
fn an_interrupt_that_cannot_go_in_yet_waits_for_its_window() {
    let closed = OPEN & !Situation::INTERRUPTS;
    let taken = Exit { interrupted: Event::interrupt(0x30), ..exit(OPEN, 0, 0) };
    let shadow = exit(OPEN | Situation::SHADOW, 0, 0);
    for exit in [exit(closed, 0, 0), shadow, taken] {
        let mut machine = machine();
        ask(&mut machine);
        let it = run(answer(&mut machine, ExitReason::Kick, &exit));
        assert!(it.verdict.has(GuestVerdict::WINDOW) && !it.verdict.has(GuestVerdict::INJECT));
        assert!(machine.shared.board.has_interrupt(0), "nobody took it");
    }
    let mut machine = machine();
    ask(&mut machine);
    let it = run(answer(&mut machine, ExitReason::InterruptWindow, &exit(OPEN, 0, 0)));
    assert_eq!(it.words[4], Event::interrupt(0x34).0);
    let it = run(answer(&mut machine, ExitReason::Kick, &exit(OPEN, 0, 0)));
    assert_eq!(it, Answer::default(), "nothing is left");
}

#[test]
fn who_halts_sleeps_until_an_interrupt_or_for_good() {
    let mut machine = machine();
    let halt = exit(OPEN | 1, 0, 0);
    assert_eq!(answer(&mut machine, ExitReason::Halt, &halt), Next::Halt(1));
    let dead = exit(OPEN & !Situation::INTERRUPTS | 1, 0, 0);
    assert_eq!(answer(&mut machine, ExitReason::Halt, &dead), Next::Wait);
    ask(&mut machine);
    let it = run(answer(&mut machine, ExitReason::Halt, &halt));
    assert_eq!((it.words[4], it.verdict.bytes_done()), (Event::interrupt(0x34).0, 1));
}

#[test]
fn long_mode_is_switched_as_the_architecture_says() {
    const FEATURES: u64 = 0xc000_0080;
    let mut machine = machine();
    let mut registers = Registers::default();
    let mut write = |registers: &mut Registers, value| {
        let exit = exit(OPEN | 2, FEATURES, value);
        run(machine.exit(
            ExitReason::WriteRegister as u32,
            &exit,
            registers,
            visit(&mut &mut [][..]),
        ))
    };
    assert_eq!(write(&mut registers, 0x901).verdict.bytes_done(), 2);
    assert_eq!(registers.control[5], 0x901);
    registers.control[0] = 1 << 31;
    registers.control[5] |= 1 << 10;
    write(&mut registers, 0x100);
    assert_eq!(registers.control[5], 0x500, "active is not the guest's to say");
    let protection = Event::exception_with_code(13, 0).0;
    assert_eq!(write(&mut registers, 0).words[4], protection, "not while paging is on");
    assert_eq!(write(&mut registers, 1 << 12 | 0x500).words[4], protection, "no virtualisation");
    let read = exit(OPEN | 2, FEATURES, 0);
    let it = machine.exit(
        ExitReason::ReadRegister as u32,
        &read,
        &mut registers,
        visit(&mut &mut [][..]),
    );
    let it = run(it);
    assert!(it.verdict.has(GuestVerdict::SET_PAIR));
    assert_eq!((it.words[0], it.words[3]), (0x500, 0));
}

#[test]
fn what_comes_with_the_time_has_32_bits() {
    let (mut machine, mut registers) = (machine(), Registers::default());
    for (value, kept) in [(0x1001, 0x1001), (u32::MAX.into(), u32::MAX.into()), (1 << 32, 1 << 32)]
    {
        let exit = exit(OPEN | 2, 0xc000_0103, value);
        let reason = ExitReason::WriteRegister as u32;
        let it = run(machine.exit(reason, &exit, &mut registers, visit(&mut &mut [][..])));
        let fits = value >> 32 == 0;
        assert_eq!(
            (it.verdict.has(GuestVerdict::INJECT), registers.auxiliary == kept),
            (!fits, fits)
        );
    }
}

#[test]
fn registers_that_are_not_there_fault() {
    let mut machine = machine();
    for reason in [ExitReason::ReadRegister, ExitReason::WriteRegister] {
        let it = run(answer(&mut machine, reason, &exit(OPEN | 2, 0xfe, 0)));
        assert_eq!(it.words[4], Event::exception_with_code(13, 0).0);
        assert_eq!(it.verdict.bytes_done(), 0, "it is the instruction that faults");
    }
    let types = exit(OPEN | 2, 0x277, 0x02);
    let it = run(answer(&mut machine, ExitReason::WriteRegister, &types));
    assert!(it.verdict.has(GuestVerdict::INJECT), "no memory type has number 2");
}

#[test]
fn what_a_guest_may_not_do_is_undefined_to_it() {
    let mut machine = machine();
    let instruction = |which| exit(OPEN | 3, which as u64, 0);
    let virtualisation = instruction(GuestInstruction::Virtualisation);
    for (reason, exit) in
        [(ExitReason::Instruction, virtualisation), (ExitReason::Hypercall, exit(OPEN | 3, 0, 0))]
    {
        let it = run(answer(&mut machine, reason, &exit));
        assert_eq!((it.words[4], it.verdict.bytes_done()), (Event::exception(6).0, 0));
    }
    let flush = instruction(GuestInstruction::WriteBack);
    let it = run(answer(&mut machine, ExitReason::Instruction, &flush));
    assert_eq!((it.verdict.bytes_done(), it.words[4]), (3, 0));
}

#[test]
fn ends_say_why() {
    let mut machine = machine();
    let plain = exit(OPEN, 0, 0xfee0_0000);
    assert_eq!(answer(&mut machine, ExitReason::Shutdown, &plain), Next::Stop(Stop::TripleFault));
    let walked = exit(OPEN, 1 << 8 | 1, 0xfee0_0000);
    let memory = answer(&mut machine, ExitReason::Memory, &walked);
    assert_eq!(memory, Next::Stop(Stop::NoMemory(0xfee0_0000)));
    let memory = answer(&mut machine, ExitReason::Memory, &plain);
    assert_eq!(memory, Next::Stop(Stop::NoInstruction(0x1000)));
    let reset = exit(OPEN | 1, port(0x64, 1, 0), 0xfe);
    assert_eq!(answer(&mut machine, ExitReason::Port, &reset), Next::Stop(Stop::Reset));
    let unread = exit(OPEN, 0, 0);
    let identify = answer(&mut machine, ExitReason::Identify, &unread);
    assert_eq!(identify, Next::Stop(Stop::NoInstruction(0x1000)), "there is no memory to read it");
}

/// Memory with page tables that lead the page at `address` to the one at 0x5000.
fn mapped(address: u64) -> Vec<u8> {
    let mut memory = vec![0; 0x6000];
    for (table, level) in [(0x1000, 39), (0x2000, 30), (0x3000, 21), (0x4000, 12)] {
        let at = table + (address >> level & 511) as usize * 8;
        memory[at..at + 8].copy_from_slice(&(table as u64 + 0x1003).to_le_bytes());
    }
    memory
}

#[test]
fn lengths_are_read_through_the_guests_page_tables_and_remembered() {
    let address = 0xffff_8000_1234_5000;
    let mut memory = mapped(address);
    // cpuid with two prefixes.
    memory[0x5010..0x5014].copy_from_slice(&[0x66, 0x48, 0x0f, 0xa2]);
    let mut machine = machine();
    let exit = Exit { instruction: address + 0x10, page_table: 0x1000, ..exit(OPEN, 0, 0) };
    let mut length = |memory: &mut [u8], exit: &Exit| {
        let it = machine.exit(
            ExitReason::Identify as u32,
            exit,
            &mut Registers::default(),
            visit(&mut &mut memory[..]),
        );
        run(it).verdict.bytes_done()
    };
    assert_eq!(length(&mut memory, &exit), 4);
    assert_eq!(length(&mut [], &exit), 4, "it need not be read again");
    let other = Exit { page_table: 0x1008, ..exit };
    memory[0x5010..0x5012].copy_from_slice(&[0x0f, 0xa2]);
    memory.copy_within(0x1000..0x1ff8, 0x1008);
    assert_eq!(
        length(&mut memory, &Exit { page_table: 0x1000, instruction: address + 0x10, ..other }),
        4
    );
}

#[test]
fn without_paging_the_code_segment_counts() {
    let mut memory = vec![0; 0x2000];
    memory[0x1230..0x1232].copy_from_slice(&[0x0f, 0xa2]);
    let mut registers = Registers { code_base: 0x1200, ..Registers::default() };
    let real = Exit { instruction: 0x30, ..exit(0, 0, 0) };
    let it = machine().exit(
        ExitReason::Identify as u32,
        &real,
        &mut registers,
        visit(&mut &mut memory[..]),
    );
    assert_eq!(run(it).verdict.bytes_done(), 2);
}

/// Sends or receives strings at the serial port's scratch register and data.
fn string(
    machine: &mut Machine,
    registers: &mut Registers,
    exit: &Exit,
    memory: &mut [u8],
) -> Answer {
    run(machine.exit(ExitReason::Port as u32, exit, registers, visit(&mut &mut memory[..])))
}

#[test]
fn a_repeated_outs_sends_what_is_in_memory() {
    const ADDRESS: u64 = 0xffff_8000_1234_5000;
    let mut memory = mapped(ADDRESS);
    memory[0x5ffd..0x6000].copy_from_slice(b"abc");
    let mut machine = machine();
    let mut registers = Registers::default();
    (registers.general[2], registers.general[4]) = (5, ADDRESS + 0xffd);
    let out = port(0x3f8, 1, PortAccess::STRING | PortAccess::REPEATED);
    let exit = Exit { page_table: 0x1000, ..exit(OPEN | 2, out, 0) };
    let it = string(&mut machine, &mut registers, &exit, &mut memory);
    assert_eq!(it.verdict.bytes_done(), 0, "there is more");
    assert_eq!((registers.general[2], registers.general[4]), (2, ADDRESS + 0x1000));
    let mut sent = [0; 8];
    assert_eq!((machine.shared.board.take_output(&mut sent), &sent[..3]), (3, &b"abc"[..]));
    let it = string(&mut machine, &mut registers, &exit, &mut memory);
    assert_eq!(it.words[4], Event::exception_with_code(14, 0).0, "the next page is not there");
    assert_eq!(registers.control[1], ADDRESS + 0x1000);
}

#[test]
fn an_ins_writes_only_where_it_may() {
    const ADDRESS: u64 = 0xffff_8000_1234_5000;
    let mut machine = machine();
    machine.shared.board.write(Place::Port(0x3ff), 1, 0x5a, visit(&mut &mut [][..]));
    let input = port(0x3ff, 1, PortAccess::STRING | PortAccess::IN);
    let kernel = Exit { page_table: 0x1000, ..exit(OPEN | 1, input, 0) };
    let mut registers = Registers::default();
    (registers.general[5], registers.execution[1]) = (ADDRESS + 7, 1 << 10);
    let mut memory = mapped(ADDRESS);
    let it = string(&mut machine, &mut registers, &kernel, &mut memory);
    assert_eq!((it.verdict.bytes_done(), memory[0x5007]), (1, 0x5a));
    assert_eq!(registers.general[5], ADDRESS + 6, "downwards");
    let user = Exit { situation: Situation(OPEN | 3 << 8 | 1), ..kernel };
    let it = string(&mut machine, &mut registers, &user, &mut memory);
    assert_eq!(it.words[4], Event::exception_with_code(14, 0b110).0, "it is the kernel's page");
}

#[test]
fn strings_of_16_bit_code_wrap_in_their_segment() {
    let mut machine = machine();
    let mut memory = vec![0; 0x3_0000];
    memory[0x1_ffff] = b'x';
    memory[0x1_0000] = b'y';
    let mut registers = Registers::default();
    (registers.general[2], registers.general[4]) = (0xabcd_0002, 0xabcd_ffff);
    registers.segments[7] = 0x1_0000;
    let out = port(0x3f8, 1, PortAccess::STRING | PortAccess::REPEATED);
    let it = string(&mut machine, &mut registers, &exit(2, out, 0), &mut memory);
    assert_eq!(it.verdict.bytes_done(), 2);
    assert_eq!((registers.general[2], registers.general[4]), (0xabcd_0000, 0xabcd_0001));
    let mut sent = [0; 2];
    assert_eq!((machine.shared.board.take_output(&mut sent), sent), (2, *b"xy"));
}

proptest! {
    /// Whatever a guest is left for, with whatever words: there is an answer.
    #[test]
    fn every_exit_has_an_answer(
        exits in prop::collection::vec((0u32..20, any::<[u64; 6]>(), 0u64..1 << 34), 0..40),
        mut bytes: Vec<u8>,
    ) {
        let mut machine = machine();
        for (label, words, now) in exits {
            let exit = Exit::from_words(&words);
            let mut registers = Registers::default();
            let next = machine.exit(label, &exit, &mut registers, Visit { processor: 0, memory: &mut &mut bytes[..], now: Time(now) });
            if let Next::Run(answer) = next {
                prop_assert!(answer.verdict.is_resumption());
                let both = GuestVerdict::INJECT | GuestVerdict::WINDOW;
                let is_nested = answer.verdict.has(both) && Event(answer.words[4]).kind() == 0;
                prop_assert!(!is_nested, "an interrupt goes in, or waits");
            }
        }
    }
}
