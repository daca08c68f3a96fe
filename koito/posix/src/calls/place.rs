//! From where a process looks at files: working directory, root, and what new files may not be.

use koito_linux::Errno;
use koito_vfs::{DentryId, Kind, Wish};

use super::paths::HERE;
use crate::call::{Answer, Arguments};
use crate::files::Came;
use crate::server::{Server, TaskKey};

/// The path of the working directory.
pub fn getcwd(server: &mut Server, task: TaskKey, &[to, bytes, ..]: &Arguments) -> Answer {
    let directory = server.opened(task)?.place.directory;
    let came = server.file_call(task, |vfs, context| Ok(vfs.path_of(context, directory)))?;
    let Came::Value(mut path) = came else { return Err(Errno::EIO.into()) };
    path.push(0);
    if path.ends_with(b" (deleted)\0") {
        return Err(Errno::ENOENT.into());
    }
    if path.len() as u64 > bytes {
        return Err(Errno::ERANGE.into());
    }
    server.write_bytes(task, to, &path)?;
    Ok(path.len() as u64)
}

/// Takes a directory for the working directory.
fn go_to(server: &mut Server, task: TaskKey, directory: DentryId) -> Answer {
    server.number_call(task, |vfs, context| {
        if vfs.status(directory)?.attributes.kind != Kind::Directory {
            return Err(Errno::ENOTDIR.into());
        }
        vfs.check_access(context, directory, Wish::EXECUTE).map(|()| 0)
    })?;
    server.world.vfs.pin(directory);
    let old = core::mem::replace(&mut server.opened(task)?.place.directory, directory);
    server.world.vfs.unpin(old);
    Ok(0)
}

/// Goes to another working directory.
pub fn chdir(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    let directory = server.name_at(task, (HERE, path), 0)?;
    go_to(server, task, directory)
}

/// Goes to an open directory.
pub fn fchdir(server: &mut Server, task: TaskKey, &[file, ..]: &Arguments) -> Answer {
    let directory = server.named_file(task, file)?;
    go_to(server, task, directory)
}

/// Takes another directory for the root.
pub fn chroot(server: &mut Server, task: TaskKey, &[path, ..]: &Arguments) -> Answer {
    let root = server.name_at(task, (HERE, path), 0)?;
    if server.process_of(task).owner.users[1] != 0 {
        return Err(Errno::EPERM.into());
    }
    if server.world.vfs.status(root).is_ok_and(|it| it.attributes.kind != Kind::Directory) {
        return Err(Errno::ENOTDIR.into());
    }
    server.world.vfs.pin(root);
    let old = core::mem::replace(&mut server.opened(task)?.place.root, root);
    server.world.vfs.unpin(old);
    Ok(0)
}

/// Sets the permissions that new files do not get.
pub fn umask(server: &mut Server, task: TaskKey, &[mask, ..]: &Arguments) -> Answer {
    let opened = server.opened(task)?;
    Ok(core::mem::replace(&mut opened.umask, mask as u16 & 0o777).into())
}
