//! Open files (*open file descriptions*): what descriptors lead to, with flags and offset.

use alloc::boxed::Box;
use alloc::vec::Vec;

use bitflags::bitflags;
use koito_linux::Errno;

use crate::arena::Id;
use crate::buffer::{Source, Target};
use crate::dentry::DentryId;
use crate::device::Device;
use crate::epoll::EpollId;
use crate::event::Event;
use crate::inode::{InodeId, Kind, Time};
use crate::list::Listing;
use crate::page::Pages;
use crate::pipe::{Ends, PipeId};
use crate::socket::SocketId;
use crate::stop::{Result, fail};
use crate::terminals::TerminalEnd;
use crate::timer::TimerFile;
use crate::vfs::{Context, Vfs};
use crate::watch::{Happening, WatcherId};
use crate::witness::ProcessFile;

bitflags! {
    /// Flags of an open file, and of opening one, as Linux numbers them.
    #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
    pub struct Flags: u32 {
        /// To be written only.
        const WRITE = 0o1;
        /// To be read and written.
        const READ_WRITE = 0o2;
        /// Is made if it does not exist.
        const CREATE = 0o100;
        /// Must not exist.
        const EXCLUSIVE = 0o200;
        /// Does not become the controlling terminal.
        const NO_TERMINAL = 0o400;
        /// Loses its contents.
        const TRUNCATE = 0o1000;
        /// Each write goes to the end.
        const APPEND = 0o2000;
        /// Operations fail instead of waiting.
        const NONBLOCK = 0o4000;
        /// Writes last when they are done.
        const DATA_SYNC = 0o10000;
        /// Signals when it is ready.
        const ASYNC = 0o20000;
        /// Without caches.
        const DIRECT = 0o40000;
        /// Means nothing here.
        const LARGE = 0o100000;
        /// Must be a directory.
        const DIRECTORY = 0o200000;
        /// Must not be a symbolic link.
        const NO_FOLLOW = 0o400000;
        /// Does not note when it was read.
        const NO_ACCESS_TIME = 0o1000000;
        /// The descriptor is closed by `execve`.
        const CLOSE_ON_EXEC = 0o2000000;
        /// Together with `DATA_SYNC`: everything lasts.
        const SYNC = 0o4000000;
        /// Only names a place.
        const PATH = 0o10000000;
        /// A file without a name.
        const TEMPORARY = 0o20000000;
    }
}

impl Flags {
    /// Those that `fcntl` can change.
    pub const CHANGEABLE: Self = Self::APPEND
        .union(Self::NONBLOCK)
        .union(Self::ASYNC)
        .union(Self::DIRECT)
        .union(Self::NO_ACCESS_TIME);
    /// Those that count when a file is opened only.
    const OPENING: Self = Self::CREATE
        .union(Self::EXCLUSIVE)
        .union(Self::NO_TERMINAL)
        .union(Self::TRUNCATE)
        .union(Self::CLOSE_ON_EXEC);

    /// Whether the file may be read.
    pub const fn reads(self) -> bool {
        !self.contains(Self::WRITE) && !self.contains(Self::PATH)
    }

    /// Whether it may be written.
    pub const fn writes(self) -> bool {
        self.intersects(Self::WRITE.union(Self::READ_WRITE)) && !self.contains(Self::PATH)
    }
}

/// What is open.
#[derive(Clone, Debug)]
pub enum Object {
    /// A regular file.
    File(InodeId),
    /// A directory, and how far it was listed.
    Directory(Box<Listing>),
    /// An end of a pipe.
    Pipe(PipeId, Ends),
    /// A socket.
    Socket(SocketId),
    /// A counter of events.
    Event(Event),
    /// A set of files to wait for.
    Epoll(EpollId),
    /// A timer.
    Timer(TimerFile),
    /// Signals of a set that wait for who reads.
    Signals(u64),
    /// A process.
    Process(ProcessFile),
    /// What happens to other files.
    Watcher(WatcherId),
    /// A device.
    Device(Device),
    /// A terminal.
    Terminal(TerminalEnd),
    /// What a file of `/proc` said when it was opened.
    Text(Vec<u8>),
    /// A place only.
    Path,
}

/// An open file.
#[derive(Clone, Debug)]
pub struct File {
    pub(crate) object: Object,
    /// Where it stands; held.
    pub(crate) dentry: Option<DentryId>,
    pub(crate) flags: Flags,
    /// Where the next read or write begins.
    pub(crate) offset: u64,
    /// Descriptors, and operations under way, that need it.
    uses: u32,
    /// Its number where it has no node.
    pub(crate) anonymous: u64,
}

/// Number of an open file.
pub type FileId = Id<File>;

