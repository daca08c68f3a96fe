//! Running out of memory, and getting it back.

use nun::{Error, Generic, Node, ObjectType, Reason, Resources};

/// Logarithm of the bytes of the Generic that is used up.
const BITS: u8 = 20;
/// Logarithm of the bytes of what is made from it.
const FRAME_BITS: u64 = 14;
/// How much of it there is.
const FRAMES: u64 = 1 << (BITS as u64 - FRAME_BITS);

/// Memory that is there to be used up.
pub struct Ballast {
    generic: Generic,
    node: Node,
}

impl Ballast {
    pub fn new(resources: &mut Resources) -> Result<Self, Error> {
        Ok(Self { generic: resources.make(BITS)?, node: resources.make(FRAME_BITS as u8 - 7)? })
    }

    /// Uses everything up, is refused more, and finds all of it again.
    pub fn exhaust(&self, resources: &Resources) -> Result<(), Error> {
        for index in 1..=FRAMES {
            self.generic.convert(ObjectType::Frame, FRAME_BITS, 1, self.node, index)?;
        }
        let more = self.generic.convert(ObjectType::IpcPort, 0, 1, self.node, FRAMES + 1);
        let refused = matches!(more, Err(Error { reason: Reason::NotEnoughMemory, .. }));
        assert!(refused, "a full Generic gave more: {more:?}");
        resources.node().revoke(self.generic.descriptor().index())?;
        assert!(self.generic.information()?.2 == 0, "memory is missing after a revoke");
        Ok(())
    }
}
