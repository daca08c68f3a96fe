//! A made-up configuration space: what is found in it, and what it says of a virtio disk.

use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;

use nun_driver::pci::pci_types::{ConfigRegionAccess, PciAddress};
use nun_driver::pci::{BusMaster, CONFIGURATION_BYTES, Snapshot, read, scan};
use nun_driver::virtio::virtio_drivers::transport::DeviceType;
use nun_driver::virtio::{Layout, Part, kind};

/// Words by address and offset. What is not there reads as ones; BARs tell their size.
#[derive(Default)]
struct Space(RefCell<BTreeMap<(PciAddress, u16), u32>>);

impl ConfigRegionAccess for Space {
    // SAFETY: nothing is asked of the caller.
    unsafe fn read(&self, address: PciAddress, offset: u16) -> u32 {
        let words = self.0.borrow();
        let exists = words.contains_key(&(address, 0));
        words.get(&(address, offset)).copied().unwrap_or(if exists { 0 } else { u32::MAX })
    }

    // SAFETY: as for `read`.
    unsafe fn write(&self, address: PciAddress, offset: u16, value: u32) {
        if let Some(word) = self.0.borrow_mut().get_mut(&(address, offset)) {
            *word = if offset == 0x20 { value & !0x3fff | 4 } else { value };
        }
    }
}

impl Space {
    fn add(&self, address: PciAddress, words: &[(u16, u32)]) {
        self.0.borrow_mut().extend(words.iter().map(|(offset, word)| ((address, *offset), *word)));
    }

    fn word(&self, address: PciAddress, offset: u16) -> u32 {
        self.0.borrow()[&(address, offset)]
    }
}

fn at(bus: u8, device: u8, function: u8) -> PciAddress {
    PciAddress::new(0, bus, device, function)
}

/// A modern virtio disk: registers in BAR 4, at 0xfe00_4000, four parts and MSI-X.
fn disk(address: PciAddress) -> Space {
    let space = Space::default();
    let part = |next: u32, length: u32, kind: u32| kind << 24 | length << 16 | next << 8 | 9;
    space.add(
        address,
        &[
            (0x00, 0x1042_1af4),
            (0x04, 0x0010_0000),
            (0x08, 0x0100_0000),
            (0x0c, 0),
            (0x20, 0xfe00_4004),
            (0x24, 0),
            (0x34, 0x40),
            (0x40, part(0x50, 16, 1)),
            (0x44, 4),
            (0x48, 0),
            (0x4c, 0x38),
            (0x50, part(0x64, 20, 2)),
            (0x54, 4),
            (0x58, 0x3000),
            (0x5c, 0x1000),
            (0x60, 4),
            (0x64, part(0x74, 16, 3)),
            (0x68, 4),
            (0x6c, 0x1000),
            (0x70, 1),
            // A second one of a kind does not count.
            (0x74, part(0x84, 16, 1)),
            (0x78, 1),
            (0x7c, 0x777),
            (0x80, 0x38),
            (0x84, 0x0001_0011),
            (0x88, 1),
            (0x8c, 0x801),
        ],
    );
    space
}

#[test]
fn every_function_is_found_once() {
    let space = Space::default();
    // One function; several, with a gap; something that looks like a second function, but is not.
    space.add(at(0, 3, 0), &[(0, 0x1111_8086), (0xc, 0)]);
    space.add(at(0, 3, 1), &[(0, 0x1112_8086), (0xc, 0)]);
    space.add(at(1, 31, 0), &[(0, 0x2222_8086), (8, 0x0604_0000), (0xc, 0x80_0000)]);
    space.add(at(1, 31, 5), &[(0, 0x3333_8086), (0xc, 0)]);
    space.add(at(255, 0, 0), &[(0, 0x4444_8086), (0xc, 0)]);
    let found: Vec<_> = scan(&space).map(|function| (function.address, function.device)).collect();
    let expected = [
        (at(0, 3, 0), 0x1111),
        (at(1, 31, 0), 0x2222),
        (at(1, 31, 5), 0x3333),
        (at(255, 0, 0), 0x4444),
    ];
    assert_eq!(found, expected);
    assert_eq!(scan(&space).nth(1).unwrap().class, (6, 4));
}

