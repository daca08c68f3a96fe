//! Capabilities by the thousands.

use nun::{Descriptor, Error, Generic, IpcPort, Node, ObjectType, PageTable, Pcb, Rights};

use crate::ground::Ground;
use crate::machine::spin;

/// A chain as long as derivations can be deep, revoked from its root and from its middle.
pub fn deep(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(9)?;
    for from in [1, 100] {
        let port: IpcPort = ground.make(0)?;
        wide.node.mint(1, port, Rights::all(), 0)?;
        let mut depth = 1;
        while wide.node.mint(depth + 1, wide.at(depth), Rights::all(), 0).is_ok() {
            depth += 1;
        }
        assert!(depth > 120, "derivations are only {depth} deep");
        wide.node.revoke(from)?;
        ground.node().revoke(port.descriptor().index())?;
        assert_eq!(wide.node.look(1)?.0, 0);
    }
    Ok(())
}

/// At the end of a chain of Generics, as long as it can be, are objects that take long to destroy.
pub fn deep_objects(ground: &mut Ground) -> Result<(), Error> {
    const BITS: u64 = 17;
    let wide = ground.wide(9)?;
    let make = |from: Generic, object, bits, index| from.convert(object, bits, 1, wide.node, index);
    let first: Generic = ground.make(BITS as u8)?;
    make(first, ObjectType::Generic, BITS, 1)?;
    let mut last = 1;
    let at = |index| Generic::at(wide.at(index));
    while make(at(last), ObjectType::Generic, BITS, last + 1).is_ok() {
        last += 1;
    }
    assert!(last > 120, "Generics are only {last} deep");
    // The last but one has room for its children again when the last one is gone.
    wide.node.remove(last)?;
    for object in [ObjectType::PageTable, ObjectType::Pcb, ObjectType::AddressSpace] {
        make(at(last - 1), object, 0, 300)?;
        match object {
            ObjectType::PageTable => {
                let space = ground.space();
                space.install_table(PageTable::at(wide.at(300)), 1 << 40).map(|_| ())?;
            }
            ObjectType::Pcb => ground.start(Pcb::at(wide.at(300)), spin, 0, 0)?,
            _ => {}
        }
        wide.node.revoke(1)?;
        last = 1;
        while make(at(last), ObjectType::Generic, BITS, last + 1).is_ok() {
            last += 1;
        }
        wide.node.remove(last)?;
    }
    Ok(())
}

/// Many copies beside each other.
pub fn broad(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(13)?;
    let port: IpcPort = ground.make(0)?;
    (1..8000).try_for_each(|index| wide.node.copy(index, port))?;
    ground.node().revoke(port.descriptor().index())?;
    assert_eq!(wide.node.look(7999)?.0, 0);
    Ok(())
}

/// A node dies with something in each of its slots.
pub fn full_node(ground: &mut Ground) -> Result<(), Error> {
    let wide = ground.wide(12)?;
    ground.fill::<IpcPort>(&wide, 0, 4095)?;
    ground.node().remove(wide.node.descriptor().index())
}

/// The largest node that there is memory for.
pub fn empty_node(ground: &mut Ground) -> Result<(), Error> {
    let node: Node = ground.make(19)?;
    ground.node().remove(node.descriptor().index())
}

/// Each node holds the only capability of the next one.
pub fn nested(ground: &mut Ground) -> Result<(), Error> {
    const NODES: u64 = 60;
    let slots: [u64; NODES as usize] = core::array::from_fn(|_| ground.slot());
    for slot in slots {
        ground.quota().convert(nun::ObjectType::Node, 5, 1, ground.node(), slot)?;
    }
    for pair in slots.windows(2).rev() {
        Node::slot(pair[0]).move_from(7, Descriptor::slot(pair[1]))?;
    }
    ground.node().remove(slots[0])
}

/// Descriptors that lead through as many nodes as they may.
pub fn levels(ground: &mut Ground) -> Result<(), Error> {
    const RADIX: u8 = 2;
    const ROOT: u8 = nun::abi::init::INIT_NODE_RADIX as u8;
    let nodes = [ground.make::<Node>(RADIX)?, ground.make(RADIX)?, ground.make(RADIX)?];
    nodes[0].copy(1, nodes[1])?;
    nodes[1].copy(1, nodes[2])?;
    let port: IpcPort = ground.make(0)?;
    let base = nodes[0].descriptor().index();
    let at = |index| Descriptor::path((base << 2 | 1) << 4 | 1 << 2 | index, ROOT + 3 * RADIX);
    let (node, slot) = (ground.node(), ground.slot());
    for _ in 0..3 {
        nodes[2].copy(1, port)?;
        node.copy(slot, at(1))?;
        node.exchange(slot, at(1))?;
        node.remove(slot)?;
        node.move_from(slot, at(1))?;
        node.mint(slot + 1, Descriptor::slot(slot), Rights::all(), 5)?;
        nodes[2].revoke(1).err();
        node.remove(slot)?;
        assert!(node.look(slot + 1)?.0 == 0, "it outlived its source");
    }
    ground.slot();
    Ok(())
}
