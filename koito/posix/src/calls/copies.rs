//! Copies from file to file, without a way through the program.

use koito_linux::Errno;
use koito_vfs::{FileId, Object, Whence};

use super::files::{ON_ONE_TURN, offset};
use crate::call::{Answer, Arguments, Stop};
use crate::server::{Server, TaskKey};

/// Copies from one file to another; from an offset that lies in memory, if one is given.
pub fn sendfile(
    server: &mut Server,
    task: TaskKey,
    &[to, from, place, bytes, ..]: &Arguments,
) -> Answer {
    let [to, from] = [server.file(task, to)?, server.file(task, from)?];
    if !matches!(server.world.vfs.object(from), Object::File(_)) {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, place), (to, 0), bytes)
}

/// Moves bytes from a pipe to a file, or from a file to a pipe.
pub fn splice(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[from, from_at, to, to_at, bytes, _] = arguments;
    let [from, to] = [server.file(task, from)?, server.file(task, to)?];
    let pipe = |file| matches!(server.world.vfs.object(file), Object::Pipe(..));
    let (source, target) = (pipe(from), pipe(to));
    if (source && from_at != 0) || (target && to_at != 0) {
        return Err(Errno::ESPIPE.into());
    }
    let is_elsewhere = match (server.world.vfs.object(from), server.world.vfs.object(to)) {
        (Object::Pipe(one, _), Object::Pipe(other, _)) => one != other,
        (_, Object::File(_) | Object::Device(_) | Object::Socket(_)) => true,
        _ => false,
    };
    let known = source && is_elsewhere;
    let stored = target && matches!(server.world.vfs.object(from), Object::File(_));
    if !known && !stored {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, from_at), (to, to_at), bytes)
}

/// Copies from one file to another, each from an offset that lies in memory, if one is given.
pub fn copy_file_range(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[from, from_at, to, to_at, bytes, flags] = arguments;
    let [from, to] = [server.file(task, from)?, server.file(task, to)?];
    let both = [from, to].map(|file| matches!(server.world.vfs.object(file), Object::File(_)));
    if flags != 0 || both != [true; 2] {
        return Err(Errno::EINVAL.into());
    }
    copy(server, task, (from, from_at), (to, to_at), bytes)
}

/// Copies, piece by piece, until something waits.
fn copy(
    server: &mut Server,
    task: TaskKey,
    (from, from_at): (FileId, u64),
    (to, to_at): (FileId, u64),
    bytes: u64,
) -> Answer {
    let read_place = |server: &mut Server, at: u64| -> Result<Option<u64>, Stop> {
        if at == 0 {
            return Ok(None);
        }
        let [place] = server.read_words(task, at)?;
        Ok(offset(place)?)
    };
    let mut source = read_place(server, from_at)?;
    let mut target = read_place(server, to_at)?;
    let mut done = 0;
    let mut failed = None;
    let mut piece = [0; 4096];
    // Whoever wants more asks again.
    while done < bytes.min(ON_ONE_TURN) {
        let most = (bytes - done).min(piece.len() as u64) as usize;
        let came = server.number_call(task, |vfs, context| {
            let ready = vfs.ready(to).contains(koito_vfs::Ready::OUT);
            if !ready && done > 0 {
                return Err(Errno::EAGAIN.into());
            }
            if !ready {
                return Err(vfs.would_wait_to_write(to));
            }
            let mut room = &mut piece[..most];
            Ok(vfs.copy_out(context, from, source, &mut room)? as u64)
        });
        let count = match came {
            Ok(0) => break,
            Ok(count) => count,
            Err(_) if done > 0 => break,
            Err(stop) => return Err(stop),
        };
        let written = server.number_call(task, |vfs, context| {
            let mut bytes = &piece[..count as usize];
            let done = match target {
                Some(target) => vfs.write_at(context, to, target, &mut bytes),
                None => vfs.write(context, to, &mut bytes),
            };
            done.map(|count| count as u64)
        });
        let written = match written {
            Ok(written) => written,
            Err(stop) => {
                if stop == Stop::Error(Errno::EPIPE) {
                    server.broken_pipe(task);
                }
                failed = Some(stop);
                0
            }
        };
        // What was read and could not be written is read again.
        if source.is_none() && written < count {
            let back = -((count - written) as i64);
            let _ = server.world.vfs.seek(from, back, Whence::Current);
        }
        if let Some(stop) = failed.filter(|_| done == 0) {
            return Err(stop);
        }
        done += written;
        source = source.map(|place| place + written);
        target = target.map(|place| place + written);
        if written < count {
            break;
        }
    }
    for (at, place) in [(from_at, source), (to_at, target)] {
        if let Some(place) = place {
            server.write_words(task, at, &[place])?;
        }
    }
    Ok(done)
}
