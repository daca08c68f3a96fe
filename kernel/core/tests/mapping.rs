//! Address spaces, page tables, frames and windows, against the simulated page tables.

mod common;

use a9n_abi::init::slot;
use a9n_abi::{
    Access, MemoryType, ObjectType, Reason, Rights, Word, address_space, frame, node, window,
};
use common::{FREE, GENERIC, System, read_write, reason};

const SPACE: u64 = FREE;
const FRAME: u64 = FREE + 1;
const WINDOW: u64 = FREE + 2;
const TABLES: u64 = FREE + 10;

/// Where tests map.
const AT: u64 = 0x4000_0000;
const NORMAL: u64 = MemoryType::Normal as u64;

fn read() -> u64 {
    Access::READ.into_word()
}

/// An address space with tables down to the last level at [`AT`], a frame of 64 KiB, and a Window
/// of 1 MiB at [`AT`].
fn with_window() -> System {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("space");
    system.convert(GENERIC, ObjectType::Frame, 16, 1, FRAME).expect("frame");
    system.convert(GENERIC, ObjectType::PageTable, 0, 6, TABLES).expect("tables");
    for (table, expected) in [(0, 30), (1, 21), (2, 12)] {
        let entry_bits = install(&mut system, TABLES + table, AT).expect("a level is missing");
        assert_eq!(entry_bits, expected);
    }
    attach(&mut system, FRAME, AT, 20, WINDOW).expect("attach");
    system
}

fn install(system: &mut System, table: u64, address: u64) -> Result<u64, a9n_abi::Error> {
    let word = address_space::word::InstallTable;
    system.ask(SPACE, word, &[table, address]).map(|words| words[0])
}

fn attach(
    system: &mut System,
    frame: u64,
    address: u64,
    bits: u64,
    index: u64,
) -> Result<(), a9n_abi::Error> {
    let arguments = [SPACE, address, bits, slot::NODE, index];
    system.ask(frame, frame::word::Attach, &arguments).map(|_| ())
}

fn map(
    system: &mut System,
    address: u64,
    offset: u64,
    pages: u64,
    access: u64,
) -> Result<u64, a9n_abi::Error> {
    let arguments = [address, offset, pages, access, NORMAL];
    system.ask(WINDOW, window::word::Map, &arguments).map(|words| words[0])
}

fn mapped(system: &mut System, address: u64) -> Option<Access> {
    let word = address_space::word::Translate;
    let words = system.ask(SPACE, word, &[address]).expect("translate");
    (words[0] == 1).then(|| Access::from_word(words[1]).expect("access"))
}

#[test]
fn any_page_of_a_frame_maps_anywhere_in_the_window() {
    let mut system = with_window();
    assert_eq!(map(&mut system, AT + 0x5000, 3, 2, read_write()), Ok(2));
    assert_eq!(map(&mut system, AT, 15, 1, read()), Ok(1));
    let root = system.kernel.context(system.init).root();
    assert!(root.is_some());
    assert_eq!(mapped(&mut system, AT), Some(Access::READ));
    assert_eq!(mapped(&mut system, AT + 0x5000), Some(Access::READ | Access::WRITE));
    assert_eq!(mapped(&mut system, AT + 0x6fff), Some(Access::READ | Access::WRITE));
    assert_eq!(mapped(&mut system, AT + 0x4000), None);
    assert_eq!(reason(map(&mut system, AT + 0x6000, 0, 1, read())), Reason::Occupied);
    // The first page is free, the second is not: one is mapped, and the answer says so.
    assert_eq!(map(&mut system, AT + 0x4000, 0, 4, read()), Ok(1));
}

