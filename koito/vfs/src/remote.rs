//! What the file server is asked, and what its answers change here. Nothing in this crate waits: requests are
//! handed to the caller, who hands back the answers.

use alloc::boxed::Box;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::FileId;
use crate::inode::{Attributes, Body, Changes, InodeId, Kind, Remote, Time};
use crate::list::Listed;
use crate::page::Pages;
use crate::stop::Result;
use crate::vfs::Vfs;

/// A request to the file server. Each one that was handed out has to be given back to [`Vfs::answer`], which
/// is what it holds things for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Request {
    /// The node that it is about.
    pub inode: InodeId,
    /// The server's number for that.
    pub node: u32,
    /// What is asked.
    pub ask: Ask,
}

/// A node to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum New {
    /// An empty file.
    File,
    /// An empty directory.
    Directory,
    /// A symbolic link with this target.
    Link(Box<[u8]>),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// A device with its numbers.
    Device(Kind, u32, u32),
}

impl New {
    /// What it will be.
    pub const fn kind(&self) -> Kind {
        match self {
            Self::File => Kind::File,
            Self::Directory => Kind::Directory,
            Self::Link(_) => Kind::Link,
            Self::Fifo => Kind::Fifo,
            Self::Socket => Kind::Socket,
            Self::Device(kind, ..) => *kind,
        }
    }
}

/// Who makes a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Maker {
    /// Owner of what is made.
    pub user: u32,
    /// Its group.
    pub group: u32,
    /// Its permissions.
    pub permissions: u16,
    /// When.
    pub now: Time,
}

/// What a rename does with something that has the new name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rename {
    /// Replaces it.
    Replace,
    /// Fails.
    Keep,
    /// Swaps the two.
    Exchange,
}

/// What the file server is asked. It holds every node that it names in an answer, until it is told to forget it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Ask {
    /// What a name is in this directory: [`Reply::Node`].
    Lookup {
        /// The directory.
        parent: DentryId,
        /// The name.
        name: Box<[u8]>,
    },
    /// The target of this link: [`Reply::Bytes`].
    ReadLink,
    /// Entries of this directory: [`Reply::Entries`].
    List {
        /// Who lists it.
        file: FileId,
        /// From where on.
        cookie: u64,
    },
    /// Pages of this file: [`Reply::Bytes`], fewer at its end.
    Read {
        /// The first.
        first: u32,
        /// How many.
        count: u32,
    },
    /// Writes pages of this file; [`Vfs::gather`] has them.
    Write {
        /// The first.
        first: u32,
        /// Bytes in all.
        bytes: usize,
        /// When.
        now: Time,
    },
    /// Sets attributes.
    Change {
        /// Which.
        changes: Changes,
        /// When.
        now: Time,
    },
    /// Makes a node in this directory: [`Reply::Node`].
    Create {
        /// The directory.
        parent: DentryId,
        /// The new name.
        name: Box<[u8]>,
        /// What it will be.
        new: New,
        /// For whom.
        maker: Maker,
        /// A name that is there is an error.
        exclusive: bool,
    },
    /// Gives a node a further name in this directory.
    Link {
        /// The directory.
        parent: DentryId,
        /// The new name.
        name: Box<[u8]>,
        /// The node.
        target: InodeId,
        /// Its number there.
        node: u32,
        /// When.
        now: Time,
    },
    /// Removes a name from this directory.
    Remove {
        /// Which.
        dentry: DentryId,
        /// The name itself.
        name: Box<[u8]>,
        /// It is a directory's.
        directory: bool,
        /// When.
        now: Time,
    },
    /// Gives a name of this directory another one.
    Rename {
        /// Which.
        dentry: DentryId,
        /// The name itself.
        name: Box<[u8]>,
        /// Where it goes.
        to: DentryId,
        /// That directory's number there.
        to_node: u32,
        /// The new name.
        new_name: Box<[u8]>,
        /// What has the new name now.
        replaced: Option<DentryId>,
        /// What becomes of that.
        how: Rename,
        /// When.
        now: Time,
    },
    /// Makes everything that was answered before durable.
    Sync,
    /// How much space there is: [`Reply::Space`].
    Space,
    /// The node is not in use any more. There is no answer.
    Forget {
        /// So many holds are given back.
        holds: u32,
    },
}

/// Space on the file server's disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Reported {
    /// Bytes of a block.
    pub block_bytes: u64,
    /// Blocks, and how many are free.
    pub blocks: (u64, u64),
    /// Nodes, and how many can still be made.
    pub nodes: (u64, u64),
}

