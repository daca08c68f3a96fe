//! What processes cannot see or change of each other and of themselves.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, index};
use nun::abi::init::INIT_INFO_ADDRESS;
use nun::{Access, IpcPort, NotificationPort, Pcb, Rights};

use crate::bodies;
use crate::machine::{
    jump, keep_base, keep_flags, load, store, tell_bases, undefined, watch_registers,
};
use crate::test::Test;

cases!("isolation": program_is_not_written, data_is_not_executed, nothing_below_the_stack,
    thread_bases_are_each_ones_own, a_base_does_not_outlive_a_switch, flags_do_not_stay,
    preempted_registers_survive);

/// Number of the register.
const GS_BASE: u64 = 19;

/// Constants and variables of the program.
static CONSTANT: [u64; 4] = [0xc3c3_c3c3_c3c3_c3c3; 4];

fn program_is_not_written(test: &mut Test) -> Verdict {
    test.check_page_fault(store, undefined as *const () as u64, Access::WRITE)?;
    test.check_page_fault(store, CONSTANT.as_ptr() as u64, Access::WRITE)?;
    test.check_page_fault(store, INIT_INFO_ADDRESS, Access::WRITE)
}

fn data_is_not_executed(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    test.check_page_fault(jump, memory.address(), Access::EXECUTE)?;
    test.check_page_fault(jump, CONSTANT.as_ptr() as u64, Access::EXECUTE)?;
    let on_stack = [0xc3u8; 16];
    test.check_page_fault(jump, on_stack.as_ptr() as u64, Access::EXECUTE)?;
    test.check_page_fault(jump, INIT_INFO_ADDRESS, Access::EXECUTE)
}

/// The program begins with its stack; what overflows that faults.
fn nothing_below_the_stack(test: &mut Test) -> Verdict {
    test.check_page_fault(load, 0x20_0000 - 8, Access::READ)?;
    test.check_page_fault(store, 0x20_0000 - 8, Access::WRITE)
}

fn thread_bases_are_each_ones_own(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    for number in [1, 2, 3] {
        let place = memory.address() + 64 * number;
        let pcb = test.thread(tell_bases, place)?;
        let stack = pcb.read_register(7)?;
        let entry = tell_bases as *const () as u64;
        pcb.configure_entry(entry, stack, 0x5000 * number, place)?;
        pcb.write_register(19, 0x7000 * number)?;
        pcb.resume()?;
    }
    test.settle()?;
    for number in [1, 2, 3] {
        let place = 64 * number as usize;
        let bases = (memory.read(place), memory.read(place + 8));
        check_eq!(bases, (0x5000 * number, 0x7000 * number));
    }
    Ok(())
}

fn a_base_does_not_outlive_a_switch(test: &mut Test) -> Verdict {
    let (_, _, memory) = test.page(READ_WRITE)?;
    let signal: NotificationPort = test.make(0)?;
    memory.write(0, 0xbad);
    memory.write(16, index(signal));
    let keeper = test.start(keep_base, memory.address())?;
    test.settle()?;
    test.start(tell_bases, memory.address() + 64)?;
    test.settle()?;
    // The other does not see what it wrote.
    check_eq!((memory.read(64), memory.read(72)), (0, 0));
    // It sees itself what its PCB says: what it wrote only if it was interrupted before it waited.
    keeper.suspend()?;
    let kept = keeper.read_register(GS_BASE)?;
    check!(kept == 0 || kept == memory.address());
    keeper.resume()?;
    test.settle()?;
    check_eq!(memory.read(0), kept);
    Ok(())
}

fn flags_do_not_stay(test: &mut Test) -> Verdict {
    const DIRECTION_AND_ALIGNMENT: u64 = 0x4_0400;
    let (_, _, memory) = test.page(READ_WRITE)?;
    test.start(keep_flags, memory.address())?;
    test.settle()?;
    let flags = memory.read(0);
    check!(flags & 2 != 0);
    check_eq!(flags & DIRECTION_AND_ALIGNMENT, 0);
    Ok(())
}

/// Three threads that watch their registers, and one that makes kernel calls, share the CPU with
/// init for some time.
fn preempted_registers_survive(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let resolver = test.mint(port, Rights::WRITE, 77)?;
    let mut watchers = [None; 3];
    for (watcher, seed) in watchers.iter_mut().zip([3, 0x1_0001, 0x1234_5678_9abc]) {
        let pcb = test.thread(watch_registers, seed)?;
        pcb.configure_ports(resolver, nun::Descriptor::NULL)?;
        pcb.resume()?;
        *watcher = Some(pcb);
    }
    test.start(bodies::spin_politely, 1)?;
    for _ in 0..4 {
        let time = |pcb: &Pcb| pcb.information().map_or(0, |(time, ..)| time);
        let before = watchers.map(|pcb| pcb.as_ref().map_or(0, time));
        let ran = |number: usize| watchers[number].as_ref().map_or(0, time) > before[number];
        check!(test.share_until(|| (0..3).all(ran))?);
    }
    check!(port.try_receive().is_err());
    Ok(())
}
