//! Address spaces and page tables.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::{
    Access, AddressSpace, Culprit, Descriptor, Frame, MemoryType, PageTable, Window, map_pages,
};

use crate::test::Test;

cases!("space": asks_for_each_table, refuses_a_table_too_many, uses_a_table_once,
    translates, refuses_kernel_addresses, loses_a_removed_table, outlived_by_its_windows);

/// An address that nothing else is near.
const FAR: u64 = 0x1234_5678_9000;

fn asks_for_each_table(test: &mut Test) -> Verdict {
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(12)?);
    let slot = test.slot();
    frame.attach(space, FAR, 12, test.node(), slot)?;
    let window = Window::slot(slot);
    for entry_bits in [30, 21, 12] {
        check_refused!(window.map(FAR, 0, 1, READ_WRITE, MemoryType::Normal), MissingTable, 1);
        let table: PageTable = test.make(0)?;
        check_eq!(space.install_table(table, FAR), Ok(entry_bits));
    }
    check_eq!(window.map(FAR, 0, 1, READ_WRITE, MemoryType::Normal), Ok(1));
    Ok(())
}

fn refuses_a_table_too_many(test: &mut Test) -> Verdict {
    let space: AddressSpace = test.make(0)?;
    for _ in 0..3 {
        let table: PageTable = test.make(0)?;
        space.install_table(table, FAR)?;
    }
    let table: PageTable = test.make(0)?;
    check_refused!(space.install_table(table, FAR), Occupied, 2);
    // It is still good for another address.
    check_eq!(space.install_table(table, FAR + (1 << 21)), Ok(12));
    Ok(())
}

fn uses_a_table_once(test: &mut Test) -> Verdict {
    let (space, table): (AddressSpace, PageTable) = (test.make(0)?, test.make(0)?);
    space.install_table(table, FAR)?;
    check_refused!(space.install_table(table, FAR), Busy, 1);
    check_refused!(space.install_table(test.node(), FAR), InvalidDescriptor, 1);
    let slot = test.slot();
    check_refused!(test.node().copy(slot, table), PermissionDenied, 2);
    Ok(())
}

fn translates(test: &mut Test) -> Verdict {
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(13)?);
    let slot = test.slot();
    frame.attach(space, FAR, 12, test.node(), slot)?;
    check_eq!(space.translate(FAR)?.0, 0);
    let executable = Access::READ | Access::EXECUTE;
    map_pages(space, Window::slot(slot), FAR, 1, executable, || test.make(0))?;
    let (mapped, access) = space.translate(FAR + 0xfff)?;
    check_eq!((mapped, access & Access::WRITE), (1, Access::empty()));
    check!(access.contains(Access::EXECUTE));
    check_eq!(space.translate(FAR + 0x1000)?.0, 0);
    check_refused!(space.translate(1 << 47), InvalidArgument, 1);
    Ok(())
}

fn refuses_kernel_addresses(test: &mut Test) -> Verdict {
    let (frame, table): (Frame, PageTable) = (test.make(13)?, test.make(0)?);
    let (node, slot) = (test.node(), test.slot());
    let space: AddressSpace = test.make(0)?;
    for address in [1 << 47, u64::MAX - 0xfff, 0xffff_8000_0000_0000, u64::MAX - 0x1fff] {
        check_refused!(frame.attach(space, address, 12, node, slot), InvalidArgument, 2);
    }
    for address in [1 << 47, 0xffff_8000_0000_0000, u64::MAX] {
        check_refused!(space.install_table(table, address), InvalidArgument, 2);
    }
    // The last user page is never mapped, also by a window of the whole address space.
    frame.attach(space, 0, 47, node, slot)?;
    let (window, last) = (Window::slot(slot), (1 << 47) - 0x1000);
    map_pages(space, window, last - 0x1000, 1, READ_WRITE, || test.make(0))?;
    check_refused!(window.map(last, 0, 1, READ_WRITE, MemoryType::Normal), InvalidArgument, 1);
    let past = window.map(1 << 47, 0, 1, READ_WRITE, MemoryType::Normal);
    check_refused!(past, InvalidArgument, 1);
    let kernel = window.map(0xffff_8000_0000_0000, 0, 1, READ_WRITE, MemoryType::Normal);
    check_refused!(kernel, InvalidArgument, 1);
    Ok(())
}

fn loses_a_removed_table(test: &mut Test) -> Verdict {
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(12)?);
    let slot = test.slot();
    frame.attach(space, FAR, 12, test.node(), slot)?;
    let tables = test.slots(3);
    let mut next = tables;
    let (generic, node) = (test.generic(), test.node());
    let window = Window::slot(slot);
    map_pages(space, window, FAR, 1, READ_WRITE, || {
        generic.convert(nun::ObjectType::PageTable, 0, 1, node, next)?;
        next += 1;
        Ok(PageTable::slot(next - 1))
    })?;
    check_eq!(space.translate(FAR)?.0, 1);
    test.node().remove(tables + 2)?;
    check_eq!(space.translate(FAR)?.0, 0);
    check_refused!(window.map(FAR, 0, 1, READ_WRITE, MemoryType::Normal), MissingTable, 1);
    let table: PageTable = test.make(0)?;
    check_eq!(space.install_table(table, FAR), Ok(12));
    check_eq!(window.map(FAR, 0, 1, READ_WRITE, MemoryType::Normal), Ok(1));
    // A table above takes what is below it along.
    test.node().remove(tables)?;
    check_eq!(space.translate(FAR)?.0, 0);
    Ok(())
}

fn outlived_by_its_windows(test: &mut Test) -> Verdict {
    let (space, frame): (AddressSpace, Frame) = (test.make(0)?, test.make(12)?);
    let slot = test.slot();
    frame.attach(space, FAR, 12, test.node(), slot)?;
    let window = Window::slot(slot);
    map_pages(space, window, FAR, 1, READ_WRITE, || test.make(0))?;
    test.node().remove(index(space))?;
    let map = window.map(FAR, 0, 1, READ_WRITE, MemoryType::Normal);
    check_refused!(map, PartnerDied, Culprit::DESCRIPTOR);
    test.node().remove(slot)?;
    let attach = frame.attach(Descriptor::slot(slot), FAR, 12, test.node(), slot);
    check_refused!(attach, InvalidDescriptor, 1);
    Ok(())
}
