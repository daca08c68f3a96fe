//! Frames and Windows.

use a9n_cases::{READ_WRITE, Verdict, cases, check_eq, check_refused, index};
use nun::abi::{MessageInfo, window};
use nun::mapped::Mapped;
use nun::syscall::kernel_call;
use nun::{Access, Culprit, Error, Frame, MemoryType, Rights};

use crate::bodies;
use crate::machine::{jump, load, store};
use crate::test::Test;

cases!("frame": shared_by_two_windows, never_writable_and_executable, read_only_is_not_written,
    data_is_not_executed, mapped_within_its_bounds, mapped_with_its_rights, any_page_anywhere_in_the_range, protected_anew, mapped_once,
    unmapped_at_once, gone_with_its_window, gone_when_revoked, large_pages, attach_is_checked,
    windows_are_not_copied, moved_window_still_owns_its_pages);

const NORMAL: MemoryType = MemoryType::Normal;

fn shared_by_two_windows(test: &mut Test) -> Verdict {
    let (frame, _, one) = test.page(READ_WRITE)?;
    let address = test.room(1);
    test.map_at(frame, address, 1, Access::READ)?;
    let two = Mapped::in_workspace(address, 4096);
    one.write(8, 0x1234);
    check_eq!((two.read(8), two.read(16)), (0x1234, 0));
    Ok(())
}

fn never_writable_and_executable(test: &mut Test) -> Verdict {
    let (_, page, memory) = test.page(READ_WRITE)?;
    let address = memory.address();
    page.unmap(address, 1)?;
    for access in [6, 7, 8, 1 << 40] {
        let info = MessageInfo::default();
        let answer =
            kernel_call(window::word::Map, page.into(), info, [address, 0, 1, access, 0, 0]);
        let result = Error::from_label(answer.info.label()).map_or(Ok(()), Err);
        check_refused!(result, InvalidArgument, 4);
    }
    let none = page.map(address, 0, 1, Access::empty(), NORMAL);
    check_refused!(none, InvalidArgument, 4);
    Ok(())
}

fn read_only_is_not_written(test: &mut Test) -> Verdict {
    let (frame, address) = (test.make(12)?, test.room(1));
    test.map_at(frame, address, 1, Access::READ)?;
    test.check_page_fault(store, address, Access::WRITE)?;
    check_eq!(Mapped::in_workspace(address, 4096).read(0), 0);
    Ok(())
}

fn data_is_not_executed(test: &mut Test) -> Verdict {
    for access in [READ_WRITE, Access::READ] {
        let (frame, address) = (test.make(12)?, test.room(1));
        test.map_at(frame, address, 1, access)?;
        test.check_page_fault(jump, address, Access::EXECUTE)?;
    }
    Ok(())
}

fn mapped_within_its_bounds(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let address = test.room(8).next_multiple_of(4 << 12);
    let window = test.map_at(frame, address, 4, READ_WRITE)?;
    let map = |address, offset, pages| window.map(address, offset, pages, READ_WRITE, NORMAL);
    for address in [address - 4096, address + (4 << 12), address + 8, 0, u64::MAX, 1 << 63] {
        check_refused!(map(address, 0, 1), InvalidArgument, 1);
        check_refused!(window.unmap(address, 1), InvalidArgument, 1);
        check_refused!(window.protect(address, 1, Access::READ), InvalidArgument, 1);
    }
    for offset in [4, 1 << 32, 1 << 52, u64::MAX] {
        check_refused!(map(address, offset, 1), InvalidArgument, 2);
    }
    for pages in [0, 5, 1 << 52, u64::MAX] {
        check_refused!(map(address, 0, pages), InvalidArgument, 3);
        check_refused!(window.unmap(address, pages), InvalidArgument, 2);
        check_refused!(window.protect(address, pages, Access::READ), InvalidArgument, 2);
    }
    // It fits into the range, but not into the frame.
    check_refused!(map(address, 2, 3), InvalidArgument, 3);
    Ok(())
}

