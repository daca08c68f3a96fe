//! What user-level memory management costs, in kernel calls.

use a9n_user_level::Computer;
use nun::{Access, IpcPort, Resources};

/// Kernel calls that `work` takes.
fn calls(computer: &Computer, work: impl FnOnce()) -> u64 {
    let before = computer.calls();
    work();
    computer.calls() - before
}

#[test]
fn each_does_what_it_has_to_and_no_more() {
    let computer = Computer::boot(16 << 20);
    let mut resources = Resources::new(computer.init());
    // So that sizes are measured, and blocks of every size are there already.
    let kept: [IpcPort; 2] = core::array::from_fn(|_| resources.make(0).unwrap());
    let (pool, space) = resources.parts();
    let first = space.allocate(pool, 1, Access::READ).unwrap();

    // Each is one call, and eight in a row take seven splits on the way down from one block.
    let mut ports: Vec<IpcPort> = vec![];
    let made = calls(&computer, || {
        ports.extend((0..8).map(|_| -> IpcPort { resources.make(0).unwrap() }));
    });
    let given_back = calls(&computer, || {
        ports.drain(..).for_each(|port| resources.discard(port).unwrap());
    });
    assert_eq!((made, given_back), (8 + 7, 8 + 7));

    // A frame, a Window and a batch; the frame goes, and a look finds the Window gone with it.
    let (pool, space) = resources.parts();
    let mut address = 0;
    let mapped = calls(&computer, || {
        address = space.allocate(pool, 64, Access::READ | Access::WRITE).unwrap();
    });
    let unmapped = calls(&computer, || space.release(pool, address).unwrap());
    assert_eq!((mapped, unmapped), (3, 2));
    space.release(pool, first).unwrap();
    kept.into_iter().for_each(|port| resources.discard(port).unwrap());
}
