//! Extended attributes, of names, of links themselves and of open files.

use alloc::vec::Vec;

use koito_linux::Errno;
use koito_vfs::{DentryId, IfThere};

use super::paths::{HERE, NO_FOLLOW};
use crate::call::{Answer, Arguments, Stop};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// Longest name, without its final zero.
const NAME_BYTES: usize = 255;
/// Longest value, and most that is asked for at once.
const VALUE_BYTES: u64 = 65536;
/// `XATTR_CREATE` and `XATTR_REPLACE`.
const CREATE: u64 = 1;
const REPLACE: u64 = 2;

/// The name of an attribute.
fn name_at(server: &mut Server, task: TaskKey, at: u64) -> Result<Vec<u8>, Errno> {
    let name = server.read_string(task, at, NAME_BYTES).map_err(|errno| match errno {
        Errno::ENAMETOOLONG => Errno::ERANGE,
        errno => errno,
    })?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(name) }
}

/// Hands out what was found, or tells how long it is if nothing can be.
fn hand_out(
    server: &mut Server,
    task: TaskKey,
    found: Came<Vec<u8>>,
    (to, room): (u64, u64),
) -> Answer {
    let Came::Value(bytes) = found else { return Err(Errno::EIO.into()) };
    if room > 0 {
        if bytes.len() as u64 > room {
            return Err(Errno::ERANGE.into());
        }
        server.write_bytes(task, to, &bytes)?;
    }
    Ok(bytes.len() as u64)
}

fn get(server: &mut Server, task: TaskKey, node: DentryId, arguments: &Arguments) -> Answer {
    let &[_, name, to, room, ..] = arguments;
    let name = name_at(server, task, name)?;
    let found = server.file_call(task, |vfs, context| vfs.get_extended(context, node, &name))?;
    hand_out(server, task, found, (to, room))
}

fn list(server: &mut Server, task: TaskKey, node: DentryId, arguments: &Arguments) -> Answer {
    let &[_, to, room, ..] = arguments;
    let found = server.file_call(task, |vfs, context| vfs.list_extended(context, node))?;
    hand_out(server, task, found, (to, room))
}

fn set(server: &mut Server, task: TaskKey, node: DentryId, arguments: &Arguments) -> Answer {
    let &[_, name, from, length, flags, _] = arguments;
    let if_there = match flags {
        0 => IfThere::Replace,
        CREATE => IfThere::Fail,
        REPLACE => IfThere::Need,
        _ => return Err(Errno::EINVAL.into()),
    };
    let name = name_at(server, task, name)?;
    if length > VALUE_BYTES {
        return Err(Errno::E2BIG.into());
    }
    let value = server.read_bytes(task, from, length as usize)?;
    server.number_call(task, |vfs, context| {
        vfs.set_extended(context, node, (&name, &value), if_there).map(|()| 0)
    })
}

fn remove(server: &mut Server, task: TaskKey, node: DentryId, arguments: &Arguments) -> Answer {
    let name = name_at(server, task, arguments[1])?;
    server.number_call(task, |vfs, context| vfs.remove_extended(context, node, &name).map(|()| 0))
}

/// What an open file is called; what has no name has no attributes either.
fn open_node(server: &Server, task: TaskKey, file: u64) -> Result<DentryId, Stop> {
    let file = server.file(task, file)?;
    server.world.vfs.place_of(file).ok_or(Errno::EOPNOTSUPP.into())
}

macro_rules! by_path_link_and_file {
    ($(#[doc = $doc:literal] $path:ident, $link:ident, $file:ident: $work:path;)*) => {$(
        #[doc = $doc]
        pub fn $path(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let node = server.name_at(task, (HERE, arguments[0]), 0)?;
            $work(server, task, node, arguments)
        }

        /// The same for a link itself.
        pub fn $link(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let node = server.name_at(task, (HERE, arguments[0]), NO_FOLLOW)?;
            $work(server, task, node, arguments)
        }

        /// The same for an open file.
        pub fn $file(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let node = open_node(server, task, arguments[0])?;
            $work(server, task, node, arguments)
        }
    )*};
}

by_path_link_and_file! {
    /// The value of an attribute.
    getxattr, lgetxattr, fgetxattr: get;
    /// Removes an attribute.
    removexattr, lremovexattr, fremovexattr: remove;
    /// Gives a file an attribute.
    setxattr, lsetxattr, fsetxattr: set;
    /// The names of all attributes.
    listxattr, llistxattr, flistxattr: list;
}