/// What the server answered, if it did not fail.
#[derive(Clone, Debug)]
pub enum Reply<'a> {
    /// It was done.
    Done,
    /// A node.
    Node(u32, Attributes),
    /// Contents.
    Bytes(&'a [u8]),
    /// Entries of a directory; none behind its end.
    Entries(Vec<Listed>),
    /// Space.
    Space(Reported),
}

/// What the answer to a request means for whoever waits for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Finished {
    /// The operation is to be repeated.
    Again,
    /// The operation that ended in [`Stop::Commit`](crate::Stop::Commit) is done.
    Done,
    /// So is the one that made this, which is held for the caller: [`Vfs::open_made`], or
    /// [`Vfs::unpin`].
    Made(DentryId),
}

impl Remote {
    pub(crate) const fn new(node: u32, holds: u32, size: u64) -> Self {
        let changes = Changes {
            permissions: None,
            user: None,
            group: None,
            size: None,
            accessed: None,
            modified: None,
        };
        Self { node, holds, under_way: 0, changes, cut: None, size, error: None, listed: false }
    }
}

impl<P: Pages> Vfs<P> {
    /// Makes a request, which holds what it names.
    pub(crate) fn request_of(&mut self, inode: InodeId, ask: Ask) -> Request {
        self.hold_inode(inode);
        match &ask {
            Ask::Lookup { parent, .. } | Ask::Create { parent, .. } => self.pin(*parent),
            Ask::Link { parent, target, .. } => {
                self.pin(*parent);
                self.hold_inode(*target);
            }
            Ask::Remove { dentry, .. } => self.pin(*dentry),
            Ask::Rename { dentry, to, replaced, .. } => {
                self.pin(*dentry);
                self.pin(*to);
                replaced.iter().for_each(|it| self.pin(*it));
            }
            Ask::List { file, .. } => self.share(*file),
            _ => {}
        }
        let node = self.inodes[inode].remote.as_ref().map_or(0, |remote| remote.node);
        Request { inode, node, ask }
    }

    /// Gives back what a request held.
    fn release(&mut self, request: &Request) {
        match &request.ask {
            Ask::Lookup { parent, .. } | Ask::Create { parent, .. } => self.unpin(*parent),
            Ask::Link { parent, target, .. } => {
                self.unpin(*parent);
                self.release_inode(*target);
            }
            Ask::Remove { dentry, .. } => self.unpin(*dentry),
            Ask::Rename { dentry, to, replaced, .. } => {
                replaced.iter().for_each(|it| self.unpin(*it));
                self.unpin(*to);
                self.unpin(*dentry);
            }
            Ask::List { file, .. } => self.close(*file),
            Ask::Forget { .. } => return,
            _ => {}
        }
        self.release_inode(request.inode);
    }

    /// Takes the server's answer to a request. An error is the result of the operation.
    pub fn answer(
        &mut self,
        request: &Request,
        reply: Result<Reply<'_>, Errno>,
    ) -> Result<Finished, Errno> {
        let finished = self.apply(request, reply);
        self.release(request);
        finished
    }

