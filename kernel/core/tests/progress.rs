//! How far a restartable operation has come is nobody else's business: no refusal hides it, and no
//! later call finds it.

mod common;

use std::mem::offset_of;

use a9n_abi::init::slot;
use a9n_abi::{
    Access, Descriptor, IpcBuffer, MappingRun, MessageInfo, ObjectType, Reason, address_space,
    frame, generic, ipc_port, node,
};
use a9n_hal::CallFrame;
use common::{FREE, GENERIC, Reaction, System, reason};

const SPACE: u64 = FREE;
const FRAME: u64 = FREE + 1;
const WINDOW: u64 = FREE + 2;
const PORT: u64 = FREE + 3;
const SERVER: u64 = FREE + 4;
const TABLES: u64 = FREE + 10;

/// Where tests map.
const AT: u64 = 0x4000_0000;

/// An address space without tables, `pooled` of the three it would need in its pool, and a batch of
/// one page in init's IPC buffer.
fn with_batch(pooled: u64) -> System {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::AddressSpace, 0, 1, SPACE).expect("space");
    system.convert(GENERIC, ObjectType::Frame, 12, 1, FRAME).expect("frame");
    system.convert(GENERIC, ObjectType::PageTable, 0, 3, TABLES).expect("tables");
    let arguments = [SPACE, AT, 12, slot::NODE, WINDOW];
    system.ask(FRAME, frame::word::Attach, &arguments).expect("attach");
    for table in TABLES..TABLES + pooled {
        system.ask(SPACE, address_space::word::AddTable, &[table]).expect("into the pool");
    }
    let run = MappingRun::new(AT, Descriptor::slot(WINDOW), 0, 1, Access::READ);
    let words = [run.address, run.window, run.extent];
    store(&mut system, offset_of!(IpcBuffer, runs), &words);
    system
}

/// Writes words into init's IPC buffer.
fn store(system: &mut System, offset: usize, words: &[u64]) {
    let page = system.ask(slot::BUFFER, frame::word::Address, &[]).expect("address")[0];
    for (index, word) in (offset / 8..).zip(words) {
        system.write(page, index, *word);
    }
}

fn map(system: &mut System) -> Result<(u64, u64), a9n_abi::Error> {
    let words = system.ask(SPACE, address_space::word::MapMany, &[1]);
    words.map(|words| (words[0], words[1]))
}

fn is_mapped(system: &mut System) -> bool {
    system.ask(SPACE, address_space::word::Translate, &[AT]).expect("user address")[0] != 0
}

#[test]
fn a_batch_that_used_up_tables_is_not_refused() {
    for pooled in 1..3 {
        let mut system = with_batch(pooled);
        assert_eq!(map(&mut system), Ok((0, 0)), "its tables are in place");
        assert_eq!(reason(map(&mut system)), Reason::MissingTable);
        for table in TABLES + pooled..TABLES + 3 {
            system.ask(SPACE, address_space::word::AddTable, &[table]).expect("into the pool");
        }
        assert_eq!(map(&mut system), Ok((1, 0)));
        assert!(is_mapped(&mut system));
    }
}

#[test]
fn a_message_with_capabilities_leaves_a_batch_whole() {
    for fast in [false, true] {
        let mut system = with_batch(3);
        system.fast = fast;
        system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("port");
        store(&mut system, offset_of!(IpcBuffer, capabilities), &[FRAME]);
        system.process(SERVER, 255);
        system.start(SERVER);
        system.message(PORT, ipc_port::word::Receive, 0, &[]);
        let init = system.init;
        let info = MessageInfo::new(0, 0).with_capabilities(1).0;
        let operation = ipc_port::word::Call;
        let frame = CallFrame { operation, descriptor: PORT, info, words: [0; 6] };
        assert_eq!(system.call(init, frame), Reaction::Blocked);
        system.check();
        system.message(PORT, ipc_port::word::ReplyReceive, 0, &[]);
        assert_eq!(system.current, Some(init));
        assert_eq!(map(&mut system), Ok((1, 0)));
        assert!(is_mapped(&mut system), "no run counts as done that was not");
    }
}

#[test]
fn a_conversion_that_is_refused_half_way_has_used_nothing() {
    let mut system = System::new();
    system.convert(GENERIC, ObjectType::IpcPort, 0, 1, PORT).expect("a small object");
    let used = |system: &mut System| {
        system.ask(GENERIC, generic::word::Information, &[]).expect("information")[2]
    };
    let before = used(&mut system);
    let [object, bits, index] = [ObjectType::Frame as u64, 16, FRAME];
    let words = [object, bits, 1, slot::NODE, index, 0];
    let operation = generic::word::Convert;
    let frame = CallFrame { operation, descriptor: GENERIC, info: 5, words };
    assert!(system.begin(system.init, frame), "in bounded steps");
    // Somebody else fills the slot.
    system.ask(slot::NODE, node::word::Copy, &[FRAME, slot::TIMERS]).expect("copy");
    let refused = system.convert(GENERIC, ObjectType::Frame, bits, 1, index);
    assert_eq!(reason(refused), Reason::Occupied);
    assert_eq!(used(&mut system), before);
    system.check();
    system.convert(GENERIC, ObjectType::Frame, bits, 1, index + 1).expect("goes on");
    system.check();
}