#[test]
fn windows_have_edges() {
    let mut system = with_window();
    for (address, offset, pages, culprit) in [
        (AT - 0x1000, 0, 1, 1),
        (AT + 0x10_0000, 0, 1, 1),
        (AT + 1, 0, 1, 1),
        (u64::MAX - 0xfff, 0, 1, 1),
        (AT, 16, 1, 2),
        (AT, u64::MAX, 1, 2),
        (AT, 0, 17, 3),
        (AT, 15, 2, 3),
        (AT, 0, 0, 3),
        (AT + 0xf_f000, 0, 2, 3),
        (AT, 0, u64::MAX, 3),
    ] {
        let refused = map(&mut system, address, offset, pages, read()).expect_err("outside");
        assert_eq!(refused.reason, Reason::InvalidArgument);
        assert_eq!(refused.culprit.0, culprit, "{address:#x} {offset} {pages}");
    }
    for access in [0, 6, 7, 8] {
        let refused = map(&mut system, AT, 0, 1, access);
        assert_eq!(reason(refused), Reason::InvalidArgument, "access {access}");
    }
    for (address, bits) in [(AT + 0x1000, 20), (AT, 11), (AT, 48), (1 << 47, 12), (AT, 64)] {
        let refused = attach(&mut system, FRAME, address, bits, WINDOW + 1);
        assert_eq!(reason(refused), Reason::InvalidArgument, "{address:#x} {bits}");
    }
    attach(&mut system, FRAME, 0, 47, WINDOW + 1).expect("the whole user half");
    let last = (1 << 47) - 0x1000;
    let arguments = [last, 0, 1, read(), NORMAL];
    let refused = system.ask(WINDOW + 1, window::word::Map, &arguments);
    assert_eq!(reason(refused), Reason::InvalidArgument, "the last page is never mapped");
}

#[test]
fn a_missing_table_is_named_and_every_level_can_be_installed_once() {
    let mut system = with_window();
    attach(&mut system, FRAME, AT + (1 << 30), 20, WINDOW + 1).expect("attach");
    let arguments = [AT + (1 << 30), 0, 1, read(), NORMAL];
    let refused = system.ask(WINDOW + 1, window::word::Map, &arguments);
    assert_eq!(reason(refused), Reason::MissingTable);
    assert_eq!(install(&mut system, TABLES + 3, AT + (1 << 30)), Ok(21));
    assert_eq!(reason(install(&mut system, TABLES + 3, AT)), Reason::Busy);
    assert_eq!(reason(install(&mut system, TABLES + 4, AT)), Reason::Occupied);
    assert_eq!(reason(install(&mut system, TABLES + 4, 1 << 47)), Reason::InvalidArgument);
    assert_eq!(reason(install(&mut system, FRAME, AT)), Reason::InvalidDescriptor);
}

#[test]
fn protecting_and_unmapping_take_effect() {
    let mut system = with_window();
    map(&mut system, AT, 0, 8, read_write()).expect("map");
    let flushes = system.kernel.hal().flushes();
    let protect = system.ask(WINDOW, window::word::Protect, &[AT + 0x1000, 2, read()]);
    assert_eq!(protect.expect("protect")[0], 2);
    assert_eq!(mapped(&mut system, AT), Some(Access::READ | Access::WRITE));
    assert_eq!(mapped(&mut system, AT + 0x1000), Some(Access::READ));
    let unmap = system.ask(WINDOW, window::word::Unmap, &[AT + 0x1000, 255]);
    assert!(unmap.expect("unmap")[0] >= 7);
    assert_eq!(mapped(&mut system, AT), Some(Access::READ | Access::WRITE));
    assert_eq!(mapped(&mut system, AT + 0x1000), None);
    assert_eq!(mapped(&mut system, AT + 0x7000), None);
    assert_eq!(system.kernel.hal().flushes(), flushes + 2, "once a call");
}

#[test]
fn rights_of_a_frame_bound_its_windows() {
    let mut system = with_window();
    let read_only = (Rights::all() - Rights::WRITE).into_word();
    system.ask(slot::NODE, node::word::Mint, &[FREE + 5, FRAME, read_only, 0]).expect("mint");
    system.remove(WINDOW).expect("remove");
    attach(&mut system, FREE + 5, AT, 20, WINDOW).expect("attach");
    assert_eq!(reason(map(&mut system, AT, 0, 1, read_write())), Reason::PermissionDenied);
    assert_eq!(map(&mut system, AT, 0, 1, read()), Ok(1));
    let arguments = [AT, 1, read_write()];
    let refused = system.ask(WINDOW, window::word::Protect, &arguments);
    assert_eq!(reason(refused), Reason::PermissionDenied);
    let no_dma = (Rights::all() - Rights::DMA).into_word();
    system.ask(slot::NODE, node::word::Demote, &[FREE + 5, no_dma]).expect("demote");
    assert_eq!(reason(system.ask(FREE + 5, frame::word::Address, &[])), Reason::PermissionDenied);
}