#[test]
fn a_virtio_disk_says_where_its_registers_are() {
    let address = at(0, 2, 0);
    let space = disk(address);
    let function = scan(&space).next().unwrap();
    assert_eq!(kind(&function), Some(DeviceType::Block));
    let layout = Layout::read(&space, &function).unwrap();
    let part = |offset, bytes| Part { bar: 4, offset, bytes };
    assert_eq!(layout.common, part(0, 0x38));
    assert_eq!((layout.notify, layout.notify_multiplier), (part(0x3000, 0x1000), 4));
    assert_eq!(layout.interrupt_status, part(0x1000, 1));
    assert_eq!(layout.device, None);
    assert_eq!(function.bar(&space, 4), Some((0xfe00_4000, 0x4000)));
    assert_eq!(space.word(address, 0x20), 0xfe00_4004, "as it was before it was asked its size");
    assert_eq!(function.bar(&space, 0), None);
    let msix = function.msix(&space).unwrap();
    assert_eq!((msix.table_bar(), msix.table_offset(), msix.table_size()), (1, 0, 2));
}

#[test]
fn what_is_no_modern_disk_is_told() {
    let address = at(0, 2, 0);
    let space = disk(address);
    // Without the part for notifications.
    space.add(address, &[(0x50, 0x0500_6409)]);
    let function = scan(&space).next().unwrap();
    assert_eq!(Layout::read(&space, &function), None);
    space.add(address, &[(0, 0x1042_8086)]);
    assert_eq!(kind(&scan(&space).next().unwrap()), None);
}

#[test]
fn the_bus_is_mastered_only_while_that_is_wanted() {
    let address = at(0, 2, 0);
    let space = disk(address);
    let function = scan(&space).next().unwrap();
    function.enable(&space, BusMaster::Yes);
    assert_eq!(space.word(address, 4) & 6, 6);
    function.enable(&space, BusMaster::No);
    assert_eq!(space.word(address, 4) & 6, 2);
}

#[test]
fn a_bar_of_64_bits_takes_the_place_of_two() {
    let address = at(0, 2, 0);
    let space = disk(address);
    space.add(address, &[(0x24, 0xe0)]);
    let function = scan(&space).next().unwrap();
    assert_eq!(function.bar(&space, 4), Some((0xe0_fe00_4000, 0x4000)));
    assert_eq!(function.memory_bars(&space).collect::<Vec<_>>(), [4]);
}

#[test]
fn a_function_is_reset_if_it_says_that_it_can_be() {
    let address = at(0, 2, 0);
    let space = disk(address);
    let function = scan(&space).next().unwrap();
    function.enable(&space, BusMaster::Yes);
    assert!(!function.quiesce(&space), "it has no such capability");
    assert_eq!(space.word(address, 4) & 6, 2, "but it loses the bus");

    let express = |can: u32| [(0x84, 0x0001_9011), (0x90, 0x10), (0x94, can), (0x98, 0x1234_0005)];
    space.add(address, &express(0));
    assert!(!function.quiesce(&space));
    assert_eq!(space.word(address, 0x98), 0x1234_0005);
    space.add(address, &express(1 << 28));
    assert!(function.quiesce(&space));
    assert_eq!(space.word(address, 0x98), 0x8005, "no bit of the status is cleared");
}

#[test]
fn what_a_reset_forgets_is_put_back() {
    let address = at(0, 2, 0);
    let space = disk(address);
    let function = scan(&space).next().unwrap();
    let bars = function.bars(&space);
    space.add(address, &[(0x20, 0)]);
    function.restore(&space, &bars);
    assert_eq!(space.word(address, 0x20), 0xfe00_4004);
}

/// Configuration space in the hands of somebody who dies after so many writes.
struct Dying<'a>(&'a Space, Cell<u32>);

