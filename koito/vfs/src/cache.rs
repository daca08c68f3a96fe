//! What is forgotten of the file server's files when others need the memory.

use crate::inode::{Body, InodeId};
use crate::page::Pages;
use crate::vfs::Vfs;

/// Pages that hold contents of files.
#[derive(Clone, Copy, Debug)]
pub struct FilePages {
    /// Of the file server's files, also those that are not there yet.
    pub cached: usize,
    /// Those of them that are only here.
    pub dirty: usize,
    /// Of files in memory.
    pub own: usize,
}

impl<P: Pages> Vfs<P> {
    /// Lets contents of the file server's files take up to `most` pages, rather than as many as those of files in memory:
    /// whoever provides the pages asks for them back by [`forget`](Self::forget). It may say so again when it has more.
    pub fn let_cache_grow(&mut self, most: usize) {
        self.most_cached = most;
        self.clock.reserve_exact((most + most / 4).saturating_sub(self.clock.len()));
    }

    /// Notes a page that may be forgotten some day. What went with its file is struck off when there is no more room.
    pub(crate) fn note_cached(&mut self, inode: InodeId, index: u32) {
        if self.clock.len() == self.clock.capacity() {
            let inodes = &self.inodes;
            self.clock.retain(|(inode, index)| {
                let content = inodes.get(*inode).and_then(|it| it.content().ok());
                content.is_some_and(|content| content.pages.contains_key(index))
            });
        }
        self.clock.push_back((inode, index));
    }

    /// How many pages hold contents of files.
    pub const fn file_pages(&self) -> FilePages {
        let Self { cached_pages, dirty_pages, memory_pages, .. } = *self;
        FilePages { cached: cached_pages, dirty: dirty_pages, own: memory_pages }
    }

    /// Forgets up to `count` pages that the server has as well, those first that were not used for long; looks at no more
    /// than `looks`. Answers how many were forgotten.
    pub fn forget(&mut self, count: usize, looks: usize) -> usize {
        let mut done = 0;
        // After the second look at a page nothing has been used.
        for _ in 0..looks.min(2 * self.clock.len()) {
            if done == count {
                break;
            }
            let Some((inode, index)) = self.clock.pop_front() else { break };
            let Some(it) = self.inodes.get_mut(inode) else { continue };
            let Some(remote) = &it.remote else { continue };
            // What is on its way to the server is copied when its turn comes.
            let is_written = remote.under_way > 0;
            let Body::File(content) = &mut it.body else { continue };
            let Some(cached) = content.pages.get_mut(&index) else { continue };
            let page = cached.page;
            let used = core::mem::replace(&mut cached.recent, false);
            if cached.dirty || used || is_written || self.pages.is_shared(page) {
                self.clock.push_back((inode, index));
                continue;
            }
            content.pages.remove(&index);
            self.pages.release(page);
            self.cached_pages -= 1;
            done += 1;
        }
        done
    }

    /// Forgets a page, however long that takes; answers whether there was one.
    pub(crate) fn forget_page(&mut self) -> bool {
        self.forget(1, usize::MAX) == 1
    }
}