#[test]
fn revoking_the_frame_clears_what_was_mapped_and_only_that() {
    let mut system = with_window();
    system.convert(GENERIC, ObjectType::Frame, 12, 1, FREE + 5).expect("another frame");
    attach(&mut system, FREE + 5, AT, 20, FREE + 6).expect("attach");
    map(&mut system, AT + 0x2000, 0, 16, read()).expect("map");
    let other = [AT + 0x1000, 0, 1, read(), NORMAL];
    system.ask(FREE + 6, window::word::Map, &other).expect("map");
    system.revoke(FRAME).expect("revoke");
    assert_eq!(system.look(WINDOW), 0);
    assert_eq!(mapped(&mut system, AT + 0x2000), None);
    assert_eq!(mapped(&mut system, AT + 0x11_000), None);
    assert_eq!(mapped(&mut system, AT + 0x1000), Some(Access::READ), "not its page");
}

#[test]
fn a_window_of_everything_is_removed_in_bounded_steps() {
    let mut system = with_window();
    attach(&mut system, FRAME, 0, 47, WINDOW + 1).expect("attach");
    let arguments = [AT + 0x3000, 0, 4, read(), NORMAL];
    system.ask(WINDOW + 1, window::word::Map, &arguments).expect("map");
    system.remove(WINDOW + 1).expect("remove");
    assert!(system.restarted);
    assert_eq!(mapped(&mut system, AT + 0x3000), None);
}

#[test]
fn windows_and_tables_outlive_their_address_space_without_effect() {
    let mut system = with_window();
    map(&mut system, AT, 0, 1, read()).expect("map");
    system.remove(SPACE).expect("the address space goes");
    assert_eq!(reason(map(&mut system, AT, 0, 1, read())), Reason::PartnerDied);
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("another");
    for table in 0..3 {
        install(&mut system, TABLES + table, AT).expect("tables are free again");
    }
    assert_eq!(mapped(&mut system, AT), None, "and empty");
    system.revoke(GENERIC).expect("all of it");
}

#[test]
fn a_table_that_goes_takes_its_mappings_along() {
    let mut system = with_window();
    map(&mut system, AT, 0, 4, read()).expect("map");
    system.remove(TABLES + 1).expect("the middle level");
    assert_eq!(mapped(&mut system, AT), None);
    assert_eq!(reason(map(&mut system, AT, 0, 1, read())), Reason::MissingTable);
    assert_eq!(install(&mut system, TABLES + 3, AT), Ok(21));
    assert_eq!(install(&mut system, TABLES + 4, AT), Ok(12));
    assert_eq!(mapped(&mut system, AT), None, "nothing of the past");
    system.remove(TABLES + 2).expect("the table that hung on the middle level");
    assert_eq!(map(&mut system, AT, 0, 1, read()), Ok(1), "its successor stays");
}

#[test]
fn device_memory_becomes_frames_only_and_is_mapped_as_device() {
    let mut system = System::new();
    let device = (slot::FIRST_LISTED..FREE)
        .find(|slot| {
            let words = system.ask(*slot, a9n_abi::generic::word::Information, &[]);
            words.is_ok_and(|words| words[3] == 1)
        })
        .expect("a device Generic");
    let refused = system.convert(device, ObjectType::IpcPort, 0, 1, FREE + 20);
    assert_eq!(reason(refused), Reason::InvalidArgument);
    system.convert(device, ObjectType::Frame, 12, 1, FREE + 20).expect("a frame");
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("space");
    system.convert(GENERIC, ObjectType::PageTable, 0, 3, TABLES).expect("tables");
    for table in 0..3 {
        install(&mut system, TABLES + table, AT).expect("install");
    }
    attach(&mut system, FREE + 20, AT, 12, WINDOW).expect("attach");
    assert_eq!(reason(map(&mut system, AT, 0, 1, read_write())), Reason::InvalidArgument);
    let arguments = [AT, 0, 1, read_write(), MemoryType::Device as u64];
    system.ask(WINDOW, window::word::Map, &arguments).expect("as device memory");
}

/// Writes runs into init's IPC buffer.
fn write_runs(system: &mut System, runs: &[a9n_abi::MappingRun]) {
    let base = system.ask(slot::BUFFER, frame::word::Address, &[]).expect("address")[0];
    let first = base + std::mem::offset_of!(a9n_abi::IpcBuffer, runs) as u64;
    for (number, run) in (0..).zip(runs) {
        for (word, value) in (0..).zip([run.address, run.window, run.extent]) {
            let address = a9n_hal::PhysicalAddress(first + number * 24 + word * 8);
            system.kernel.hal().memory().store_word(address, value);
        }
    }
}