impl File {
    pub(crate) fn new(object: Object, flags: Flags, dentry: Option<DentryId>) -> Self {
        Self { object, dentry, flags: flags - Flags::OPENING, offset: 0, uses: 1, anonymous: 0 }
    }

    /// How many hold it.
    pub(crate) const fn uses(&self) -> u32 {
        self.uses
    }
}

impl<P: Pages> Vfs<P> {
    /// Adds an open file, held once. It holds its name.
    pub(crate) fn add_file(&mut self, mut file: File) -> FileId {
        match file.dentry {
            Some(dentry) => self.pin(dentry),
            None => {
                file.anonymous = self.next_anonymous;
                self.next_anonymous += 1;
            }
        }
        self.files.insert(file)
    }

    /// Holds an open file once more: `dup`, `fork`, a mapping.
    pub fn share(&mut self, file: FileId) {
        self.files[file].uses += 1;
    }

    /// Gives back one hold. What nobody holds is closed.
    pub fn close(&mut self, file: FileId) {
        self.close_one(file);
        self.close_abandoned();
    }

    /// Closes what closed sockets carried: sockets among them, which carry more.
    pub(crate) fn close_abandoned(&mut self) {
        while let Some(file) = self.flight.abandoned.pop() {
            self.close_one(file);
        }
    }

    fn close_one(&mut self, file: FileId) {
        let it = &mut self.files[file];
        it.uses -= 1;
        if it.uses > 0 {
            return;
        }
        self.unlock_file(file);
        self.leave_epolls(file);
        if let Some(dentry) = self.files[file].dentry.filter(|_| self.watches > 0) {
            let flags = self.files[file].flags;
            let writes = flags.writes();
            let what = if writes { Happening::CLOSE_WRITE } else { Happening::CLOSE_OTHER };
            if !flags.contains(Flags::PATH) {
                self.happened_at(dentry, what);
            }
        }
        let Some(it) = self.files.remove(file) else { return };
        match it.object {
            Object::Pipe(pipe, ends) => self.close_end(pipe, ends),
            Object::Socket(socket) => self.close_socket(socket),
            Object::Epoll(epoll) => self.close_epoll(epoll),
            Object::Event(event) => self.queues.remove(event.queue),
            Object::Timer(timer) => self.close_timer(file, timer),
            Object::Process(process) => self.close_process(file, process),
            Object::Watcher(watcher) => self.close_watcher(watcher),
            Object::Signals(_) => self.signal_files -= 1,
            Object::Terminal(end) => self.close_terminal(end),
            _ => {}
        }
        if let Some(dentry) = it.dentry {
            self.unpin(dentry);
        }
    }

    /// Its flags.
    pub fn flags(&self, file: FileId) -> Flags {
        self.files[file].flags
    }

    /// Where its next read or write begins.
    pub fn offset(&self, file: FileId) -> u64 {
        self.files[file].offset
    }

    /// Sets those of its flags that can be changed.
    pub fn set_flags(&mut self, file: FileId, flags: Flags) {
        let it = &mut self.files[file];
        it.flags = (it.flags - Flags::CHANGEABLE) | (flags & Flags::CHANGEABLE);
    }

    /// What is open.
    pub fn object(&self, file: FileId) -> &Object {
        &self.files[file].object
    }

    /// Where it stands, if it has a name.
    pub fn place_of(&self, file: FileId) -> Option<DentryId> {
        self.files[file].dentry
    }

    /// The directory that an open file is, to start from.
    pub fn directory_of(&self, file: FileId) -> Result<DentryId> {
        let dentry = self.files[file].dentry.map_or_else(|| fail(Errno::ENOTDIR), Ok)?;
        match self.inode(dentry)?.attributes.kind {
            Kind::Directory => Ok(dentry),
            _ => fail(Errno::ENOTDIR),
        }
    }

    /// Reads from where the file stands, and moves it on. At most 256 KiB at a time: callers go on.
    pub fn read(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let it = &self.files[file];
        if !it.flags.reads() {
            return fail(Errno::EBADF);
        }
        match &it.object {
            Object::Pipe(pipe, _) => {
                let (pipe, flags) = (*pipe, it.flags);
                self.read_pipe(pipe, flags, target)
            }
            Object::File(_) | Object::Text(_) => {
                let offset = it.offset;
                let done = self.read_at(context, file, offset, target)?;
                self.files[file].offset += done as u64;
                Ok(done)
            }
            Object::Device(device) => {
                let device = *device;
                self.read_device(device, target)
            }
            Object::Terminal(end) => {
                let (end, flags, dentry) = (*end, it.flags, it.dentry);
                let done = self.read_terminal(context, end, flags, target)?;
                self.note_typing(dentry, context.now);
                Ok(done)
            }
            Object::Event(event) => {
                let event = *event;
                self.read_event(file, event, target)
            }
            Object::Socket(_) => {
                let flags = it.flags;
                self.read_socket(file, flags, target)
            }
            Object::Timer(timer) => {
                let timer = *timer;
                self.read_timer(file, timer, target)
            }
            Object::Watcher(watcher) => {
                let watcher = *watcher;
                self.read_watcher(file, watcher, target)
            }
            Object::Directory(_) => fail(Errno::EISDIR),
            // What tells of signals is read by who keeps them.
            Object::Epoll(_) | Object::Signals(_) | Object::Process(_) | Object::Path => {
                fail(Errno::EINVAL)
            }
        }
    }

