//! Everything in one place: one lock makes it many-threaded.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;

use hashbrown::{DefaultHashBuilder, HashMap, HashTable};
use rand_chacha::ChaCha20Rng;
use rand_chacha::rand_core::SeedableRng;

use crate::arena::Arena;
use crate::dentry::{Dentry, DentryId};
use crate::epoll::Epoll;
use crate::file::{File, FileId};
use crate::inode::{Attributes, Body, Inode, InodeId, Kind, Remote, Time};
use crate::list::OLDEST;
use crate::locks::Locks;
use crate::page::Pages;
use crate::permission::Credentials;
use crate::pipe::Pipe;
use crate::proc::System;
use crate::queue::{QueueId, Queues};
use crate::remote::{Reported, Request};
use crate::resolve::Resolve;
use crate::room::Room;
use crate::socket::{Socket, SocketId};
use crate::socket_garbage::Flight;
use crate::terminals::Terminals;
use crate::watch::Watcher;

/// Where the nodes of a file system live.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// In memory only.
    Memory,
    /// They are made when somebody looks: `/proc`.
    Proc,
    /// With the file server.
    Remote,
}

/// A file system that is mounted.
#[derive(Clone, Debug)]
pub(crate) struct Filesystem {
    pub origin: Origin,
    /// What it is called in the list of mounts: source and type.
    pub called: (&'static str, &'static str),
    /// The number by which its nodes are told from those of others (`st_dev`).
    pub device: u64,
    pub root: DentryId,
    pub next_number: u64,
}

/// From where a process looks at files. Both are held.
#[derive(Debug, PartialEq, Eq)]
pub struct Place {
    /// Where `/` leads.
    pub root: DentryId,
    /// The working directory.
    pub directory: DentryId,
}

/// Who asks.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// From where.
    pub place: &'a Place,
    /// In whose name.
    pub credentials: Credentials<'a>,
    /// Permissions that new nodes do not get.
    pub umask: u16,
    /// When.
    pub now: Time,
    /// The process: whom `/proc/self` means.
    pub process: u32,
    /// Its process group.
    pub group: u32,
    /// Its session.
    pub session: u32,
    /// Where paths may lead.
    pub resolve: Resolve,
    /// It may change and write to its terminal from the background, too: it does not hear of it.
    pub insists: bool,
    /// What `/proc` shows.
    pub system: &'a dyn System,
}

/// All files. Numbers of names, open files and so on are held by whoever was given them, until they are given
/// back.
#[derive(Debug)]
pub struct Vfs<P> {
    /// Memory for contents.
    pub pages: P,
    /// Who waits for what.
    pub queues: Queues,
    /// Terminals.
    pub terminals: Terminals,
    pub(crate) inodes: Arena<Inode>,
    pub(crate) dentries: Arena<Dentry>,
    pub(crate) names: HashTable<DentryId>,
    pub(crate) hasher: DefaultHashBuilder,
    pub(crate) files: Arena<File>,
    pub(crate) pipes: Arena<Pipe>,
    pub(crate) sockets: Arena<Socket>,
    pub(crate) flight: Flight,
    /// Sockets with names that are no paths.
    pub(crate) abstract_names: HashMap<Box<[u8]>, SocketId>,
    pub(crate) epolls: Arena<Epoll>,
    /// Files that became shorter.
    pub(crate) cuts: Vec<(InodeId, u64)>,
    /// Files that tell what happens to others; how many watches they have; and the last move that was told.
    pub(crate) watchers: Arena<Watcher>,
    pub(crate) watches: usize,
    pub(crate) last_move: u32,
    /// Files that are timers, and files that stand for processes.
    pub(crate) timers: Vec<FileId>,
    pub(crate) process_files: Vec<FileId>,
    /// How many files tell of signals; woken when one may; and which wait for who asks.
    pub(crate) signal_files: usize,
    pub(crate) signalled: QueueId,
    pub(crate) asker: u64,
    pub(crate) filesystems: Vec<Filesystem>,
    /// Nodes of the file server that are known here, by its numbers.
    pub(crate) nodes: HashMap<u32, InodeId>,
    /// Names that nobody uses.
    pub(crate) idle: VecDeque<DentryId>,
    /// What the file server has to be told, without anybody waiting.
    pub(crate) outbox: VecDeque<Request>,
    /// Nodes that have something to write back, the oldest first.
    pub(crate) dirty: VecDeque<InodeId>,
    /// Pages of the file server's files, in the order in which to look for one to forget.
    pub(crate) clock: VecDeque<(InodeId, u32)>,
    /// Pages of files in memory; of the server's files; and those among them that are to be written back.
    pub(crate) memory_pages: usize,
    pub(crate) cached_pages: usize,
    pub(crate) dirty_pages: usize,
    /// Most pages of files in memory, by which others are counted as well; and most of the server's files.
    pub(crate) most_pages: usize,
    pub(crate) most_cached: usize,
    /// What is known of the space on the file server's disk.
    pub(crate) space: Option<Reported>,
    /// What is promised of that, and what is left.
    pub(crate) room: Room,
    /// Woken when something was written back.
    pub(crate) written: QueueId,
    /// A queue that is never woken.
    pub(crate) never: QueueId,
    pub(crate) next_anonymous: u64,
    /// What `/dev/urandom` gives.
    pub(crate) random: ChaCha20Rng,
}

