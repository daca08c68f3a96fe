//! Opening files by paths that must not lead everywhere.

use koito_linux::Errno;
use koito_vfs::{Flags, Resolve};

use super::paths;
use crate::call::{Answer, Arguments};
use crate::server::{Server, TaskKey};

/// Bytes of a `struct open_how`, of which later versions may have more.
const HOW_BYTES: u64 = 24;
const MOST_BYTES: u64 = 4096;
/// `RESOLVE_CACHED`: only what is known already.
const CACHED: u64 = 0x20;

/// Opens a file, and says where its path may lead. What is not known is an error.
pub fn openat2(
    server: &mut Server,
    task: TaskKey,
    &[at, path, how, bytes, ..]: &Arguments,
) -> Answer {
    if bytes < HOW_BYTES {
        return Err(Errno::EINVAL.into());
    }
    if bytes > MOST_BYTES {
        return Err(Errno::E2BIG.into());
    }
    let [flags, mode, resolve] = server.read_words(task, how)?;
    let rest = server.read_bytes(task, how + HOW_BYTES, (bytes - HOW_BYTES) as usize)?;
    if rest.iter().any(|byte| *byte != 0) {
        return Err(Errno::E2BIG.into());
    }
    let known = u32::try_from(flags).ok().and_then(Flags::from_bits).ok_or(Errno::EINVAL)?;
    let makes = known.intersects(Flags::CREATE | Flags::TEMPORARY);
    let both = Resolve::BENEATH | Resolve::IN_ROOT;
    let scope = Resolve::from_bits(resolve & !CACHED).ok_or(Errno::EINVAL)?;
    if mode > 0o7777 || (mode != 0 && !makes) || scope.contains(both) {
        return Err(Errno::EINVAL.into());
    }
    if resolve & CACHED != 0 {
        // It is always allowed not to know.
        return Err(Errno::EAGAIN.into());
    }
    server.resolve = scope;
    let opened = paths::openat(server, task, &[at, path, flags, mode, 0, 0]);
    server.resolve = Resolve::empty();
    opened
}