fn batch(system: &mut System, operation: u64, runs: u64) -> Result<(u64, u64), a9n_abi::Error> {
    system.ask(SPACE, operation, &[runs]).map(|words| (words[0], words[1]))
}

#[test]
fn batches_map_unmap_and_protect_with_tables_from_the_pool() {
    use a9n_abi::{Descriptor, MappingRun};

    const MAP: u64 = address_space::word::MapMany;
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("space");
    system.convert(GENERIC, ObjectType::Frame, 18, 1, FRAME).expect("frame");
    system.convert(GENERIC, ObjectType::PageTable, 0, 6, TABLES).expect("tables");
    attach(&mut system, FRAME, 0, 47, WINDOW).expect("attach");
    let window = Descriptor::slot(WINDOW);
    let runs: Vec<_> = (0..50)
        .map(|i| MappingRun::new(AT + i * 0x2000, window, 63 - i, 1, Access::READ))
        .chain([MappingRun::new(1 << 40, window, 0, 64, Access::READ | Access::WRITE)])
        .collect();
    write_runs(&mut system, &runs);
    assert_eq!(reason(batch(&mut system, MAP, 51)), Reason::MissingTable);
    for table in 0..5 {
        let add = [TABLES + table];
        system.ask(SPACE, address_space::word::AddTable, &add).expect("into the pool");
        let again = system.ask(SPACE, address_space::word::AddTable, &add);
        assert_eq!(reason(again), Reason::Busy);
    }
    // Five tables reach all of the first region and two levels of the second.
    assert_eq!(batch(&mut system, MAP, 51), Ok((50, 0)));
    assert!(system.restarted, "in bounded steps");
    assert_eq!(mapped(&mut system, AT + 49 * 0x2000), Some(Access::READ));
    assert_eq!(mapped(&mut system, AT + 0x1000), None);
    system.ask(SPACE, address_space::word::AddTable, &[TABLES + 5]).expect("into the pool");
    assert_eq!(batch(&mut system, MAP, 51), Ok((51, 0)), "again, and to the end");
    assert_eq!(mapped(&mut system, (1 << 40) + 0x3_f000), Some(Access::READ | Access::WRITE));
    let other = MappingRun::new(AT, window, 5, 1, Access::READ);
    write_runs(&mut system, &[other]);
    assert_eq!(reason(batch(&mut system, MAP, 1)), Reason::Occupied, "another page is there");
    let protect = MappingRun::new(1 << 40, window, 0, 64, Access::READ);
    write_runs(&mut system, &[protect]);
    assert_eq!(batch(&mut system, address_space::word::ProtectMany, 1), Ok((1, 0)));
    assert_eq!(mapped(&mut system, (1 << 40) + 0x1000), Some(Access::READ));
    let everything = MappingRun::new(AT, window, 0, 1 << 20, Access::READ);
    write_runs(&mut system, &[protect, everything]);
    assert_eq!(batch(&mut system, address_space::word::UnmapMany, 2), Ok((2, 0)));
    assert_eq!(mapped(&mut system, AT), None);
    assert_eq!(mapped(&mut system, 1 << 40), None);
    assert_eq!(reason(batch(&mut system, MAP, 101)), Reason::InvalidArgument);
    system.remove(TABLES + 5).expect("a table");
    system.remove(SPACE).expect("the space, with what is left in its pool");
    system.revoke(GENERIC).expect("all of it");
}

#[test]
fn a_stack_may_begin_where_the_user_half_ends() {
    let mut system = System::new();
    system.process(FREE, 1);
    let end = <a9n_hal_sim::SimMachine as a9n_hal::Paging>::USER_END.0;
    for (instruction, stack, base, refused) in [
        (0x1000, end, 0, None),
        (0x1000, 0, end - 1, None),
        (0x1000, end + 1, 0, Some(2)),
        (end, 0, 0, Some(1)),
        (0x1000, 0, end, Some(3)),
    ] {
        let word = a9n_abi::pcb::word::ConfigureEntry;
        let answer = system.ask(FREE, word, &[instruction, stack, base, 0]);
        assert_eq!(answer.err().map(|error| error.culprit.0), refused, "{stack:#x}");
    }
}