impl ConfigRegionAccess for Dying<'_> {
    // SAFETY: nothing is asked of the caller.
    unsafe fn read(&self, address: PciAddress, offset: u16) -> u32 {
        read(self.0, address, offset)
    }

    // SAFETY: as for `read`.
    unsafe fn write(&self, address: PciAddress, offset: u16, value: u32) {
        if let Some(left) = self.1.get().checked_sub(1) {
            self.1.set(left);
            // SAFETY: nothing is asked.
            unsafe { self.0.write(address, offset, value) }
        }
    }
}

#[test]
fn who_measures_registers_may_die_at_any_moment() {
    let address = at(0, 2, 0);
    let space = disk(address);
    space.add(address, &[(0x24, 0xe0)]);
    let function = scan(&space).next().unwrap();
    let bars = function.bars(&space);
    let mut expected = [None; 6];
    expected[4] = Some((0xe0_fe00_4000, 0x4000));
    let is_spoilt = |writes| {
        function.measure(&Dying(&space, Cell::new(writes)), &bars);
        let is_spoilt = function.bars(&space) != bars;
        assert_eq!(function.measure(&space, &bars), expected, "after {writes} writes");
        assert_eq!(function.bars(&space), bars, "after {writes} writes");
        assert_eq!(space.word(address, 4) & 6, 0);
        is_spoilt
    };
    assert_eq!((0..20).filter(|writes| is_spoilt(*writes)).count(), 3, "it matters");
}

#[test]
fn bridges_on_the_way_let_a_master_through() {
    let address = at(3, 0, 0);
    let space = disk(address);
    let bridge = |buses: u32| [(0, 0x1111_8086), (4, 0), (0xc, 0x1_0000), (0x18, buses)];
    space.add(at(0, 1, 0), &bridge(0x0003_0200));
    space.add(at(0, 2, 0), &bridge(0x0007_0400));
    let function = scan(&space).find(|function| function.address == address).unwrap();
    function.enable(&space, BusMaster::No);
    assert_eq!(space.word(at(0, 1, 0), 4), 0);
    function.enable(&space, BusMaster::Yes);
    assert_eq!(space.word(at(0, 1, 0), 4) & 6, 6, "buses 2 and 3 are behind it");
    assert_eq!(space.word(at(0, 2, 0), 4), 0, "others are behind it");
}

#[test]
fn a_copy_tells_the_same_and_changes_nothing() {
    let address = at(0, 2, 0);
    let space = disk(address);
    let function = scan(&space).next().unwrap();
    let bytes: Vec<u8> = (0..CONFIGURATION_BYTES as u16)
        .step_by(4)
        .flat_map(|offset| read(&space, address, offset).to_le_bytes())
        .collect();
    let copy = Snapshot(&bytes);
    let anywhere = at(0, 0, 0);
    let copied = nun_driver::pci::function(&copy, anywhere).unwrap();
    assert_eq!(Layout::read(&copy, &copied), Layout::read(&space, &function));
    copied.enable(&copy, BusMaster::Yes);
    assert_eq!(read(&copy, anywhere, 4), read(&space, address, 4));
    assert_eq!(read(&Snapshot(&bytes[..6]), anywhere, 4), u32::MAX, "outside there are ones");
}

#[test]
fn a_list_of_capabilities_that_leads_back_into_itself_ends() {
    for known in [0x09_u32, 0x00] {
        let space = disk(at(0, 3, 0));
        space.add(at(0, 3, 0), &[(0x40, known | 0x40 << 8)]);
        let disk = scan(&space).next().expect("a function");
        assert!(disk.msix(&space).is_none());
        assert_eq!(Layout::read(&space, &disk), None);
    }
}

#[test]
fn a_bar_of_a_reserved_kind_is_none() {
    let space = disk(at(0, 3, 0));
    space.add(at(0, 3, 0), &[(0x20, 0xfe00_4002)]);
    let disk = scan(&space).next().expect("a function");
    assert!(disk.memory_bars(&space).all(|bar| bar != 4) && disk.bar(&space, 4).is_none());
}
