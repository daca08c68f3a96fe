//! Capabilities in the model: making, deriving, taking away; and memory, which goes with them.

use a9n_abi::{Access, Culprit, Error, ObjectType, Reason, Rights};

use super::state::{
    Doing, Id, Kind, Model, Outcome, Place, Port, Signals, bad, failure, refused, results,
};

const PAGE_BITS: u32 = 12;

fn done() -> Outcome {
    Ok(Some(results(&[])))
}

impl Model {
    pub fn convert(&mut self, from: u64, object: ObjectType, bits: u32, to: u64) -> Outcome {
        let id = self.called(from, ObjectType::Generic, Rights::WRITE)?;
        let Kind::Generic { bits: own, mut used } = self.capabilities[&id].kind else {
            unreachable!("it is a Generic")
        };
        if self.children(id).is_empty() {
            used = 0;
        }
        let bytes = match object {
            ObjectType::Generic | ObjectType::Frame => 1u64 << bits,
            _ => 64,
        };
        let end = used.next_multiple_of(bytes) + bytes;
        if end > 1 << own {
            return refused(Reason::NotEnoughMemory, Culprit::DESCRIPTOR);
        }
        self.must_be_empty(to, 5)?;
        let fresh = self.fresh();
        let kind = match object {
            ObjectType::Generic => Kind::Generic { bits, used: 0 },
            ObjectType::Frame => Kind::Frame { frame: fresh, pages: 1 << (bits - PAGE_BITS) },
            ObjectType::IpcPort => {
                self.ports.insert(fresh, Port::default());
                Kind::Port { port: fresh, identifier: 0 }
            }
            _ => {
                self.signals.insert(fresh, Signals::default());
                Kind::Signals { signals: fresh, identifier: 0 }
            }
        };
        let source = self.capabilities.get_mut(&id).expect("it is there");
        source.kind = Kind::Generic { bits: own, used: end };
        let rights = Rights::all() - (Rights::DMA - source.rights);
        let made = self.put(Place::Slot(to), Some(id), rights, kind);
        self.capabilities.get_mut(&made).expect("just made").original = true;
        Ok(Some(results(&[1])))
    }

    pub fn copy(&mut self, to: u64, from: u64) -> Outcome {
        self.must_be_empty(to, 1)?;
        let id = self.named(from, 2)?;
        let source = &self.capabilities[&id];
        if !source.rights.contains(Rights::COPY) || !source.kind.is_copyable() {
            return bad(Reason::PermissionDenied, 2);
        }
        self.duplicate(id, to);
        done()
    }

    /// A copy of an original is its child, one of a copy its sibling.
    pub fn duplicate(&mut self, id: Id, to: u64) {
        let source = self.capabilities[&id].clone();
        let parent = if source.original { Some(id) } else { source.parent };
        self.put(Place::Slot(to), parent, source.rights, source.kind);
    }

    pub fn mint(&mut self, to: u64, from: u64, rights: Rights, mark: u64) -> Outcome {
        self.must_be_empty(to, 1)?;
        let id = self.named(from, 2)?;
        let source = self.capabilities[&id].clone();
        if !source.rights.contains(Rights::COPY | Rights::MODIFY) || !source.kind.is_copyable() {
            return bad(Reason::PermissionDenied, 2);
        }
        let kind = match source.kind {
            kind if mark == 0 => kind,
            Kind::Port { port, identifier: 0 } => Kind::Port { port, identifier: mark },
            Kind::Signals { signals, identifier: 0 } => Kind::Signals { signals, identifier: mark },
            _ => return bad(Reason::InvalidArgument, 4),
        };
        self.put(Place::Slot(to), Some(id), source.rights & rights, kind);
        done()
    }

    pub fn relocate(&mut self, to: u64, from: u64) -> Outcome {
        self.must_be_empty(to, 1)?;
        let id = self.named(from, 2)?;
        self.capabilities.get_mut(&id).expect("named").place = Place::Slot(to);
        done()
    }

    pub fn exchange(&mut self, one: u64, other: u64) -> Outcome {
        let (first, second) = (self.named(one, 1)?, self.named(other, 2)?);
        self.capabilities.get_mut(&first).expect("named").place = Place::Slot(other);
        self.capabilities.get_mut(&second).expect("named").place = Place::Slot(one);
        done()
    }

    pub fn demote(&mut self, slot: u64, rights: Rights) -> Outcome {
        let id = self.named(slot, 1)?;
        self.capabilities.get_mut(&id).expect("named").rights &= rights;
        done()
    }

    pub fn remove(&mut self, slot: u64) -> Outcome {
        let id = self.named(slot, 1)?;
        self.take_away(id);
        done()
    }

    pub fn revoke(&mut self, slot: u64) -> Outcome {
        let id = self.named(slot, 1)?;
        self.children(id).into_iter().for_each(|child| self.take_away(child));
        done()
    }

