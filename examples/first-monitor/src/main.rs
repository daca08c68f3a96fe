//! The smallest monitor of a virtual machine. Its guest is thirteen bytes of code, which write a text to a port, as
//! to a printer, and halt; the monitor is that printer. *Writing a VMM* in the manual goes through it.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use nun::abi::MESSAGE_REGISTERS;
use nun::abi::guest::{ExitReason, GuestVerdict, StateGroups};
use nun::{
    Access, AddressSpace, Descriptor, Error, Frame, InitInfo, IpcPort, Message, Pcb, Received,
    Resources, VectorState, VirtualAddressSpace, VirtualCpu, Window, buffer, map_pages,
};

nun::entry!(main);

/// Logarithm of the bytes of the guest's memory: 64 KiB.
const MEMORY_BITS: u8 = 16;
const PAGES: u64 = 1 << (MEMORY_BITS - 12);
/// Where its program and its text lie in that.
const PROGRAM: u64 = 0x1000;
const TEXT: u64 = 0x2000;
/// Below this program, which is init and the most urgent.
const PRIORITY: u64 = 100;

/// What the guest executes, in real mode as after a reset.
#[rustfmt::skip]
const CODE: [u8; 13] = [
    0xbe, 0x00, 0x20, // mov si, TEXT
    0xac, // next: lodsb
    0x84, 0xc0, // test al, al
    0x74, 0x04, // jz end
    0xe6, 0xe9, // out 0xe9, al
    0xeb, 0xf7, // jmp next
    0xf4, // end: hlt
];
/// Bytes of its `out`.
const OUT: u8 = 2;

fn main(init: &'static InitInfo) -> Result<(), Error> {
    let mut resources = Resources::new(init);
    let port: IpcPort = resources.make(0)?;
    let guest = make(&mut resources, port)?;
    begin(guest)?;
    let mut received = port.receive()?;
    loop {
        let Received::Exit { left, .. } = received else { return Ok(()) };
        match left.reason() {
            Some(ExitReason::Port) => {
                nun::print!("{}", char::from(left.exit.value as u8));
                let done = left.exit.situation.length().unwrap_or(OUT);
                let on = GuestVerdict::RESUME.after(done);
                received =
                    port.reply_receive(&Message::guest_verdict(on, [0; MESSAGE_REGISTERS]))?;
            }
            Some(ExitReason::Halt) => {
                nun::println!("\nfirst-monitor: the guest is done");
                return Ok(());
            }
            other => {
                nun::println!("\nfirst-monitor: unexpected: {other:?}, {:x?}", left.exit);
                return Ok(());
            }
        }
    }
}

/// Makes a guest with its program in its memory, whose exits come to `port`.
fn make(resources: &mut Resources, port: IpcPort) -> Result<Pcb, Error> {
    let memory: Frame = resources.make(MEMORY_BITS)?;
    resources.with_mapped(memory, |memory| {
        memory.copy_from(PROGRAM as usize, &CODE);
        memory.copy_from(TEXT as usize, b"Hello from a guest!\0");
    })?;
    let physical: VirtualAddressSpace = resources.make(0)?;
    let space = AddressSpace::at(physical.descriptor());
    let window = resources.take_slot()?;
    memory.attach(space, 0, MEMORY_BITS.into(), resources.node(), window)?;
    let both = Access::READ | Access::WRITE;
    map_pages(space, Window::slot(window), 0, PAGES, both, || resources.make(0))?;

    let (cpu, vectors): (VirtualCpu, VectorState) = (resources.make(0)?, resources.make(0)?);
    let guest: Pcb = resources.make(0)?;
    guest.configure_ports(port, Descriptor::NULL)?;
    guest.configure_vector(vectors)?;
    guest.configure_guest(cpu, physical)?;
    guest.configure_schedule(PRIORITY, 0, 0)?;
    Ok(guest)
}

/// Lets it begin with its program, all segments at 0: a reset left the code segment below 4 GiB.
fn begin(guest: Pcb) -> Result<(), Error> {
    guest.read_guest(StateGroups::SEGMENTS)?;
    for word in MESSAGE_REGISTERS..MESSAGE_REGISTERS + 2 * SEGMENTS {
        let is_base = (word - MESSAGE_REGISTERS) % 2 == 1;
        let kept = if is_base { 0 } else { buffer().read(word) & !SELECTOR };
        buffer().write(word, kept);
    }
    guest.write_guest(StateGroups::SEGMENTS)?;
    let (instruction, flags) = (PROGRAM, 2);
    buffer().write(MESSAGE_REGISTERS, instruction);
    buffer().write(MESSAGE_REGISTERS + 1, flags);
    guest.write_guest(StateGroups::EXECUTION)?;
    guest.resume()
}

/// ES, CS, SS and DS, the first of the segments. Each has a word with selector, attributes and limit, and one with its
/// base.
const SEGMENTS: usize = 4;
const SELECTOR: u64 = 0xffff;
