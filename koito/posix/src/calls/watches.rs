//! Files that tell what happens to others, as programs ask for them (`inotify`).

use koito_linux::Errno;
use koito_vfs::{Flags, Happening, OnExec};

use super::paths::{HERE, NO_FOLLOW};
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Makes a file that tells nothing yet.
pub fn inotify_init1(server: &mut Server, task: TaskKey, &[flags, ..]: &Arguments) -> Answer {
    let flags = Flags::from_bits_retain(flags as u32);
    if !(Flags::CLOSE_ON_EXEC | Flags::NONBLOCK).contains(flags) {
        return Err(Errno::EINVAL.into());
    }
    let file = server.world.vfs.watcher(flags);
    let closes = flags.contains(Flags::CLOSE_ON_EXEC);
    let on_exec = if closes { OnExec::Close } else { OnExec::Keep };
    server.add_descriptor(task, file, on_exec, 0)
}

/// The same without flags.
pub fn inotify_init(server: &mut Server, task: TaskKey, _: &Arguments) -> Answer {
    inotify_init1(server, task, &[0; 6])
}

/// Has it tell what happens to what is at a path.
pub fn inotify_add_watch(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[file, path, wanted, ..] = arguments;
    let file = server.file(task, file)?;
    let wanted = Happening::from_bits_truncate(wanted as u32);
    let follows = !wanted.contains(Happening::NO_FOLLOW);
    let name = server.name_at(task, (HERE, path), if follows { 0 } else { NO_FOLLOW })?;
    server.number_call(task, |vfs, context| {
        vfs.check_access(context, name, koito_vfs::Wish::READ)?;
        vfs.watch(file, name, wanted).map(|number| number as u64)
    })
}

/// Has it tell no more of that.
pub fn inotify_rm_watch(
    server: &mut Server,
    task: TaskKey,
    &[file, number, ..]: &Arguments,
) -> Answer {
    let file = server.file(task, file)?;
    server.number_call(task, |vfs, _| vfs.unwatch(file, number as i32).map(|()| 0))
}
