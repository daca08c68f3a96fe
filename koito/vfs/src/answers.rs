//! Requests to the file server and what their answers change here.

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::inode::{Attributes, Body, InodeId, Kind, Remote};
use crate::page::Pages;
use crate::remote::{Ask, Finished, Reply, Request};
use crate::vfs::Vfs;
use crate::watch::Happening;

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

    /// Takes back a request that was not sent, and whose operation is made again. Only those of
    /// [`Stop::Commit`](crate::Stop::Commit) can be taken back.
    pub fn withdraw(&mut self, request: &Request) {
        self.release(request);
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
            (Ask::Write { first, bytes, .. }, reply) => {
                self.room_answered(inode, (*first, *bytes), reply.is_ok());
                self.written_back(inode, reply.err());
            }
            (Ask::Change { .. }, reply) => self.written_back(inode, reply.err()),
            (Ask::Create { parent, name, maker, .. }, Ok(Reply::Node(node, attributes))) => {
                let directory = &mut self.inodes[inode].attributes;
                directory.touch(maker.now);
                directory.links += u32::from(attributes.kind == Kind::Directory);
                self.known(*parent, name, Some((node, attributes)));
                let made = self.cached(*parent, name).ok_or(Errno::EIO)?;
                self.pin(made);
                let what = (Happening::CREATE, 0);
                self.name_happened(*parent, name, what, attributes.kind);
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
                self.happened(*target, Happening::ATTRIBUTES, (0, &[]));
                self.name_happened(*parent, name, (Happening::CREATE, 0), Kind::File);
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
            (Ask::Extended, Ok(Reply::Extended(all))) => self.keep_extended(inode, all),
            (Ask::SetExtended { name, value, now }, Ok(_)) => {
                self.extended_was_set(inode, (name, value.as_deref()), *now);
                return Ok(Finished::Done);
            }
            (Ask::Sync, Ok(_)) => return Ok(Finished::Done),
            (Ask::Space, Ok(Reply::Space(space))) => {
                self.room_told(&space);
                self.space = Some(space);
            }
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
        self.inodes[inode].remote =
            Some(Remote::new(node, 1, (attributes.size, attributes.sectors)));
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

    /// Whether there is a request that nobody waits for.
    #[inline]
    pub fn has_background(&self) -> bool {
        !self.outbox.is_empty() || self.dirty_pages > self.most_pages / 4
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