fn any_page_anywhere_in_the_range(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let address = test.room(8).next_multiple_of(4 << 12);
    let window = test.map_at(frame, address, 4, READ_WRITE)?;
    let memory = Mapped::in_workspace(address, 4 << 12);
    (0..4).for_each(|page| memory.write(page << 12, page as u64));
    check_eq!(window.unmap(address, 4), Ok(4));
    for page in 0..4 {
        let backwards = window.map(address + (page << 12), 3 - page, 1, READ_WRITE, NORMAL);
        check_eq!(backwards, Ok(1));
    }
    for page in 0..4 {
        check_eq!(memory.read(page << 12), 3 - page as u64);
    }
    // One page twice.
    check_eq!(window.unmap(address, 1), Ok(1));
    check_eq!(window.map(address, 0, 1, READ_WRITE, NORMAL), Ok(1));
    memory.write(8, 5);
    check_eq!(memory.read((3 << 12) + 8), 5);
    Ok(())
}

fn protected_anew(test: &mut Test) -> Verdict {
    let (_, window, memory) = test.page(READ_WRITE)?;
    let address = memory.address();
    memory.write(0, 7);
    check_eq!(window.protect(address, 1, Access::READ), Ok(1));
    test.check_page_fault(store, address, Access::WRITE)?;
    check_eq!(memory.read(0), 7);
    check_eq!(window.protect(address, 1, READ_WRITE), Ok(1));
    memory.write(0, 8);
    check_eq!(memory.read(0), 8);
    check_refused!(window.protect(address, 1, Access::empty()), InvalidArgument, 3);
    Ok(())
}

fn mapped_with_its_rights(test: &mut Test) -> Verdict {
    let (frame, address): (Frame, u64) = (test.make(12)?, test.room(1));
    let reader = test.mint(frame, Rights::READ, 0)?;
    let window = test.map_at(reader, address, 1, Access::READ)?;
    window.unmap(address, 1)?;
    let map = |access| window.map(address, 0, 1, access, NORMAL);
    check_refused!(map(READ_WRITE), PermissionDenied, 4);
    check_refused!(map(Access::WRITE), PermissionDenied, 4);
    check_refused!(window.protect(address, 1, READ_WRITE), PermissionDenied, 3);
    check_eq!(map(Access::READ), Ok(1));
    check_refused!(reader.address(), PermissionDenied, Culprit::DESCRIPTOR);
    let blind = test.mint(frame, Rights::WRITE, 0)?;
    let slot = test.slot();
    let attach = blind.attach(test.space(), address, 12, test.node(), slot);
    check_refused!(attach, PermissionDenied, Culprit::DESCRIPTOR);
    Ok(())
}

fn mapped_once(test: &mut Test) -> Verdict {
    let (_, window, memory) = test.page(READ_WRITE)?;
    memory.write(0, 5);
    let address = memory.address();
    check_refused!(window.map(address, 0, 1, READ_WRITE, NORMAL), Occupied, 1);
    let other: Frame = test.make(12)?;
    let second = test.attach(other, address, 1)?;
    check_refused!(second.map(address, 0, 1, READ_WRITE, NORMAL), Occupied, 1);
    // A window takes away only what is its own.
    check_eq!(second.unmap(address, 1), Ok(1));
    check_eq!(memory.read(0), 5);
    test.node().remove(index(second))?;
    check_eq!(memory.read(0), 5);
    Ok(())
}

fn unmapped_at_once(test: &mut Test) -> Verdict {
    let (_, window, memory) = test.page(READ_WRITE)?;
    let address = memory.address();
    // The translation is in the TLB.
    memory.write(0, 1);
    check_eq!(window.unmap(address, 1), Ok(1));
    test.check_page_fault(load, address, Access::READ)?;
    check_eq!(window.map(address, 0, 1, Access::READ, NORMAL), Ok(1));
    check_eq!(memory.read(0), 1);
    test.check_page_fault(store, address, Access::WRITE)
}

