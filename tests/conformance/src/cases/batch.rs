//! Mapping in batches.

use a9n_cases::{READ_WRITE, Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::MappingRun;
use nun::mapped::Mapped;
use nun::{Access, Culprit, Descriptor, Frame, PageTable, Window, buffer};

use crate::machine::{load, store};
use crate::test::Test;

cases!("batch": maps_runs_with_tables_from_the_pool, stops_where_a_run_fails,
    first_page_is_an_error, unmaps_and_protects, needs_a_window_of_the_space, many_pages,
    pool_gives_tables_back);

/// Logarithm of the bytes of user memory.
const ALL_BITS: u64 = 47;

/// A window of the whole address space for `frame`.
fn window_of_all(test: &mut Test, frame: Frame) -> Result<Window, nun::Error> {
    let slot = test.slot();
    frame.attach(test.space(), 0, ALL_BITS, test.node(), slot)?;
    Ok(Window::slot(slot))
}

/// Puts `count` tables into the pool.
fn fill_pool(test: &mut Test, count: u32) -> Result<(), nun::Error> {
    (0..count).try_for_each(|_| {
        let table: PageTable = test.make(0)?;
        test.space().add_table(table)
    })
}

fn set_runs<const N: usize>(window: Window, runs: [(u64, u64, u64, Access); N]) {
    for (number, (address, offset, pages, access)) in runs.into_iter().enumerate() {
        buffer().set_run(number, MappingRun::new(address, window.into(), offset, pages, access));
    }
}

fn maps_runs_with_tables_from_the_pool(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let window = window_of_all(test, frame)?;
    fill_pool(test, 4)?;
    let address = test.room(2048).next_multiple_of(1 << 21);
    let far = address + (1 << 21);
    set_runs(window, [(address, 0, 3, READ_WRITE), (far, 2, 2, Access::READ)]);
    check_eq!(test.space().map_many(2), Ok((2, 0)));
    let (here, there) = (Mapped::in_workspace(address, 0x3000), Mapped::in_workspace(far, 0x2000));
    here.write(2 << 12, 77);
    check_eq!(there.read(0), 77);
    check_eq!(test.space().translate(far + 0x1000)?.0, 1);
    check_eq!(test.space().translate(address + 0x3000)?.0, 0);
    test.check_page_fault(store, far, Access::WRITE)
}

fn stops_where_a_run_fails(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let window = window_of_all(test, frame)?;
    fill_pool(test, 2)?;
    let (_, _, taken) = test.page(READ_WRITE)?;
    let address = taken.address() - 0x2000;
    test.room(4);
    set_runs(window, [(address, 0, 1, READ_WRITE), (address + 0x1000, 1, 2, READ_WRITE)]);
    // One run, one page of the next; then something else is there.
    check_eq!(test.space().map_many(2), Ok((1, 1)));
    check_eq!(test.space().translate(address + 0x1000)?.0, 1);
    Ok(())
}

fn first_page_is_an_error(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let window = window_of_all(test, frame)?;
    let address = test.room(1024).next_multiple_of(1 << 21);
    let buffer_error = Culprit::IPC_BUFFER;
    set_runs(window, [(address, 0, 5, READ_WRITE)]);
    check_refused!(test.space().map_many(1), InvalidArgument, buffer_error);
    set_runs(window, [(address, 0, 1, READ_WRITE | Access::EXECUTE)]);
    check_refused!(test.space().map_many(1), InvalidArgument, buffer_error);
    set_runs(window, [((1 << 47) - 0x1000, 0, 1, READ_WRITE)]);
    check_refused!(test.space().map_many(1), InvalidArgument, buffer_error);
    set_runs(Window::at(Descriptor::NULL), [(address, 0, 1, READ_WRITE)]);
    check_refused!(test.space().map_many(1), InvalidDescriptor, buffer_error);
    check_refused!(test.space().map_many(101), InvalidArgument, 1);
    check_eq!(test.space().map_many(0), Ok((0, 0)));
    // No table, and nothing in the pool.
    set_runs(window, [(address, 0, 1, READ_WRITE)]);
    check_refused!(test.space().map_many(1), MissingTable, buffer_error);
    Ok(())
}

fn unmaps_and_protects(test: &mut Test) -> Verdict {
    let frame: Frame = test.make(14)?;
    let window = window_of_all(test, frame)?;
    fill_pool(test, 2)?;
    let address = test.room(8);
    set_runs(window, [(address, 0, 4, READ_WRITE)]);
    check_eq!(test.space().map_many(1), Ok((1, 0)));
    let memory = Mapped::in_workspace(address, 0x4000);
    memory.write(0, 1);
    memory.write(0x3000, 1);
    set_runs(window, [(address, 0, 1, Access::READ), (address + 0x3000, 0, 1, Access::READ)]);
    check_eq!(test.space().protect_many(2), Ok((2, 0)));
    test.check_page_fault(store, address, Access::WRITE)?;
    test.check_page_fault(store, address + 0x3000, Access::WRITE)?;
    memory.write(0x1000, 2);
    set_runs(window, [(address + 0x1000, 0, 3, READ_WRITE)]);
    check_eq!(test.space().unmap_many(1), Ok((1, 0)));
    test.check_page_fault(load, address + 0x3000, Access::READ)?;
    check_eq!(memory.read(0), 1);
    Ok(())
}

fn needs_a_window_of_the_space(test: &mut Test) -> Verdict {
    let (frame, other): (Frame, nun::AddressSpace) = (test.make(12)?, test.make(0)?);
    let slot = test.slot();
    frame.attach(other, 0, ALL_BITS, test.node(), slot)?;
    set_runs(Window::slot(slot), [(test.room(1), 0, 1, READ_WRITE)]);
    let culprit = Culprit::IPC_BUFFER;
    check_refused!(test.space().map_many(1), InvalidDescriptor, culprit);
    Ok(())
}

/// More than one stretch between preemption points.
fn many_pages(test: &mut Test) -> Verdict {
    const PAGES: u64 = 256;
    let frame: Frame = test.make(20)?;
    let window = window_of_all(test, frame)?;
    fill_pool(test, 3)?;
    let address = test.room(2 * PAGES);
    let run = |number: u64, pages| (address + (number << 12), number, pages, READ_WRITE);
    set_runs(window, [run(0, 100), run(100, 56), run(156, 100)]);
    check_eq!(test.space().map_many(3), Ok((3, 0)));
    let memory = Mapped::in_workspace(address, PAGES << 12);
    for page in 0..PAGES as usize {
        memory.write(page << 12, page as u64);
    }
    check!((0..PAGES as usize).all(|page| memory.read(page << 12) == page as u64));
    test.node().remove(index(window))?;
    check_eq!(test.space().translate(address + ((PAGES - 1) << 12))?.0, 0);
    Ok(())
}

fn pool_gives_tables_back(test: &mut Test) -> Verdict {
    let table: PageTable = test.make(0)?;
    test.space().add_table(table)?;
    check_refused!(test.space().add_table(table), Busy, 1);
    check_refused!(test.space().install_table(table, 0x1000), Busy, 1);
    test.node().remove(index(table))?;
    // Nothing is left of it in the pool.
    let frame: Frame = test.make(12)?;
    let window = window_of_all(test, frame)?;
    let address = test.room(1024).next_multiple_of(1 << 21);
    set_runs(window, [(address, 0, 1, READ_WRITE)]);
    let culprit = Culprit::IPC_BUFFER;
    check_refused!(test.space().map_many(1), MissingTable, culprit);
    Ok(())
}
