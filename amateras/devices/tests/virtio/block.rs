//! A disk: requests, as a driver makes them and as nobody should.

use amateras_devices::GuestMemory;
use amateras_devices::virtio::{Block, BlockSize, Operation, Request};

use crate::machine::{DESCRIPTORS, Machine, NEEDS_RESET, NEXT, WRITE};

/// Where the parts of a request are.
const HEADER: u64 = 0x4000;
const DATA: u64 = 0x8000;
const STATUS: u64 = 0x5000;
/// Sectors of the disk.
const SECTORS: u64 = 300;
/// Types.
const READ: u32 = 0;
const STORE: u32 = 1;
const FLUSH: u32 = 4;
const NAME: u32 = 8;
/// The feature of drivers that ask for flushes.
const FLUSHES: u64 = 1 << 9;

fn disk(read_only: bool) -> (Block, Machine) {
    let block = Block::new(BlockSize { sectors: SECTORS, read_only }, "guest-disk");
    (block, Machine::running(block.description(), FLUSHES))
}

/// Makes a request of `bytes` bytes available.
fn ask(it: &mut Machine, kind: u32, sector: u64, bytes: u32) {
    let mut header = u64::from(kind).to_le_bytes().to_vec();
    header.extend(sector.to_le_bytes());
    it.memory.bytes[..].write(HEADER, &header).unwrap();
    it.memory.bytes[STATUS as usize] = 0xff;
    let flags = if kind == STORE { NEXT } else { NEXT | WRITE };
    it.describe(DESCRIPTORS, 0, HEADER, 16, (NEXT, if bytes == 0 { 2 } else { 1 }));
    it.describe(DESCRIPTORS, 1, DATA, bytes, (flags, 2));
    it.describe(DESCRIPTORS, 2, STATUS, 1, (WRITE, 0));
    it.offer(0);
}

fn next(block: &Block, it: &mut Machine) -> Option<Request> {
    let (transport, memory) = it.device();
    block.next(transport, memory)
}

fn answer(it: &Machine) -> (u16, u32, u8) {
    let (count, _, written) = it.used();
    (count, written, it.memory.bytes[STATUS as usize])
}

#[test]
fn sectors_go_both_ways() {
    let (block, mut it) = disk(false);
    it.memory.bytes[DATA as usize..DATA as usize + 1024].fill(0x5a);
    ask(&mut it, STORE, 7, 1024);
    let request = next(&block, &mut it).unwrap();
    assert_eq!((request.operation, request.sector), (Operation::Write(1024), 7));
    let mut contents = [0; 600];
    assert!(request.contents(&it.memory, 424, &mut contents));
    assert_eq!(contents, [0x5a; 600]);
    assert!(!request.contents(&it.memory, 425, &mut contents), "there is no more");
    let (transport, memory) = it.device();
    block.finish(transport, memory, &request, true);
    assert_eq!(answer(&it), (1, 1, 0));

    ask(&mut it, READ, 299, 512);
    let request = next(&block, &mut it).unwrap();
    assert_eq!((request.operation, request.sector), (Operation::Read(512), 299));
    let (transport, memory) = it.device();
    assert!(request.deliver(memory, 0, &[0x33; 512]));
    block.finish(transport, memory, &request, true);
    assert_eq!(answer(&it), (2, 513, 0));
    assert_eq!(it.memory.bytes[DATA as usize..DATA as usize + 512], [0x33; 512]);
    assert_eq!(it.memory.bytes[DATA as usize + 512], 0x5a);
}

#[test]
fn a_flush_is_asked_for_or_follows_every_write() {
    let (block, mut it) = disk(false);
    ask(&mut it, FLUSH, 0, 0);
    let request = next(&block, &mut it).unwrap();
    assert_eq!(request.operation, Operation::Flush);
    let (transport, memory) = it.device();
    assert!(!Block::writes_through(transport));
    block.finish(transport, memory, &request, false);
    assert_eq!(answer(&it), (1, 1, 1), "the disk failed");
    it.set(0x14, 1, 0);
    it.start(0);
    assert!(Block::writes_through(it.device().0));
}

#[test]
fn what_cannot_be_is_answered_at_once() {
    let (block, mut it) = disk(true);
    let cases = [
        (READ, SECTORS, 512, 1),
        (READ, SECTORS - 1, 1024, 1),
        (READ, u64::MAX, 512, 1),
        (READ, 0, 100, 1),
        (READ, 0, 0, 1),
        (STORE, 0, 512, 1),
        (99, 0, 512, 2),
    ];
    for (count, (kind, sector, bytes, status)) in (1..).zip(cases) {
        ask(&mut it, kind, sector, bytes);
        assert!(next(&block, &mut it).is_none());
        assert_eq!(answer(&it), (count, 1, status), "{kind} {sector} {bytes}");
    }
    ask(&mut it, NAME, 0, 20);
    assert!(next(&block, &mut it).is_none());
    assert_eq!(answer(&it).2, 0);
    assert_eq!(it.memory.bytes[DATA as usize..DATA as usize + 12], *b"guest-disk\0\0");
}

#[test]
fn a_request_without_room_for_its_parts_stops_the_device() {
    for (bytes, flags) in [(16, 0), (15, NEXT), (16, NEXT | WRITE)] {
        let (block, mut it) = disk(false);
        it.describe(DESCRIPTORS, 0, HEADER, bytes, (flags, 1));
        it.describe(DESCRIPTORS, 1, STATUS, 1, (WRITE, 0));
        it.offer(0);
        assert!(next(&block, &mut it).is_none());
        assert_eq!(it.get(0x14, 1) & NEEDS_RESET, NEEDS_RESET, "{bytes} {flags}");
    }
}

#[test]
fn what_was_under_way_before_a_reset_is_answered_to_nobody() {
    let (block, mut it) = disk(false);
    ask(&mut it, READ, 0, 512);
    let request = next(&block, &mut it).unwrap();
    it.set(0x14, 1, 0);
    it.start(FLUSHES);
    let (transport, memory) = it.device();
    assert!(request.is_stale(transport));
    memory.written.clear();
    block.finish(transport, memory, &request, true);
    assert!(memory.written.is_empty());
    ask(&mut it, READ, 0, 512);
    let request = next(&block, &mut it).unwrap();
    assert!(!request.is_stale(it.device().0));
}
