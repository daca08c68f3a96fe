//! Sockets that only each other carry: nobody can ever receive them, so they are closed.
//!
//! A socket is alive if some process holds it, or if it waits, to be received or to be accepted, in one that is.
//! All are looked at when twice as many open files are on their way as were found to be worth keeping the last time:
//! however many there are, a file that is sent costs no more for it.

use alloc::vec::Vec;

use hashbrown::{HashMap, HashSet};

use crate::file::{FileId, Object};
use crate::page::Pages;
use crate::socket::SocketId;
use crate::vfs::Vfs;

/// Files on their way that nobody looks through.
const FEW: usize = 64;

/// Open files that are on their way.
#[derive(Clone, Debug)]
pub(crate) struct Flight {
    /// How many there are.
    pub count: usize,
    /// At how many sockets are looked through.
    pub enough: usize,
    /// Files that a closed socket carried, each to be closed once.
    pub abandoned: Vec<FileId>,
}

impl Flight {
    pub(crate) const fn new() -> Self {
        Self { count: 0, enough: FEW, abandoned: Vec::new() }
    }
}

impl<P: Pages> Vfs<P> {
    /// Closes sockets that nobody can receive any more, if it is time to look for them.
    pub(crate) fn collect_sockets(&mut self) {
        if self.flight.count < self.flight.enough {
            return;
        }
        let alive = self.sockets_alive();
        let dead: Vec<SocketId> = self.sockets.ids().filter(|id| !alive.contains(id)).collect();
        for socket in dead {
            self.abandon_inbox(socket);
        }
        self.close_abandoned();
        self.flight.enough = FEW.max(2 * self.flight.count);
    }

    /// What a socket carries is nobody's any more.
    pub(crate) fn abandon_inbox(&mut self, socket: SocketId) {
        let Some(it) = self.sockets.get_mut(socket) else { return };
        for parcel in &mut it.inbox {
            self.flight.count -= parcel.rights.len();
            self.flight.abandoned.append(&mut parcel.rights);
        }
    }

    /// Sockets that some process holds, and those that it can get from them.
    fn sockets_alive(&self) -> HashSet<SocketId> {
        let parcels = self.sockets.ids().flat_map(|id| &self.sockets[id].inbox);
        let mut carried = HashMap::<FileId, u32>::new();
        for right in parcels.flat_map(|parcel| &parcel.rights) {
            *carried.entry(*right).or_default() += 1;
        }
        let is_held = |file: &FileId| {
            self.files[*file].uses() > carried.get(file).copied().unwrap_or_default()
        };
        let socket = |file: FileId| match self.files[file].object {
            Object::Socket(socket) => Some(socket),
            _ => None,
        };
        let mut found: Vec<SocketId> =
            self.files.ids().filter(is_held).filter_map(socket).collect();
        let mut alive = HashSet::new();
        while let Some(id) = found.pop() {
            if alive.insert(id) {
                let it = &self.sockets[id];
                found.extend(it.waiting_to_be_accepted());
                found.extend(it.inbox.iter().flat_map(|it| &it.rights).copied().filter_map(socket));
            }
        }
        alive
    }
}
