//! How much memory open files take beside pages: whoever makes many of them answers for it.

use crate::file::{FileId, Object};
use crate::page::Pages;
use crate::vfs::Vfs;

/// Bytes of a message beside its contents.
const MESSAGE_BYTES: usize = 128;
/// Bytes of a terminal, with what was typed and written.
const TERMINAL_BYTES: usize = 12 << 10;

impl<P: Pages> Vfs<P> {
    /// Bytes that are kept for an open file, as a part for each of those who hold it.
    pub fn kept_for(&self, file: FileId) -> usize {
        let it = &self.files[file];
        let bytes = match &it.object {
            Object::Pipe(pipe, _) => self.pipe_length(*pipe),
            Object::Socket(socket) => {
                let socket = &self.sockets[*socket];
                socket.inbox_bytes + socket.inbox.len() * MESSAGE_BYTES
            }
            Object::Epoll(epoll) => self.epolls[*epoll].bytes(),
            Object::Watcher(watcher) => self.watchers[*watcher].bytes(),
            Object::Terminal(_) => TERMINAL_BYTES,
            Object::Text(text) => text.len(),
            _ => 0,
        };
        bytes / it.uses().max(1) as usize
    }
}