    fn apply(
        &mut self,
        request: &Request,
        reply: Result<Reply<'_>, Errno>,
    ) -> Result<Finished, Errno> {
        let inode = request.inode;
        match (&request.ask, reply) {
            (Ask::Lookup { parent, name }, Ok(Reply::Node(node, attributes))) => {
                self.known(*parent, name, Some((node, attributes)));
            }
            (Ask::Lookup { parent, name }, Err(Errno::ENOENT)) => self.known(*parent, name, None),
            (Ask::ReadLink, Ok(Reply::Bytes(target))) => {
                self.inodes[inode].body = Body::Link(Some(target.to_vec()));
            }
            (Ask::List { file, cookie }, Ok(Reply::Entries(entries))) => {
                self.keep_listed(*file, *cookie, entries);
            }
            (Ask::Read { first, count }, Ok(Reply::Bytes(bytes))) => {
                return self.fill_pages(inode, *first, *count, bytes).map(|()| Finished::Again);
            }
            (Ask::Write { .. } | Ask::Change { .. }, reply) => {
                self.written_back(inode, reply.err());
            }
            (Ask::Create { parent, name, maker, .. }, Ok(Reply::Node(node, attributes))) => {
                let directory = &mut self.inodes[inode].attributes;
                directory.touch(maker.now);
                directory.links += u32::from(attributes.kind == Kind::Directory);
                self.known(*parent, name, Some((node, attributes)));
                let made = self.cached(*parent, name).ok_or(Errno::EIO)?;
                self.pin(made);
                return Ok(Finished::Made(made));
            }
            (Ask::Create { parent, name, exclusive: false, .. }, Err(Errno::EEXIST)) => {
                if let Some(dentry) = self.cached(*parent, name) {
                    self.detach(dentry);
                }
            }
            (Ask::Link { parent, name, target, now, .. }, Ok(_)) => {
                self.hold_inode(*target);
                self.name_now(*parent, name, *target);
                self.inodes[inode].attributes.touch(*now);
                let attributes = &mut self.inodes[*target].attributes;
                attributes.links += 1;
                attributes.changed = *now;
                return Ok(Finished::Done);
            }
            (Ask::Remove { dentry, now, .. }, Ok(_)) => {
                self.take_out(self.dentries[*dentry].parent, *dentry);
                self.removed(inode, *dentry, *now);
                return Ok(Finished::Done);
            }
            (Ask::Rename { dentry, to, new_name, replaced, how, now, .. }, Ok(_)) => {
                self.renamed(*dentry, *to, new_name, *replaced, *how, *now);
                return Ok(Finished::Done);
            }
            (Ask::Sync, Ok(_)) => return Ok(Finished::Done),
            (Ask::Space, Ok(Reply::Space(space))) => self.space = Some(space),
            (Ask::Forget { .. }, _) => {}
            (_, Err(errno)) => return Err(errno),
            (_, Ok(_)) => return Err(Errno::EIO),
        }
        Ok(Finished::Again)
    }

    /// Notes what a name of the server's is.
    fn known(&mut self, parent: DentryId, name: &[u8], node: Option<(u32, Attributes)>) {
        let inode = node.map(|(node, attributes)| self.known_node(parent, node, attributes));
        match inode {
            Some(inode) => self.name_now(parent, name, inode),
            None if self.cached(parent, name).is_none() => {
                let dentry = self.add_name(parent, name, None);
                self.unpin(dentry);
            }
            None => {}
        }
    }

    /// The node that the server calls so, with one use for the caller.
    fn known_node(&mut self, parent: DentryId, node: u32, attributes: Attributes) -> InodeId {
        if let Some(inode) = self.nodes.get(&node).copied() {
            self.hold_inode(inode);
            if let Some(remote) = &mut self.inodes[inode].remote {
                remote.holds += 1;
            }
            return inode;
        }
        let filesystem = self.dentries[parent].inode.map_or(0, |it| self.inodes[it].filesystem);
        let body = match attributes.kind {
            Kind::File => Body::File(Default::default()),
            Kind::Link => Body::Link(None),
            Kind::Fifo => Body::Fifo(None),
            Kind::Socket => Body::Socket(None),
            _ => Body::Plain,
        };
        let inode = self.add_inode(filesystem, attributes, body);
        self.inodes[inode].number = node.into();
        self.inodes[inode].remote = Some(Remote::new(node, 1, attributes.size));
        self.nodes.insert(node, inode);
        inode
    }

    /// A name leads to a node from now on, whose use passes to it.
    pub(crate) fn name_now(&mut self, parent: DentryId, name: &[u8], inode: InodeId) {
        if let Some(dentry) = self.cached(parent, name) {
            if self.dentries[dentry].inode == Some(inode) {
                self.release_inode(inode);
                return;
            }
            self.detach(dentry);
        }
        let dentry = self.add_name(parent, name, Some(inode));
        self.unpin(dentry);
    }

    /// Nobody uses a node any more: the server may forget it.
    pub(crate) fn forget_node(&mut self, inode: InodeId) {
        if let Some(remote) = &self.inodes[inode].remote {
            let (node, holds) = (remote.node, remote.holds);
            self.nodes.remove(&node);
            let ask = Ask::Forget { holds };
            self.outbox.push_back(Request { inode, node, ask });
        }
    }

    /// A request that nobody waits for, if there is one: what is to be forgotten, and, when there is much
    /// to write back, that.
    pub fn background(&mut self) -> Option<Request> {
        if let Some(request) = self.outbox.pop_front() {
            return Some(request);
        }
        if self.dirty_pages > self.most_pages / 4 { self.write_back() } else { None }
    }
}

/// Refuses to go on where an answer of another kind is needed.
pub(crate) fn pages_of(bytes: u64) -> Result<u32> {
    u32::try_from(bytes.div_ceil(crate::page::PAGE_BYTES as u64)).map_err(|_| Errno::EFBIG.into())
}