impl<P: Pages> Vfs<P> {
    /// An empty directory in memory for a root, and at most `most_pages` pages for contents of files.
    pub fn new(pages: P, most_pages: usize) -> Self {
        let mut queues = Queues::new();
        let (written, never, signalled) = (queues.add(), queues.add(), queues.add());
        let mut this = Self {
            pages,
            queues,
            terminals: Terminals::new(),
            inodes: Arena::new(),
            dentries: Arena::new(),
            names: HashTable::new(),
            hasher: DefaultHashBuilder::default(),
            files: Arena::new(),
            pipes: Arena::new(),
            sockets: Arena::new(),
            flight: Flight::new(),
            abstract_names: HashMap::new(),
            epolls: Arena::new(),
            cuts: Vec::new(),
            watchers: Arena::new(),
            watches: 0,
            last_move: 0,
            timers: Vec::new(),
            process_files: Vec::new(),
            signal_files: 0,
            signalled,
            asker: 0,
            filesystems: Vec::new(),
            nodes: HashMap::new(),
            idle: VecDeque::new(),
            outbox: VecDeque::new(),
            dirty: VecDeque::new(),
            clock: VecDeque::new(),
            memory_pages: 0,
            cached_pages: 0,
            dirty_pages: 0,
            most_pages,
            most_cached: most_pages,
            space: None,
            room: Room::default(),
            written,
            never,
            next_anonymous: 1,
            random: ChaCha20Rng::from_seed([0; 32]),
        };
        this.add_filesystem(
            Origin::Memory,
            ("rootfs", "tmpfs"),
            Body::Directory(Default::default(), OLDEST),
            0o755,
        );
        this
    }

    /// The root of everything, not held for the caller.
    pub fn root(&self) -> DentryId {
        self.top(self.filesystems[0].root)
    }

    /// Adds a file system with an empty root directory.
    pub(crate) fn add_filesystem(
        &mut self,
        origin: Origin,
        called: (&'static str, &'static str),
        body: Body,
        permissions: u16,
    ) -> DentryId {
        let index = self.filesystems.len();
        let device = 0x10 + index as u64;
        let none = DentryId::new(u32::MAX);
        self.filesystems.push(Filesystem { origin, called, device, root: none, next_number: 1 });
        let mut attributes = Attributes::new(Kind::Directory, permissions, (0, 0), Time::default());
        attributes.links = 2;
        let inode = self.add_inode(index, attributes, body);
        let root = self.add_root(inode);
        self.filesystems[index].root = root;
        root
    }

    /// Mounts an empty file system in memory on a directory.
    pub fn mount_memory(&mut self, at: DentryId, name: &'static str, permissions: u16) {
        let body = Body::Directory(Default::default(), OLDEST);
        let root = self.add_filesystem(Origin::Memory, (name, name), body, permissions);
        self.cover(at, root);
    }

    /// Puts a root over a directory.
    pub(crate) fn cover(&mut self, at: DentryId, root: DentryId) {
        let at = self.top(at);
        self.pin(at);
        self.dentries[at].mounted = Some(root);
        self.dentries[root].covers = Some(at);
    }

    /// Mounts the file server's root on a directory, `node` its number there.
    pub fn mount_remote(&mut self, at: DentryId, node: u32, attributes: Attributes) {
        let root = self.add_filesystem(Origin::Remote, ("/dev/root", "ext4"), Body::Plain, 0o755);
        let inode = self.dentries[root].inode;
        if let Some(inode) = inode {
            let it = &mut self.inodes[inode];
            it.attributes = attributes;
            it.number = node.into();
            it.remote = Some(Remote::new(node, 1, (0, 0)));
            self.nodes.insert(node, inode);
        }
        self.cover(at, root);
    }

    /// What is mounted on top of a name.
    pub(crate) fn top(&self, dentry: DentryId) -> DentryId {
        let mut dentry = dentry;
        while let Some(root) = self.dentries[dentry].mounted {
            dentry = root;
        }
        dentry
    }

    /// Adds a node, used once. In memory, its number is new.
    pub(crate) fn add_inode(
        &mut self,
        filesystem: usize,
        attributes: Attributes,
        body: Body,
    ) -> InodeId {
        let it = &mut self.filesystems[filesystem];
        let number = it.next_number;
        it.next_number += 1;
        self.inodes.insert(Inode {
            filesystem,
            number,
            attributes,
            uses: 1,
            body,
            remote: None,
            locks: Locks::default(),
            queue: None,
            may_be_named: false,
        })
    }

    /// Where the nodes of the file system live that a name belongs to.
    pub(crate) fn origin(&self, dentry: DentryId) -> Origin {
        let inode = self.dentries[dentry].inode;
        inode.map_or(Origin::Memory, |inode| self.filesystems[self.inodes[inode].filesystem].origin)
    }

    /// The queue of a node.
    pub(crate) fn queue_of_inode(&mut self, inode: InodeId) -> QueueId {
        let it = &mut self.inodes[inode];
        *it.queue.get_or_insert_with(|| self.queues.add())
    }

    /// The same place, held once more: for a child.
    pub fn clone_place(&mut self, place: &Place) -> Place {
        self.pin(place.root);
        self.pin(place.directory);
        Place { root: place.root, directory: place.directory }
    }

    /// Gives a place back.
    pub fn drop_place(&mut self, place: Place) {
        self.unpin(place.root);
        self.unpin(place.directory);
    }

    /// The root as root and working directory.
    pub fn first_place(&mut self) -> Place {
        let root = self.root();
        self.pin(root);
        self.pin(root);
        Place { root, directory: root }
    }

    /// The nodes that the file server holds for us, and how often: a new instance of it has to be told.
    pub fn held(&self) -> impl Iterator<Item = (u32, u32)> + '_ {
        let remotes = self.nodes.values().filter_map(|inode| self.inodes[*inode].remote.as_ref());
        remotes.map(|remote| (remote.node, remote.holds))
    }

    /// Nodes, names and open files in memory: it falls back to where it was when everything was given back.
    pub fn census(&self) -> (usize, usize, usize) {
        (self.inodes.len(), self.dentries.len(), self.files.len())
    }
}