fn gone_with_its_window(test: &mut Test) -> Verdict {
    let (frame, address) = (test.make(18)?, test.room(64));
    let window = test.map_at(frame, address, 64, READ_WRITE)?;
    let memory = Mapped::in_workspace(address, 1 << 18);
    memory.write(63 << 12, 1);
    test.node().remove(index(window))?;
    for page in [0, 31, 32, 63] {
        check_eq!(test.space().translate(address + (page << 12))?.0, 0);
    }
    test.check_page_fault(load, address + (63 << 12), Access::READ)
}

fn gone_when_revoked(test: &mut Test) -> Verdict {
    let (frame, window, memory) = test.page(READ_WRITE)?;
    let address = memory.address();
    memory.write(0, 1);
    test.node().revoke(index(frame))?;
    check_eq!(test.node().look(index(window))?.0, 0);
    test.check_page_fault(load, address, Access::READ)?;
    // The frame itself is still there, and may be mapped again.
    test.map_at(frame, address, 1, READ_WRITE)?;
    check_eq!(memory.read(0), 1);
    Ok(())
}

fn large_pages(test: &mut Test) -> Verdict {
    const PAGES: u64 = 512;
    let frame: Frame = test.make(21)?;
    let address = test.room(2 * PAGES).next_multiple_of(PAGES << 12);
    let window = test.attach(frame, address, PAGES)?;
    for _ in 0..2 {
        let table: nun::PageTable = test.make(0)?;
        // The upper levels may be there already.
        if test.space().install_table(table, address)? == 21 {
            break;
        }
    }
    check_eq!(window.map(address, 0, PAGES, READ_WRITE, NORMAL), Ok(PAGES));
    let memory = Mapped::in_workspace(address, PAGES << 12);
    let last = (PAGES as usize * 4096) - 8;
    memory.write(0, 1);
    memory.write(last, 2);
    check_eq!((memory.read(0), memory.read(last)), (1, 2));
    test.node().remove(index(window))?;
    test.check_page_fault(load, address + last as u64, Access::READ)
}

fn attach_is_checked(test: &mut Test) -> Verdict {
    let (frame, address): (Frame, u64) = (test.make(12)?, test.room(1));
    let (space, node, slot) = (test.space(), test.node(), test.slot());
    check_refused!(frame.attach(node, address, 12, node, slot), InvalidDescriptor, 1);
    check_refused!(frame.attach(space, address + 8, 12, node, slot), InvalidArgument, 2);
    check_refused!(frame.attach(space, 1 << 20, 21, node, slot), InvalidArgument, 2);
    for bits in [0, 11, 48, 64, 256 + 12, u64::MAX] {
        check_refused!(frame.attach(space, 0, bits, node, slot), InvalidArgument, 3);
    }
    check_refused!(frame.attach(space, address, 12, space, slot), InvalidDescriptor, 4);
    check_refused!(frame.attach(space, address, 12, node, index(frame)), Occupied, 5);
    check_refused!(frame.attach(space, address, 12, node, 1 << 40), InvalidArgument, 5);
    let seen = test.mint(space, Rights::READ, 0)?;
    check_refused!(frame.attach(seen, address, 12, node, slot), PermissionDenied, 1);
    check_eq!(frame.information(), Ok((12, 0)));
    Ok(())
}

fn windows_are_not_copied(test: &mut Test) -> Verdict {
    let (_, window, _) = test.page(READ_WRITE)?;
    let slot = test.slot();
    check_refused!(test.node().copy(slot, window), PermissionDenied, 2);
    Ok(())
}

fn moved_window_still_owns_its_pages(test: &mut Test) -> Verdict {
    let (_, window, memory) = test.page(READ_WRITE)?;
    let (address, slot) = (memory.address(), test.slot());
    memory.write(0, 3);
    test.node().move_from(slot, window)?;
    check_eq!(memory.read(0), 3);
    test.node().remove(slot)?;
    check_eq!(test.space().translate(address)?.0, 0);
    // A thread that does nothing wrong is not stopped.
    test.start(bodies::visit, 1)?;
    test.settle()?;
    check_eq!(crate::cells::get(1), 1);
    Ok(())
}
