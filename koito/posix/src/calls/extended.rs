//! Extended attributes: no file has any. They can be asked for; giving a file one is refused.

use koito_linux::Errno;

use super::paths::{HERE, NO_FOLLOW};
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Longest name, without its final zero.
const NAME_BYTES: usize = 255;

/// Looks whether a name can be one of an attribute.
fn check_name(server: &mut Server, task: TaskKey, at: u64) -> Result<(), Errno> {
    let name = server.read_string(task, at, NAME_BYTES).map_err(|errno| match errno {
        Errno::ENAMETOOLONG => Errno::ERANGE,
        errno => errno,
    })?;
    if name.is_empty() { Err(Errno::ERANGE) } else { Ok(()) }
}

macro_rules! by_path_link_and_file {
    ($(#[doc = $doc:literal] $path:ident, $link:ident, $file:ident: $answer:expr;)*) => {$(
        #[doc = $doc]
        pub fn $path(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let &[path, name, ..] = arguments;
            server.name_at(task, (HERE, path), 0)?;
            $answer(server, task, name)
        }

        /// The same for a link itself.
        pub fn $link(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let &[path, name, ..] = arguments;
            server.name_at(task, (HERE, path), NO_FOLLOW)?;
            $answer(server, task, name)
        }

        /// The same for an open file.
        pub fn $file(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
            let &[file, name, ..] = arguments;
            server.file(task, file)?;
            $answer(server, task, name)
        }
    )*};
}

fn is_none(server: &mut Server, task: TaskKey, name: u64) -> Answer {
    check_name(server, task, name)?;
    Err(Errno::ENODATA.into())
}

fn cannot_be(server: &mut Server, task: TaskKey, name: u64) -> Answer {
    check_name(server, task, name)?;
    Err(Errno::EOPNOTSUPP.into())
}

fn none(_: &mut Server, _: TaskKey, _: u64) -> Answer {
    Ok(0)
}

by_path_link_and_file! {
    /// The value of an attribute.
    getxattr, lgetxattr, fgetxattr: is_none;
    /// Removes an attribute.
    removexattr, lremovexattr, fremovexattr: is_none;
    /// Gives a file an attribute.
    setxattr, lsetxattr, fsetxattr: cannot_be;
    /// The names of all attributes.
    listxattr, llistxattr, flistxattr: none;
}
