//! Names of sockets: paths, and names without one.

use alloc::boxed::Box;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::FileId;
use crate::inode::{Body, Kind};
use crate::page::Pages;
use crate::permission::Wish;
use crate::remote::New;
use crate::socket::SocketId;
use crate::stop::{Result, fail};
use crate::vfs::{Context, Vfs};
use crate::walk::Last;

/// What a socket is called.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Address {
    /// Nothing.
    #[default]
    None,
    /// As this path, as it was given.
    Path(Box<[u8]>),
    /// So, without a path.
    Abstract(Box<[u8]>),
}

impl<P: Pages> Vfs<P> {
    fn nameable(&self, file: FileId) -> Result<SocketId> {
        let socket = self.socket_of(file)?;
        match self.sockets[socket].name {
            Address::None => Ok(socket),
            _ => fail(Errno::EINVAL),
        }
    }

    /// Gives a socket a name. After [`Stop::Commit`](crate::Stop::Commit) the name that was made is given to
    /// [`bind_made`](Self::bind_made).
    pub fn bind(&mut self, context: &Context<'_>, file: FileId, name: Address) -> Result<()> {
        let socket = self.nameable(file)?;
        match &name {
            Address::None => return fail(Errno::EINVAL),
            Address::Abstract(text) => {
                if self.abstract_names.contains_key(text) {
                    return fail(Errno::EADDRINUSE);
                }
                self.abstract_names.insert(text.clone(), socket);
                self.sockets[socket].name = name;
            }
            Address::Path(path) => {
                let found = self.walk(context, context.place.directory, path, Last::Keep)?;
                if found.dentry.is_some() || found.open.is_some() {
                    return fail(Errno::EADDRINUSE);
                }
                let made = self.make(context, &found, New::Socket, 0o777)?;
                self.bind_made(file, made, name)?;
            }
        }
        Ok(())
    }

    /// Gives a socket the name that was made for it, whose hold it gives back.
    pub fn bind_made(&mut self, file: FileId, made: DentryId, name: Address) -> Result<()> {
        let bound = self.nameable(file).and_then(|socket| Ok((socket, self.inode_id(made)?)));
        if let Ok((socket, inode)) = bound {
            self.hold_inode(inode);
            self.inodes[inode].body = Body::Socket(Some(socket));
            let it = &mut self.sockets[socket];
            (it.name, it.node) = (name, Some(inode));
        }
        self.unpin(made);
        bound.map(|_| ())
    }

    /// The socket that has this name.
    pub fn find_socket(&mut self, context: &Context<'_>, name: &Address) -> Result<SocketId> {
        match name {
            Address::None => fail(Errno::EINVAL),
            Address::Abstract(text) => {
                self.abstract_names.get(text).copied().ok_or_else(|| Errno::ECONNREFUSED.into())
            }
            Address::Path(path) => {
                let start = context.place.directory;
                let dentry = self.find(context, start, path, Last::Follow)?;
                let inode = self.inode(dentry)?;
                context.credentials.check(&inode.attributes, Wish::WRITE)?;
                match inode.body {
                    Body::Socket(Some(socket)) => Ok(socket),
                    _ if inode.attributes.kind == Kind::Socket => fail(Errno::ECONNREFUSED),
                    _ => fail(Errno::ECONNREFUSED),
                }
            }
        }
    }

    /// Connects a socket to the one with this name; a datagram socket to nobody any more, if there is none.
    pub fn connect(&mut self, context: &Context<'_>, file: FileId, name: &Address) -> Result<()> {
        let target = self.find_socket(context, name)?;
        self.connect_to(file, target)
    }

    /// What a socket is called, and what its partner is.
    pub fn socket_names(&self, file: FileId) -> Result<(&Address, Option<&Address>)> {
        let it = &self.sockets[self.socket_of(file)?];
        Ok((&it.name, it.connected.then_some(&it.peer_name)))
    }
}
