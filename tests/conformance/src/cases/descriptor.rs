//! How capabilities are found.

use a9n_cases::{Verdict, cases, check, check_eq, check_refused, index};
use nun::abi::{MessageInfo, node, operation_word};
use nun::syscall::kernel_call;
use nun::{Culprit, Descriptor, Error, Generic, IpcPort, Message, Node, NotificationPort, Rights};

use crate::test::Test;

cases!("descriptor": null_is_nothing, past_the_node_is_nothing, wrong_type_is_refused,
    path_through_nested_nodes, path_must_fit, unknown_operations, rights_are_demanded);

/// Radix of init's root node.
const ROOT: u8 = nun::abi::init::INIT_NODE_RADIX as u8;

fn null_is_nothing(_test: &mut Test) -> Verdict {
    let null = Descriptor::NULL;
    check_refused!(Node::at(null).look(1), InvalidDescriptor, Culprit::DESCRIPTOR);
    let call = IpcPort::at(null).call(&Message::EMPTY);
    check_refused!(call, InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn past_the_node_is_nothing(_test: &mut Test) -> Verdict {
    for slot in [1 << ROOT, (1 << ROOT) + 3, 1 << 32, 1 << 50, (1 << 56) - 1, (1 << 50) + 3] {
        let descriptor = Descriptor::slot(slot);
        let look = Node::at(descriptor).look(1);
        check_refused!(look, InvalidDescriptor, Culprit::DESCRIPTOR);
        let call = IpcPort::at(descriptor).call(&Message::EMPTY);
        check_refused!(call, InvalidDescriptor, Culprit::DESCRIPTOR);
    }
    Ok(())
}

fn wrong_type_is_refused(test: &mut Test) -> Verdict {
    let port: IpcPort = test.make(0)?;
    let descriptor = port.descriptor();
    check_refused!(Node::at(descriptor).look(1), InvalidDescriptor, Culprit::DESCRIPTOR);
    let poll = NotificationPort::at(descriptor).poll();
    check_refused!(poll, InvalidDescriptor, Culprit::DESCRIPTOR);
    let information = Generic::at(descriptor).information();
    check_refused!(information, InvalidDescriptor, Culprit::DESCRIPTOR);
    let node = test.node().descriptor();
    let call = IpcPort::at(node).try_call(&Message::EMPTY);
    check_refused!(call, InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn path_through_nested_nodes(test: &mut Test) -> Verdict {
    let outer: Node = test.make(4)?;
    let inner: Node = test.make(3)?;
    let signal: NotificationPort = test.make(0)?;
    outer.copy(5, inner)?;
    inner.mint(6, signal, Rights::all(), 0b1000)?;
    let path = (index(outer) << 7) | (5 << 3) | 6;
    let deep = NotificationPort::at(Descriptor::path(path, ROOT + 7));
    deep.notify()?;
    check_eq!(signal.poll(), Ok(0b1000));
    // The same depth of the root alone is the slot itself.
    let flat = NotificationPort::at(Descriptor::path(index(signal), ROOT));
    check_eq!(flat.poll(), Ok(0));
    Ok(())
}

fn path_must_fit(test: &mut Test) -> Verdict {
    let outer: Node = test.make(4)?;
    let signal: NotificationPort = test.make(0)?;
    outer.copy(5, signal)?;
    let poll = |path, depth| NotificationPort::at(Descriptor::path(path, depth)).poll();
    let path = (index(outer) << 4) | 5;
    check_eq!(poll(path, ROOT + 4), Ok(0));
    check_refused!(poll(index(outer) << 3, ROOT + 3), InvalidDepth, Culprit::DESCRIPTOR);
    check_refused!(poll(path, ROOT - 1), InvalidDepth, Culprit::DESCRIPTOR);
    // Behind the signal there is nothing more.
    check_refused!(poll(path << 4, ROOT + 8), InvalidDescriptor, Culprit::DESCRIPTOR);
    check_refused!(poll(path, 56), InvalidDescriptor, Culprit::DESCRIPTOR);
    check_refused!(poll(path, 255), InvalidDescriptor, Culprit::DESCRIPTOR);
    Ok(())
}

fn unknown_operations(test: &mut Test) -> Verdict {
    let node = test.node().descriptor();
    for operation in [0, 0xff, 0xffff, operation_word(3, 99), operation_word(99, 1)] {
        let answer = kernel_call(operation, node, MessageInfo::default(), [0; 6]);
        let error = Error::from_label(answer.info.label()).map_or(Ok(()), Err);
        check_refused!(error, IllegalOperation, Culprit::OPERATION);
    }
    Ok(())
}

fn rights_are_demanded(test: &mut Test) -> Verdict {
    let own: Node = test.make(4)?;
    let signal: NotificationPort = test.make(0)?;
    let reader = test.mint(own, Rights::READ, 0)?;
    check_eq!(reader.look(1), Ok((0, Rights::empty(), 0)));
    check_refused!(reader.copy(1, signal), PermissionDenied, Culprit::DESCRIPTOR);
    check_refused!(reader.remove(1), PermissionDenied, Culprit::DESCRIPTOR);
    let writer = test.mint(own, Rights::WRITE, 0)?;
    check_refused!(writer.look(1), PermissionDenied, Culprit::DESCRIPTOR);
    let request = kernel_call(node::word::Copy, reader.into(), MessageInfo::default(), [1; 6]);
    check!(request.info.label() != 0);
    let waiter = test.mint(signal, Rights::READ, 1)?;
    check_refused!(waiter.notify(), PermissionDenied, Culprit::DESCRIPTOR);
    let notifier = test.mint(signal, Rights::WRITE, 1)?;
    check_refused!(notifier.wait(), PermissionDenied, Culprit::DESCRIPTOR);
    check_refused!(notifier.poll(), PermissionDenied, Culprit::DESCRIPTOR);
    Ok(())
}
