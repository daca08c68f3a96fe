//! A file server: KOITO's file system on a disk in memory.

use koito_block::MemoryDevice;
use koito_fs::{Access, Cookie, FileSystem, Node, Options, ROOT};
use koito_linux::Errno;
use koito_vfs::*;

pub struct Server {
    pub fs: FileSystem<MemoryDevice>,
}

fn time(time: Time) -> koito_fs::Time {
    koito_fs::Time { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

fn back(time: koito_fs::Time) -> Time {
    Time { seconds: time.seconds, nanoseconds: time.nanoseconds }
}

fn errno(error: koito_fs::Error) -> Errno {
    Errno::new(error.errno as u16).unwrap()
}

impl Server {
    pub fn new() -> Self {
        let image = koito_fs_images::expand(koito_fs_images::USUAL).unwrap();
        let now = koito_fs::Time { seconds: 1_700_000_000, nanoseconds: 0 };
        let options = Options { access: Access::ReadWrite, cache_bytes: 2 << 20, now };
        Self { fs: FileSystem::mount(MemoryDevice::new(image), options).unwrap() }
    }

    pub fn root(&mut self) -> (u32, Attributes) {
        self.fs.hold(ROOT).unwrap();
        (ROOT.0, self.attributes(ROOT).unwrap())
    }

    fn attributes(&mut self, node: Node) -> Result<Attributes, Errno> {
        let it = self.fs.attributes(node).map_err(errno)?;
        Ok(Attributes {
            kind: Kind::from_mode(it.kind.mode().into()).unwrap(),
            permissions: it.permissions,
            links: it.links.into(),
            user: it.user,
            group: it.group,
            size: it.size,
            sectors: it.sectors,
            device: it.device,
            accessed: back(it.accessed),
            modified: back(it.modified),
            changed: back(it.changed),
            is_extended: it.is_extended,
        })
    }

    fn held(&mut self, node: Node) -> Result<Reply<'static>, Errno> {
        self.fs.hold(node).map_err(errno)?;
        Ok(Reply::Node(node.0, self.attributes(node)?))
    }

    /// Answers a request.
    pub fn serve(
        &mut self,
        vfs: &mut Vfs<HeapPages>,
        request: &Request,
    ) -> Result<Finished, Errno> {
        let mut bytes = Vec::new();
        let reply = self.reply(vfs, request, &mut bytes);
        vfs.answer(request, reply)
    }

    fn reply<'b>(
        &mut self,
        vfs: &Vfs<HeapPages>,
        request: &Request,
        bytes: &'b mut Vec<u8>,
    ) -> Result<Reply<'b>, Errno> {
        let node = Node(request.node);
        match &request.ask {
            Ask::Lookup { name, .. } => {
                let found = self.fs.lookup(node, name).map_err(errno)?;
                self.held(found)
            }
            Ask::ReadLink => {
                *bytes = self.fs.read_link(node).map_err(errno)?;
                Ok(Reply::Bytes(bytes))
            }
            Ask::List { cookie, .. } => {
                let mut entries = Vec::new();
                let take = |entry: &koito_fs::Entry<'_>| {
                    entries.push(Listed {
                        name: entry.name.into(),
                        number: entry.node.0.into(),
                        kind: entry.kind.and_then(|kind| Kind::from_mode(kind.mode().into())),
                        next: entry.next.0,
                    });
                    entries.len() < 3
                };
                self.fs.list(node, Cookie(*cookie), take).map_err(errno)?;
                Ok(Reply::Entries(entries))
            }
            Ask::Read { first, count } => {
                bytes.resize(*count as usize * PAGE_BYTES, 0);
                let offset = u64::from(*first) * PAGE_BYTES as u64;
                let length = self.fs.read(node, offset, bytes).map_err(errno)?;
                Ok(Reply::Bytes(&bytes[..length]))
            }
            Ask::Write { first, bytes: length, now } => {
                bytes.resize(*length, 0);
                vfs.gather(request.inode, *first, bytes);
                let offset = u64::from(*first) * PAGE_BYTES as u64;
                let done = self.fs.write(node, offset, bytes, time(*now)).map_err(errno)?;
                if done == *length { Ok(Reply::Done) } else { Err(Errno::ENOSPC) }
            }
            Ask::Extended => {
                let all = self.fs.extended(node).map_err(errno)?;
                Ok(Reply::Extended(
                    all.into_iter().map(|it| (it.name.into(), it.value.into())).collect(),
                ))
            }
            Ask::SetExtended { name, value, now } => {
                self.fs.set_extended(node, name, value.as_deref(), time(*now)).map_err(errno)?;
                Ok(Reply::Done)
            }
            Ask::Change { changes, now } => {
                let changes = koito_fs::Changes {
                    permissions: changes.permissions,
                    user: changes.user,
                    group: changes.group,
                    size: changes.size,
                    accessed: changes.accessed.map(time),
                    modified: changes.modified.map(time),
                };
                self.fs.set_attributes(node, &changes, time(*now)).map_err(errno)?;
                Ok(Reply::Done)
            }
            Ask::Create { name, new, maker, .. } => {
                let new = match new {
                    New::File => koito_fs::New::File,
                    New::Directory => koito_fs::New::Directory,
                    New::Link(target) => koito_fs::New::Link(target),
                    New::Fifo => koito_fs::New::Fifo,
                    New::Socket => koito_fs::New::Socket,
                    New::Device(_, major, minor) => koito_fs::New::CharacterDevice(*major, *minor),
                };
                let maker = koito_fs::Maker {
                    user: maker.user,
                    group: maker.group,
                    permissions: maker.permissions,
                    now: time(maker.now),
                };
                let made = self.fs.create(node, name, new, maker).map_err(errno)?;
                self.held(made)
            }
            Ask::Link { name, node: target, now, .. } => {
                self.fs.link(Node(*target), node, name, time(*now)).map_err(errno)?;
                Ok(Reply::Done)
            }
            Ask::Remove { name, directory, now, .. } => {
                let removed = if *directory {
                    self.fs.remove_directory(node, name, time(*now))
                } else {
                    self.fs.unlink(node, name, time(*now))
                };
                removed.map(|()| Reply::Done).map_err(errno)
            }
            Ask::Rename { name, to_node, new_name, how, now, .. } => {
                let how = match how {
                    Rename::Replace => koito_fs::Rename::Replace,
                    Rename::Keep => koito_fs::Rename::Keep,
                    Rename::Exchange => koito_fs::Rename::Exchange,
                };
                let renamed = self.fs.rename(node, name, Node(*to_node), new_name, how, time(*now));
                renamed.map(|()| Reply::Done).map_err(errno)
            }
            Ask::Sync => self.fs.sync().map(|()| Reply::Done).map_err(errno),
            Ask::Space => {
                let space = self.fs.space();
                Ok(Reply::Space(Reported {
                    block_bytes: space.block_bytes as u64,
                    blocks: (space.blocks, space.free_blocks),
                    nodes: (space.inodes.into(), space.free_inodes.into()),
                }))
            }
            Ask::Forget { holds } => {
                for _ in 0..*holds {
                    self.fs.release(node).map_err(errno)?;
                }
                Ok(Reply::Done)
            }
        }
    }
}
