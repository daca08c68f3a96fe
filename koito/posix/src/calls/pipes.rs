//! Pipes and what programs have in memory or in other pipes.

use koito_linux::Errno;
use koito_vfs::{Flags, Object, Ready};

use super::files;
use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};

/// `SPLICE_F_NONBLOCK`, and all flags that there are.
const NO_WAIT: u64 = 2;
const FLAGS: u64 = 0xf;

/// Copies from a pipe to another one what stays in the first.
pub fn tee(
    server: &mut Server,
    task: TaskKey,
    &[from, to, bytes, flags, ..]: &Arguments,
) -> Answer {
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL.into());
    }
    let [from, to] = [server.file(task, from)?, server.file(task, to)?];
    let vfs = &server.world.vfs;
    let nonblock = flags & NO_WAIT != 0
        || [from, to].iter().any(|file| vfs.flags(*file).contains(Flags::NONBLOCK));
    let most = usize::try_from(bytes).unwrap_or(usize::MAX);
    let came = server
        .number_call(task, |vfs, _| vfs.tee(from, to, most, nonblock).map(|count| count as u64));
    if came == Err(Stop::Error(Errno::EPIPE)) {
        server.broken_pipe(task);
    }
    came
}

/// Moves what lies in memory into a pipe, or what is in a pipe into memory.
pub fn vmsplice(
    server: &mut Server,
    task: TaskKey,
    &[descriptor, pieces, count, flags, ..]: &Arguments,
) -> Answer {
    if flags & !FLAGS != 0 {
        return Err(Errno::EINVAL.into());
    }
    let file = server.file(task, descriptor)?;
    let vfs = &server.world.vfs;
    if !matches!(vfs.object(file), Object::Pipe(..)) {
        return Err(Errno::EBADF.into());
    }
    let writes = vfs.flags(file).writes();
    let wanted = if writes { Ready::OUT } else { Ready::IN };
    if flags & NO_WAIT != 0 && !vfs.ready(file).contains(wanted) {
        return Err(Errno::EAGAIN.into());
    }
    let call = if writes { files::writev } else { files::readv };
    call(server, task, &[descriptor, pieces, count, 0, 0, 0])
}