    /// Reads a regular file, at `offset` or where it stands, as [`read`](Self::read) does: that needs nothing
    /// but the time. `None` if the file is none or may not be read.
    pub fn read_regular(
        &mut self,
        now: Time,
        file: FileId,
        offset: Option<u64>,
        target: &mut dyn Target,
    ) -> Option<Result<usize>> {
        let it = &self.files[file];
        let Object::File(inode) = it.object else { return None };
        if !it.flags.reads() {
            return None;
        }
        let (at, notes) = (offset.unwrap_or(it.offset), !it.flags.contains(Flags::NO_ACCESS_TIME));
        let done = self.read_content(inode, at, target);
        if let Ok(count) = done
            && count > 0
        {
            if notes {
                self.note_access(inode, now);
            }
            if self.watches > 0 {
                self.file_happened(file, Happening::ACCESS);
            }
            if offset.is_none() {
                self.files[file].offset = at + count as u64;
            }
        }
        Some(done)
    }

    /// Writes where the file stands, or at its end, and moves it on. At most 256 KiB at a time.
    pub fn write(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let it = &self.files[file];
        if !it.flags.writes() {
            return fail(Errno::EBADF);
        }
        match &it.object {
            Object::Pipe(pipe, _) => {
                let (pipe, flags) = (*pipe, it.flags);
                self.write_pipe(pipe, flags, source)
            }
            Object::File(inode) => {
                let inode = *inode;
                let offset = if it.flags.contains(Flags::APPEND) {
                    self.inodes[inode].attributes.size
                } else {
                    it.offset
                };
                let done = self.write_at(context, file, offset, source)?;
                self.files[file].offset = offset + done as u64;
                Ok(done)
            }
            Object::Device(device) => {
                let device = *device;
                self.write_device(device, source)
            }
            Object::Terminal(end) => {
                let (end, flags) = (*end, it.flags);
                self.write_terminal(context, end, flags, source)
            }
            Object::Event(event) => {
                let event = *event;
                self.write_event(file, event, source)
            }
            Object::Socket(_) => {
                let flags = it.flags;
                self.write_socket(context, file, flags, source)
            }
            Object::Directory(_) => fail(Errno::EISDIR),
            Object::Text(_)
            | Object::Epoll(_)
            | Object::Timer(_)
            | Object::Signals(_)
            | Object::Process(_)
            | Object::Watcher(_)
            | Object::Path => fail(Errno::EINVAL),
        }
    }

    /// Reads at an offset.
    pub fn read_at(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        offset: u64,
        target: &mut dyn Target,
    ) -> Result<usize> {
        let it = &self.files[file];
        if !it.flags.reads() {
            return fail(Errno::EBADF);
        }
        match &it.object {
            Object::File(_) => self
                .read_regular(context.now, file, Some(offset), target)
                .unwrap_or(fail(Errno::EBADF)),
            Object::Text(text) => {
                let rest = text.get(offset.min(text.len() as u64) as usize..).unwrap_or_default();
                let rest = &rest[..rest.len().min(target.room())];
                target.put(rest)?;
                Ok(rest.len())
            }
            Object::Device(device) => {
                let device = *device;
                self.read_device(device, target)
            }
            Object::Directory(_) => fail(Errno::EISDIR),
            _ => fail(Errno::ESPIPE),
        }
    }

    /// Writes at an offset.
    pub fn write_at(
        &mut self,
        context: &Context<'_>,
        file: FileId,
        offset: u64,
        source: &mut dyn Source,
    ) -> Result<usize> {
        let it = &self.files[file];
        if !it.flags.writes() {
            return fail(Errno::EBADF);
        }
        match &it.object {
            Object::File(inode) => {
                let inode = *inode;
                let done = self.write_content(inode, offset, source, context.now)?;
                self.drop_identity(context, inode);
                if self.watches > 0 && done > 0 {
                    self.file_happened(file, Happening::MODIFY);
                }
                Ok(done)
            }
            Object::Device(device) => {
                let device = *device;
                self.write_device(device, source)
            }
            Object::Directory(_) => fail(Errno::EISDIR),
            _ => fail(Errno::ESPIPE),
        }
    }
}
