//! Sets of files to wait for (`epoll`).

use alloc::vec::Vec;

use koito_linux::Errno;

use crate::arena::Id;
use crate::file::{File, FileId, Flags, Object};
use crate::page::Pages;
use crate::poll::Ready;
use crate::queue::QueueId;
use crate::stop::{Result, fail};
use crate::vfs::Vfs;

/// When a file is told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Triggering {
    /// As long as it is ready.
    Level,
    /// When it became ready for more (`EPOLLET`).
    Edge,
    /// Once, until it is asked for again (`EPOLLONESHOT`).
    Once,
}

/// What is wanted of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interest {
    /// For what it should be ready.
    pub ready: Ready,
    /// When it is told.
    pub triggering: Triggering,
    /// What is told along with it.
    pub data: u64,
}

/// A file of a set.
#[derive(Clone, Debug)]
struct Member {
    /// The descriptor by which it was added, and the open file.
    number: u64,
    file: FileId,
    interest: Interest,
    /// How often it had changed when it was told last.
    told: u64,
    /// It was told, and is not told again.
    spent: bool,
}

/// A set of files.
#[derive(Clone, Debug)]
pub struct Epoll {
    members: Vec<Member>,
    /// Woken when a member is added or changed.
    pub(crate) queue: QueueId,
}

impl Epoll {
    /// Bytes that it takes.
    pub(crate) const fn bytes(&self) -> usize {
        self.members.capacity() * size_of::<Member>()
    }
}

/// Number of a set.
pub type EpollId = Id<Epoll>;

impl<P: Pages> Vfs<P> {
    /// A new set.
    pub fn epoll(&mut self) -> FileId {
        let queue = self.queues.add();
        let epoll = self.epolls.insert(Epoll { members: Vec::new(), queue });
        self.add_file(File::new(Object::Epoll(epoll), Flags::READ_WRITE, None))
    }

    pub(crate) fn close_epoll(&mut self, epoll: EpollId) {
        if let Some(gone) = self.epolls.remove(epoll) {
            self.queues.remove(gone.queue);
        }
    }

    fn epoll_of(&self, set: FileId) -> Result<EpollId> {
        match self.files[set].object {
            Object::Epoll(epoll) => Ok(epoll),
            _ => fail(Errno::EINVAL),
        }
    }

    /// Adds a file, by its descriptor (`EPOLL_CTL_ADD`).
    pub fn epoll_add(
        &mut self,
        set: FileId,
        number: u64,
        file: FileId,
        interest: Interest,
    ) -> Result<()> {
        let epoll = self.epoll_of(set)?;
        match self.files[file].object {
            Object::File(_) | Object::Directory(_) | Object::Text(_) => return fail(Errno::EPERM),
            // A set of sets that contains itself would never end.
            Object::Epoll(_) => return fail(Errno::ELOOP),
            _ => {}
        }
        let it = &mut self.epolls[epoll];
        if it.members.iter().any(|it| it.number == number && it.file == file) {
            return fail(Errno::EEXIST);
        }
        it.members.push(Member { number, file, interest, told: 0, spent: false });
        let queue = it.queue;
        self.queues.wake(queue);
        Ok(())
    }

    /// Wants something else of a file (`EPOLL_CTL_MOD`), or nothing any more (`EPOLL_CTL_DEL`).
    pub fn epoll_change(
        &mut self,
        set: FileId,
        number: u64,
        file: FileId,
        interest: Option<Interest>,
    ) -> Result<()> {
        let epoll = self.epoll_of(set)?;
        let it = &mut self.epolls[epoll];
        let is_it = |it: &Member| it.number == number && it.file == file;
        let Some(place) = it.members.iter().position(is_it) else { return fail(Errno::ENOENT) };
        match interest {
            Some(interest) => {
                it.members[place] = Member { number, file, interest, told: 0, spent: false };
            }
            None => {
                it.members.remove(place);
            }
        }
        let queue = it.queue;
        self.queues.wake(queue);
        Ok(())
    }

    fn told(&self, member: &Member) -> Ready {
        if member.spent {
            return Ready::empty();
        }
        let edge = member.interest.triggering == Triggering::Edge;
        if edge && member.told == self.changes_of(member.file) + 1 {
            return Ready::empty();
        }
        self.ready(member.file) & (member.interest.ready | Ready::ALWAYS)
    }

    pub(crate) fn epoll_ready(&self, epoll: EpollId) -> bool {
        self.epolls[epoll].members.iter().any(|member| !self.told(member).is_empty())
    }

    /// Gives `take` what is ready, with its data, as long as that answers `true`; answers how many it were.
    /// It never waits: see [`wait_for`](Self::wait_for).
    pub fn epoll_collect(
        &mut self,
        set: FileId,
        take: &mut dyn FnMut(Ready, u64) -> bool,
    ) -> Result<usize> {
        let epoll = self.epoll_of(set)?;
        let mut count = 0;
        let members = self.epolls[epoll].members.len();
        for place in 0..members {
            let member = &self.epolls[epoll].members[place];
            let ready = self.told(member);
            if ready.is_empty() {
                continue;
            }
            if !take(ready, member.interest.data) {
                break;
            }
            count += 1;
            let changes = self.changes_of(member.file) + 1;
            let member = &mut self.epolls[epoll].members[place];
            member.told = changes;
            member.spent = member.interest.triggering == Triggering::Once;
        }
        // Who was not told everything now is told the rest before the same again.
        if count > 0 {
            self.epolls[epoll].members.rotate_left(count.min(members) % members.max(1));
        }
        Ok(count)
    }

    /// The queues that are woken when a set may have something to tell.
    pub(crate) fn epoll_queues(&self, epoll: EpollId, take: &mut dyn FnMut(QueueId)) {
        let it = &self.epolls[epoll];
        take(it.queue);
        it.members.iter().flat_map(|member| self.queues_of(member.file)).for_each(take);
    }

    /// A file is closed: it leaves all sets.
    pub(crate) fn leave_epolls(&mut self, file: FileId) {
        for epoll in self.epolls.ids().collect::<Vec<_>>() {
            self.epolls[epoll].members.retain(|it| it.file != file);
        }
    }
}
