//! Where paths may lead, if somebody says so (`openat2`).

use bitflags::bitflags;
use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::page::Pages;
use crate::stop::{Result, fail};
use crate::vfs::{Context, Vfs};

bitflags! {
    /// What a path must not do, as Linux numbers it.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Resolve: u64 {
        /// Lead into another file system.
        const NO_OTHER_MOUNT = 1;
        /// Lead through links of `/proc` that are no paths.
        const NO_WONDERS = 2;
        /// Lead through symbolic links.
        const NO_LINKS = 4;
        /// Leave what is below the directory that it begins in.
        const BENEATH = 8;
        /// Leave it either; but `/` is that directory.
        const IN_ROOT = 16;
    }
}

impl Resolve {
    /// Refuses a link of `/proc` that is no path.
    pub(crate) fn check_wonder(self) -> Result<()> {
        if self.contains(Self::NO_WONDERS) {
            return fail(Errno::ELOOP);
        }
        if self.intersects(Self::BENEATH | Self::IN_ROOT) { fail(Errno::EXDEV) } else { Ok(()) }
    }
}

impl<P: Pages> Vfs<P> {
    /// Where a path begins that begins with a slash.
    pub(crate) fn begin_anew(&self, context: &Context<'_>, start: DentryId) -> Result<DentryId> {
        if context.resolve.contains(Resolve::BENEATH) {
            return fail(Errno::EXDEV);
        }
        if context.resolve.contains(Resolve::IN_ROOT) {
            return Ok(start);
        }
        self.check_same_mount(context, start, context.place.root)?;
        Ok(context.place.root)
    }

    /// The parent of a directory, as far as one may go up.
    pub(crate) fn up_within(
        &self,
        context: &Context<'_>,
        start: DentryId,
        here: DentryId,
    ) -> Result<DentryId> {
        if here == start && context.resolve.contains(Resolve::BENEATH) {
            return fail(Errno::EXDEV);
        }
        if here == start && context.resolve.contains(Resolve::IN_ROOT) {
            return Ok(here);
        }
        let parent = self.up(context, here);
        self.check_same_mount(context, here, parent)?;
        Ok(parent)
    }

    /// Refuses to go into another file system.
    pub(crate) fn check_same_mount(
        &self,
        context: &Context<'_>,
        here: DentryId,
        next: DentryId,
    ) -> Result<()> {
        if !context.resolve.contains(Resolve::NO_OTHER_MOUNT) {
            return Ok(());
        }
        let filesystem = |dentry: DentryId| {
            self.dentries[dentry].inode.map(|inode| self.inodes[inode].filesystem)
        };
        if filesystem(here) == filesystem(next) { Ok(()) } else { fail(Errno::EXDEV) }
    }
}
