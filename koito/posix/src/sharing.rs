//! Memory that programs share with files: when files have to know that it was written.

use alloc::vec::Vec;
use core::ops::Range;

use koito_posix_core::{Area, Entry, Protection, Sharing};

use crate::mapped::FileKey;
use crate::server::World;
use crate::space::Space;

impl Space {
    /// Has files know what the program may have written to pages that it shares with them: the kernel tells
    /// only the first time.
    pub fn note_written(&self, world: &mut World, range: Range<u64>) {
        for (start, area) in self.areas.within(range.clone()) {
            if area.sharing == Sharing::Private || !area.protection.contains(Protection::WRITE) {
                continue;
            }
            let part = start.max(range.start)..area.end.min(range.end);
            for (page, entry) in self.pages.within(part) {
                if entry.is_writable()
                    && let Some((file, offset)) = area.file_at(start, page)
                {
                    world.note_written(file, offset);
                }
            }
        }
    }

    /// The same, once: what is written from now on is told by a fault again.
    pub fn note_written_once(&mut self, world: &mut World, range: Range<u64>) {
        self.note_written(world, range.clone());
        let is_shared = |(start, area): (u64, &Area<FileKey>)| {
            let part = start.max(range.start)..area.end.min(range.end);
            (area.sharing == Sharing::Shared).then_some(part)
        };
        let parts: Vec<Range<u64>> =
            self.areas.within(range.clone()).filter_map(is_shared).collect();
        for part in parts {
            self.hide(world, part, Entry::is_writable);
        }
    }
}