    /// A capability goes, after all that came of it; with an original, its object.
    pub fn take_away(&mut self, id: Id) {
        self.children(id).into_iter().for_each(|child| self.take_away(child));
        // What its end ends may have been this one.
        let Some(gone) = self.capabilities.remove(&id) else { return };
        match gone.kind {
            Kind::Window { frame, first, range, .. } => {
                self.mapped.retain(|address, (mapped, ..)| {
                    *mapped != frame || !(first..first + range).contains(address)
                });
            }
            Kind::Reply { caller } => self.drop_call(caller),
            Kind::Port { port, .. } if gone.original => {
                let port = self.ports.remove(&port).expect("it has an original");
                let queued = port.receivers.into_iter().chain(port.senders);
                queued.for_each(|process| self.end_wait(process, Reason::PartnerDied));
            }
            Kind::Signals { signals, .. } if gone.original => {
                let signals = self.signals.remove(&signals).expect("it has an original");
                let waiters = signals.waiters.into_iter();
                waiters.for_each(|process| self.end_wait(process, Reason::PartnerDied));
            }
            _ => {}
        }
    }

    /// `process` waits no more, because of `reason`; if it waited for its resolver, it stays
    /// stopped.
    pub fn end_wait(&mut self, process: usize, reason: Reason) {
        let found = &mut self.processes[process];
        if found.trapped {
            found.doing = Doing::Stopped;
        } else {
            found.doing = Doing::Runs;
            found.answer = Some(failure(reason, Culprit::OTHER));
        }
    }

    pub fn attach(&mut self, from: u64, first: u64, bits: u32, to: u64) -> Outcome {
        let id = self.called(from, ObjectType::Frame, Rights::READ)?;
        if !first.is_multiple_of(1 << bits) {
            return bad(Reason::InvalidArgument, 2);
        }
        self.must_be_empty(to, 5)?;
        let Kind::Frame { frame, pages } = self.capabilities[&id].kind else {
            unreachable!("it is a Frame")
        };
        let rights = self.capabilities[&id].rights;
        let window = Kind::Window { frame, pages, first, range: 1 << bits };
        self.put(Place::Slot(to), Some(id), rights, window);
        done()
    }

    /// The Window in `slot`, if `pages` pages (argument `number`) at `address` lie in its range:
    /// frame and pages of that, and rights.
    fn window(
        &self,
        slot: u64,
        address: u64,
        pages: u64,
        number: u8,
    ) -> Result<(Id, u64, Rights), Error> {
        let id = self.called(slot, ObjectType::Window, Rights::READ)?;
        let found = &self.capabilities[&id];
        let Kind::Window { frame, pages: length, first, range } = found.kind else {
            unreachable!("it is a Window")
        };
        if !(first..first + range).contains(&address) {
            return bad(Reason::InvalidArgument, 1);
        }
        if pages == 0 || pages > (first + range - address) >> PAGE_BITS {
            return bad(Reason::InvalidArgument, number);
        }
        Ok((frame, length, found.rights))
    }

    fn check_access(rights: Rights, access: Access, number: u8) -> Result<(), Error> {
        if access.is_empty() {
            return bad(Reason::InvalidArgument, number);
        }
        if access.contains(Access::WRITE) && !rights.contains(Rights::WRITE) {
            return bad(Reason::PermissionDenied, number);
        }
        Ok(())
    }

    pub fn map(
        &mut self,
        slot: u64,
        address: u64,
        (offset, pages): (u64, u64),
        access: Access,
    ) -> Outcome {
        let (frame, length, rights) = self.window(slot, address, pages, 3)?;
        if offset >= length {
            return bad(Reason::InvalidArgument, 2);
        }
        if pages > length - offset {
            return bad(Reason::InvalidArgument, 3);
        }
        Self::check_access(rights, access, 4)?;
        let place = |page: u64| address + (page << PAGE_BITS);
        let free = (0..pages).take_while(|page| !self.mapped.contains_key(&place(*page))).count();
        if free == 0 {
            return bad(Reason::Occupied, 1);
        }
        for page in 0..free as u64 {
            self.mapped.insert(place(page), (frame, offset + page, access.bits()));
        }
        Ok(Some(results(&[free as u64])))
    }

    pub fn unmap(&mut self, slot: u64, address: u64, pages: u64) -> Outcome {
        let (frame, ..) = self.window(slot, address, pages, 2)?;
        let range = address..address + (pages << PAGE_BITS);
        self.mapped.retain(|at, (mapped, ..)| *mapped != frame || !range.contains(at));
        Ok(Some(results(&[pages])))
    }

    pub fn protect(&mut self, slot: u64, address: u64, pages: u64, access: Access) -> Outcome {
        let (frame, _, rights) = self.window(slot, address, pages, 2)?;
        Self::check_access(rights, access, 3)?;
        let range = address..address + (pages << PAGE_BITS);
        for (_, mapped) in self.mapped.range_mut(range).filter(|(_, mapped)| mapped.0 == frame) {
            mapped.2 = access.bits();
        }
        Ok(Some(results(&[pages])))
    }
}
