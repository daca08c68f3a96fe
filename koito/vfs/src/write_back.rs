//! Writing back what is only here: cuts, pages, lengths, attributes, in this order.

use koito_linux::Errno;

use crate::inode::{Body, InodeId};
use crate::page::{PAGE_BYTES, Pages};
use crate::remote::Ask;
use crate::vfs::Vfs;

impl<P: Pages> Vfs<P> {
    /// The next thing to tell the server of a node.
    pub(crate) fn flush_step(&mut self, inode: InodeId) -> Option<crate::remote::Request> {
        let it = &mut self.inodes[inode];
        let (attributes, remote) = (it.attributes, it.remote.as_mut()?);
        let (now, size) = (attributes.modified, attributes.size);
        let run = match &it.body {
            Body::File(content) => content.dirty_run(),
            _ => None,
        };
        let resize = |size| crate::inode::Changes { size: Some(size), ..Default::default() };
        let ask = if let Some(cut) = remote.cut.take().filter(|cut| *cut < remote.size) {
            remote.size = cut;
            Ask::Change { changes: resize(cut), now }
        } else if let Some((first, count)) = run {
            let start = u64::from(first) * PAGE_BYTES as u64;
            let end = (start + u64::from(count) * PAGE_BYTES as u64).min(size);
            remote.size = remote.size.max(end);
            if first <= remote.dense {
                remote.dense = remote.dense.max(first + count);
            }
            let bytes = end.saturating_sub(start) as usize;
            let mut promised = 0;
            if let Body::File(content) = &mut it.body {
                for (_, cached) in content.pages.range_mut(first..first + count) {
                    promised += u64::from(!core::mem::replace(&mut cached.placed, true));
                    cached.dirty = false;
                }
                content.dirty -= count as usize;
                self.dirty_pages -= count as usize;
            }
            self.room.take(bytes, promised);
            Ask::Write { first, bytes, now }
        } else if matches!(it.body, Body::File(_)) && remote.size != size {
            remote.size = size;
            Ask::Change { changes: resize(size), now }
        } else if !remote.changes.is_empty() {
            Ask::Change { changes: core::mem::take(&mut remote.changes), now: attributes.changed }
        } else {
            return None;
        };
        remote.under_way += 1;
        Some(self.request_of(inode, ask))
    }

    /// Copies what a [`Ask::Write`] carries.
    pub fn gather(&self, inode: InodeId, first: u32, into: &mut [u8]) {
        let Body::File(content) = &self.inodes[inode].body else { return };
        for (index, part) in (first..).zip(into.chunks_mut(PAGE_BYTES)) {
            match content.pages.get(&index) {
                Some(cached) => self.pages.read(cached.page, 0, part),
                None => part.fill(0),
            }
        }
    }

    /// Whether something has to be written back.
    pub fn is_dirty(&self) -> bool {
        !self.dirty.is_empty()
    }

    /// The next request that writes something back, if there is anything.
    pub fn write_back(&mut self) -> Option<crate::remote::Request> {
        for _ in 0..self.dirty.len() {
            let inode = self.dirty.front().copied()?;
            let it = &self.inodes[inode];
            let is_gone = it.attributes.links == 0 && it.uses == 1;
            if !is_gone && let Some(request) = self.flush_step(inode) {
                return Some(request);
            }
            self.dirty.pop_front();
            let remote = self.inodes[inode].remote.as_mut()?;
            if remote.under_way > 0 {
                self.dirty.push_back(inode);
                continue;
            }
            remote.listed = false;
            self.release_inode(inode);
        }
        None
    }

    /// The server has something of a node, or could not take it.
    pub(crate) fn written_back(&mut self, inode: InodeId, error: Option<Errno>) {
        if let Some(remote) = &mut self.inodes[inode].remote {
            remote.under_way -= 1;
            remote.error = remote.error.or(error);
        }
        if let Some(queue) = self.inodes[inode].queue {
            self.queues.wake(queue);
        }
        self.queues.wake(self.written);
    }

    /// Notes that a node has something to write back.
    pub(crate) fn list_dirty(&mut self, inode: InodeId) {
        if let Some(remote) = &mut self.inodes[inode].remote
            && !core::mem::replace(&mut remote.listed, true)
        {
            self.hold_inode(inode);
            self.dirty.push_back(inode);
        }
    }
}
