//! Nothing stays cached that is not so any more, on any CPU: the simulated machine caches all that
//! it can, and says so when something is left.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    Access, Descriptor, MappingRun, MemoryType, ObjectType, Word, address_space, frame, pcb, window,
};
use common::{FREE, GENERIC, System, read_write};

const PCB: u64 = FREE;
const SPACE: u64 = FREE + 1;
const FRAME: u64 = FREE + 5;
const WINDOW: u64 = FREE + 6;
const TABLES: u64 = FREE + 10;
const AT: u64 = 0x4000_0000;

/// A process that runs on another CPU than init, with 16 pages that are mapped in its address
/// space, and cached by that CPU.
fn with_pages() -> System {
    let mut system = System::new();
    system.process(PCB, 255);
    system.convert(GENERIC, ObjectType::Frame, 16, 1, FRAME).expect("frame");
    system.convert(GENERIC, ObjectType::PageTable, 0, 3, TABLES).expect("tables");
    for table in TABLES..TABLES + 3 {
        let install = address_space::word::InstallTable;
        system.ask(SPACE, install, &[table, AT]).expect("a level is missing");
    }
    let attach = [SPACE, AT, 20, slot::NODE, WINDOW];
    system.ask(FRAME, frame::word::Attach, &attach).expect("attach");
    // The simulated machine does a page at a time, so 16 are more than one call gets done.
    for first in [0, 8] {
        let map = [AT + (first << 12), first, 8, read_write(), MemoryType::Normal as u64];
        assert_eq!(system.ask(WINDOW, window::word::Map, &map).expect("map")[0], 8);
    }
    system.ask(PCB, pcb::word::ConfigureSchedule, &[255, 1, 0]).expect("to another CPU");
    system.ask(PCB, pcb::word::Resume, &[]).expect("resumes");
    assert!(system.elsewhere[1].is_some(), "it runs");
    system.check();
    system
}

#[test]
fn what_is_unmapped_or_protected_is_forgotten() {
    let mut system = with_pages();
    let read = Access::READ.into_word();
    system.ask(WINDOW, window::word::Protect, &[AT + 0x1000, 2, read]).expect("protect");
    system.check();
    system.ask(WINDOW, window::word::Unmap, &[AT + 0x2000, 3]).expect("unmap");
    system.check();
    system.remove(WINDOW).expect("remove");
    system.check();
}

#[test]
fn what_a_batch_changes_is_forgotten() {
    let mut system = with_pages();
    let base = system.ask(slot::BUFFER, frame::word::Address, &[]).expect("address")[0];
    let first = std::mem::offset_of!(a9n_abi::IpcBuffer, runs) / 8;
    let window = Descriptor::slot(WINDOW);
    for (run, address) in [AT + 0x9000, AT, AT + 0x4000].into_iter().enumerate() {
        let run_words = MappingRun::new(address, window, 0, 1, Access::READ);
        for (word, value) in
            [run_words.address, run_words.window, run_words.extent].into_iter().enumerate()
        {
            system.write(base, first + run * 3 + word, value);
        }
    }
    system.ask(SPACE, address_space::word::ProtectMany, &[3]).expect("protect");
    system.check();
    system.ask(SPACE, address_space::word::UnmapMany, &[3]).expect("unmap");
    system.check();
    system.revoke(FRAME).expect("revoke");
    system.check();
}

#[test]
fn a_table_that_goes_is_forgotten() {
    let mut system = with_pages();
    system.remove(TABLES + 1).expect("remove");
    system.check();
}

#[test]
fn who_runs_elsewhere_by_now_is_remembered_where_it_was() {
    let mut system = with_pages();
    system.ask(PCB, pcb::word::ConfigureSchedule, &[255, 2, 0]).expect("to a third CPU");
    assert!(system.elsewhere[1].is_none() && system.elsewhere[2].is_some(), "it moved");
    system.check();
    system.ask(WINDOW, window::word::Unmap, &[AT, 16]).expect("unmap");
    system.check();
}

#[test]
fn who_changes_its_address_space_is_remembered_in_both() {
    let mut system = with_pages();
    system.ask(PCB, pcb::word::Suspend, &[]).expect("stops");
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, FREE + 7).expect("another space");
    system.ask(PCB, pcb::word::ConfigureSpaces, &[FREE + 7, 0, 0]).expect("exec");
    system.ask(PCB, pcb::word::Resume, &[]).expect("resumes");
    system.check();
    system.ask(WINDOW, window::word::Unmap, &[AT, 16]).expect("unmap");
    system.check();
}

#[test]
fn an_address_space_that_goes_is_forgotten() {
    let mut system = with_pages();
    system.remove(SPACE).expect("remove");
    system.check();
    system.remove(PCB).expect("remove");
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("another");
    system.check();
}
