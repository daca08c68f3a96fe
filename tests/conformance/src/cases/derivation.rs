//! The tree of derivations: what a revoke reaches, and what not.

use a9n_cases::{Verdict, cases, check, check_eq, index};
use nun::capability::Capability;
use nun::{Descriptor, Error, IpcPort, Node, Reason, Rights};

use crate::test::Test;

cases!("derivation": copies_are_descendants, copies_of_a_copy_are_siblings,
    revoke_takes_grandchildren, remove_takes_descendants, orphans_are_not_adopted,
    move_keeps_the_family, too_deep_is_an_error, revoke_takes_many, a_process_keeps_no_more);

fn is_there(test: &Test, capability: impl Capability) -> Result<bool, Error> {
    Ok(test.node().look(index(capability))?.0 != 0)
}

fn copy<T: Capability>(test: &mut Test, source: T) -> Result<T, Error> {
    let slot = test.slot();
    test.node().copy(slot, source)?;
    Ok(T::named(Descriptor::slot(slot)))
}

fn copies_are_descendants(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let (one, two) = (copy(test, port)?, copy(test, port)?);
    test.node().revoke(index(port))?;
    check!(is_there(test, port)?);
    check!(!is_there(test, one)?);
    check!(!is_there(test, two)?);
    Ok(())
}

fn copies_of_a_copy_are_siblings(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let one = copy(test, port)?;
    let two = copy(test, one)?;
    test.node().revoke(index(one))?;
    check!(is_there(test, two)?);
    test.node().remove(index(one))?;
    check!(is_there(test, two)?);
    test.node().revoke(index(port))?;
    check!(!is_there(test, two)?);
    Ok(())
}

fn revoke_takes_grandchildren(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let child = test.mint(port, Rights::all(), 1)?;
    let grandchild = test.mint(child, Rights::all(), 0)?;
    let other = test.mint(port, Rights::all(), 2)?;
    test.node().revoke(index(child))?;
    check!(is_there(test, child)?);
    check!(!is_there(test, grandchild)?);
    check!(is_there(test, other)?);
    test.node().revoke(index(port))?;
    check!(!is_there(test, child)? && !is_there(test, other)?);
    Ok(())
}

fn remove_takes_descendants(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let child = test.mint(port, Rights::all(), 1)?;
    let grandchild = test.mint(child, Rights::all(), 0)?;
    test.node().remove(index(port))?;
    check!(!is_there(test, port)?);
    check!(!is_there(test, child)?);
    check!(!is_there(test, grandchild)?);
    Ok(())
}

fn orphans_are_not_adopted(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let first = test.mint(port, Rights::all(), 1)?;
    let second = test.mint(port, Rights::all(), 2)?;
    let child = test.mint(first, Rights::all(), 0)?;
    let copied = copy(test, first)?;
    test.node().remove(index(first))?;
    check!(!is_there(test, child)?);
    check!(is_there(test, second)? && is_there(test, copied)?);
    // Nor did either of them become a parent.
    test.node().revoke(index(second))?;
    check!(is_there(test, copied)?);
    test.node().revoke(index(copied))?;
    check!(is_there(test, second)?);
    Ok(())
}

fn move_keeps_the_family(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let child = test.mint(port, Rights::all(), 1)?;
    let to = test.slots(2);
    test.node().move_from(to, port)?;
    test.node().move_from(to + 1, child)?;
    test.node().revoke(to)?;
    check!(is_there(test, IpcPort::slot(to))?);
    check!(!is_there(test, IpcPort::slot(to + 1))?);
    Ok(())
}

fn too_deep_is_an_error(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let mut last = test.mint(port, Rights::all(), 1)?;
    let mut depth = 0;
    let error = loop {
        match test.mint(last, Rights::all(), 0) {
            Ok(next) => last = next,
            Err(error) => break error,
        }
        depth += 1;
        check!(depth < 300);
    };
    check_eq!(error, Error::new(Reason::TooDeep, nun::Culprit::argument(2)));
    check!(depth > 100);
    test.node().revoke(index(port))?;
    check!(!is_there(test, last)?);
    Ok(())
}

/// More than fits one stretch between preemption points.
fn revoke_takes_many(test: &mut Test) -> Verdict {
    let (port, node): (IpcPort, Node) = (test.make(0)?, test.make(9)?);
    for slot in 1..512 {
        node.mint(slot, port, Rights::all(), slot)?;
    }
    test.node().revoke(index(port))?;
    for slot in 1..512 {
        if node.look(slot)?.0 != 0 {
            check_eq!(node.look(slot)?, (0, Rights::empty(), slot));
        }
    }
    check!(is_there(test, port)?);
    Ok(())
}

/// What a process was configured with is taken from it by a revoke too.
fn a_process_keeps_no_more(test: &mut Test) -> Verdict {
    let node: Node = test.make(4)?;
    let pcb = test.bare_thread(crate::bodies::visit, 1)?;
    pcb.configure_spaces(Descriptor::NULL, node, Descriptor::NULL)?;
    test.node().remove(index(node))?;
    // It runs without a root node, and cannot even park.
    pcb.resume()?;
    test.set_priority(u64::from(crate::test::USUAL))?;
    nun::yield_now()?;
    check_eq!(crate::cells::get(1), 1);
    Ok(())
}
