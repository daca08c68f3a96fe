//! Who sent what a socket brings (`SCM_CREDENTIALS`).

use crate::file::FileId;
use crate::page::Pages;
use crate::socket::{Rights, SocketId};
use crate::stop::Result;
use crate::vfs::Vfs;

/// Process, user and group of somebody.
pub type Sender = (u32, u32, u32);

/// Who sent something that nobody wanted to be named.
const NOBODY: Sender = (0, 65534, 65534);

/// What goes along with what is sent.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Passed {
    /// Open files.
    pub rights: Rights,
    /// Who sends.
    pub sender: Sender,
    /// The sender says so himself; else it is told to who asked for it before.
    pub is_named: bool,
}

impl<P: Pages> Vfs<P> {
    /// Has who receives be told who sent, or not.
    pub fn name_senders(&mut self, file: FileId, names: bool) -> Result<()> {
        let socket = self.socket_of(file)?;
        self.sockets[socket].names_senders = names;
        Ok(())
    }

    /// Whether who receives is told who sent.
    pub fn names_senders(&self, file: FileId) -> Result<bool> {
        Ok(self.sockets[self.socket_of(file)?].names_senders)
    }

    /// As whom a parcel names its sender.
    pub(crate) fn named(&self, passed: &Passed, from: SocketId, to: SocketId) -> Sender {
        let wants = |socket: SocketId| self.sockets[socket].names_senders;
        if passed.is_named || wants(from) || wants(to) { passed.sender } else { NOBODY }
    }
}
