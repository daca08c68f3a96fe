//! Memory: areas come, go and change.

use alloc::vec::Vec;
use core::ops::Range;

use koito_linux::{Errno, raw};
use koito_posix_core::{
    Area, Backing, Limits, PAGE_BYTES, Protection, Sharing, USER_END, whole_pages,
};

use crate::call::{Answer, Arguments};
use crate::files::Came;
use crate::mapped::FileKey;
use crate::server::{Server, TaskKey};
use crate::space::Space;

/// Mappings do not lie below this.
const BOTTOM: u64 = 0x1_0000;

/// The pages from `address` on that `bytes` bytes take.
fn pages(address: u64, bytes: u64) -> Result<Range<u64>, Errno> {
    let length = whole_pages(bytes).ok_or(Errno::ENOMEM)?;
    let end = address.checked_add(length).filter(|end| *end <= USER_END).ok_or(Errno::ENOMEM)?;
    if address.is_multiple_of(PAGE_BYTES) { Ok(address..end) } else { Err(Errno::EINVAL) }
}

fn protection(bits: u64) -> Protection {
    Protection::from_bits_truncate(bits as u8)
}

/// Moves the end of the heap.
pub fn brk(server: &mut Server, task: TaskKey, &[wanted, ..]: &Arguments) -> Answer {
    let process = server.tasks[task].process;
    let space = &mut server.spaces[server.processes[process].space];
    let Range { start, end } = space.heap;
    if wanted < start || wanted > USER_END {
        return Ok(end);
    }
    let (old, new) = (whole_pages(end).unwrap_or(end), whole_pages(wanted).unwrap_or(end));
    let moved = if new > old {
        let taken = space.areas.within(old..new).next().is_some();
        let area = anonymous(new, Protection::READ | Protection::WRITE);
        let limits = &server.processes[process].limits;
        match taken || !may_have(space, limits, new - old, &area) {
            true => Err(Errno::ENOMEM),
            false => space.areas.insert(old, area),
        }
    } else if new < old {
        space.clear(&mut server.world, new..old)
    } else {
        Ok(())
    };
    if moved.is_ok() {
        space.heap.end = wanted;
    }
    Ok(space.heap.end)
}

fn anonymous<F>(end: u64, protection: Protection) -> Area<F> {
    Area { end, protection, sharing: Sharing::Private, backing: Backing::Zero }
}

/// Whether a process may map `bytes` more, in such an area.
fn may_have(space: &Space, limits: &Limits, bytes: u64, area: &Area<FileKey>) -> bool {
    if !limits.limits_memory() {
        return true;
    }
    let (most, most_data) = limits.memory_bytes();
    let is_data = |area: &Area<FileKey>| {
        area.sharing == Sharing::Private && area.protection.contains(Protection::WRITE)
    };
    let (mut all, mut data) = (bytes, if is_data(area) { bytes } else { 0 });
    for (start, area) in space.areas.iter() {
        all += area.end - start;
        data += if is_data(area) { area.end - start } else { 0 };
    }
    all <= most && (data <= most_data || !is_data(area))
}

/// Makes an area.
pub fn mmap(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[hint, bytes, access, flags, file, offset] = arguments;
    let flags = flags as u32;
    let protection = protection(access);
    let sharing = match flags & raw::MAP_TYPE {
        raw::MAP_PRIVATE => Sharing::Private,
        raw::MAP_SHARED | raw::MAP_SHARED_VALIDATE => Sharing::Shared,
        _ => return Err(Errno::EINVAL.into()),
    };
    if bytes == 0 {
        return Err(Errno::EINVAL.into());
    }
    let backing = if flags & raw::MAP_ANONYMOUS == 0 {
        let file = mappable(server, task, file, (protection, sharing))?;
        let last = offset.checked_add(bytes).ok_or(Errno::EOVERFLOW)?;
        if !offset.is_multiple_of(PAGE_BYTES) || last > i64::MAX as u64 {
            return Err(Errno::EINVAL.into());
        }
        Backing::File { file, offset }
    } else if sharing == Sharing::Shared {
        Backing::File { file: shared_memory(server, task, bytes)?, offset: 0 }
    } else {
        Backing::Zero
    };
    let process = server.tasks[task].process;
    let space = &mut server.spaces[server.processes[process].space];
    let start = choose(space, hint, bytes, flags)?;
    let range = pages(start, bytes)?;
    let area = Area { end: range.end, protection, sharing, backing };
    if !may_have(space, &server.processes[process].limits, range.end - range.start, &area) {
        return Err(Errno::ENOMEM.into());
    }
    space.place(&mut server.world, start, area)?;
    Ok(start)
}

/// Memory that children share: a file without a name.
fn shared_memory(server: &mut Server, task: TaskKey, bytes: u64) -> Result<FileKey, Errno> {
    let length = whole_pages(bytes).ok_or(Errno::ENOMEM)?;
    let process = server.tasks[task].process;
    let came = server.on_files(Some(process), |vfs, context| {
        let file = vfs.open_memory(context, b"zero");
        let resized = vfs.truncate_file(context, file, length);
        if resized.is_err() {
            vfs.close(file);
        }
        resized.map(|()| file)
    });
    let Ok(Came::Value(file)) = came else { return Err(Errno::ENOMEM) };
    let mapped = server.world.map_file(file);
    // Its areas hold it from now on.
    server.world.vfs.close(file);
    mapped
}

/// The file behind a descriptor, as areas name it, if it may be mapped so.
fn mappable(
    server: &mut Server,
    task: TaskKey,
    descriptor: u64,
    (protection, sharing): (Protection, Sharing),
) -> Result<FileKey, Errno> {
    let file = server.file(task, descriptor)?;
    let flags = server.world.vfs.flags(file);
    let shares_writes = sharing == Sharing::Shared && protection.contains(Protection::WRITE);
    if !flags.reads() || (shares_writes && !flags.writes()) {
        return Err(Errno::EACCES);
    }
    server.world.map_file(file)
}

/// Where an area of `bytes` bytes goes.
fn choose(space: &Space, hint: u64, bytes: u64, flags: u32) -> Result<u64, Errno> {
    let range = pages(hint & !(PAGE_BYTES - 1), bytes)?;
    if flags & (raw::MAP_FIXED | raw::MAP_FIXED_NOREPLACE) != 0 {
        if !hint.is_multiple_of(PAGE_BYTES) {
            return Err(Errno::EINVAL);
        }
        if hint < BOTTOM {
            return Err(Errno::EPERM);
        }
        let taken = space.areas.within(range.clone()).next().is_some();
        if taken && flags & raw::MAP_FIXED_NOREPLACE != 0 {
            return Err(Errno::EEXIST);
        }
        return Ok(range.start);
    }
    if range.start >= BOTTOM && space.areas.within(range.clone()).next().is_none() {
        return Ok(range.start);
    }
    space.areas.gap(range.end - range.start, BOTTOM, space.top).ok_or(Errno::ENOMEM)
}

/// Takes areas away.
pub fn munmap(server: &mut Server, task: TaskKey, &[address, bytes, ..]: &Arguments) -> Answer {
    if bytes == 0 {
        return Err(Errno::EINVAL.into());
    }
    let range = pages(address, bytes).map_err(|_| Errno::EINVAL)?;
    let key = server.processes[server.tasks[task].process].space;
    server.spaces[key].clear(&mut server.world, range)?;
    Ok(0)
}

/// Changes what may be done.
pub fn mprotect(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[address, bytes, access, ..] = arguments;
    let range = pages(address, bytes)?;
    if range.is_empty() {
        return Ok(0);
    }
    let key = server.processes[server.tasks[task].process].space;
    server.spaces[key].protect(&mut server.world, range, protection(access))?;
    Ok(0)
}

/// Wishes about how memory is going to be used. Only what is not needed any more makes a difference.
pub fn madvise(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[address, bytes, advice, ..] = arguments;
    let range = pages(address, bytes).map_err(|_| Errno::EINVAL)?;
    let key = server.processes[server.tasks[task].process].space;
    let space = &mut server.spaces[key];
    if !space.areas.covers(range.clone()) {
        return Err(Errno::ENOMEM.into());
    }
    if matches!(advice as u32, raw::MADV_DONTNEED | raw::MADV_FREE) {
        space.drop_pages(&mut server.world, range);
    }
    Ok(0)
}

/// Changes the length of an area, and moves it if it has to and may.
pub fn mremap(server: &mut Server, task: TaskKey, arguments: &Arguments) -> Answer {
    let &[address, old_bytes, new_bytes, flags, wanted, _] = arguments;
    let flags = flags as u32;
    let (may_move, fixed) = (flags & raw::MREMAP_MAYMOVE != 0, flags & raw::MREMAP_FIXED != 0);
    let known = raw::MREMAP_MAYMOVE | raw::MREMAP_FIXED;
    if flags & !known != 0 || (fixed && !may_move) || old_bytes == 0 || new_bytes == 0 {
        return Err(Errno::EINVAL.into());
    }
    let (old, new) = (pages(address, old_bytes)?, pages(address, new_bytes)?);
    let process = server.tasks[task].process;
    let space = &mut server.spaces[server.processes[process].space];
    let (start, area) = space.areas.find(old.start).ok_or(Errno::EFAULT)?;
    if area.end < old.end {
        return Err(Errno::EFAULT.into());
    }
    let grown = Area { end: new.end, ..area.tail(start, old.start) };
    let more = (new.end - new.start).saturating_sub(old.end - old.start);
    if more > 0 && !may_have(space, &server.processes[process].limits, more, &grown) {
        return Err(Errno::ENOMEM.into());
    }
    if !fixed && new.end <= old.end {
        if new.end < old.end {
            space.clear(&mut server.world, new.end..old.end)?;
        }
        return Ok(old.start);
    }
    if !fixed && space.areas.within(old.end..new.end).next().is_none() {
        let more = grown.tail(old.start, old.end);
        space.areas.insert(old.end, more)?;
        return Ok(old.start);
    }
    if !may_move {
        return Err(Errno::ENOMEM.into());
    }
    let length = new.end - new.start;
    let to = match fixed {
        true => {
            let to = pages(wanted, new_bytes)?;
            if to.start < BOTTOM || (to.start < old.end && old.start < to.end) {
                return Err(Errno::EINVAL.into());
            }
            space.clear(&mut server.world, to.clone())?;
            to
        }
        false => {
            let start = space.areas.gap(length, BOTTOM, space.top).ok_or(Errno::ENOMEM)?;
            start..start + length
        }
    };
    if to.end - to.start < old.end - old.start {
        space.clear(&mut server.world, old.start + length..old.end)?;
    }
    let from = old.start..old.end.min(old.start + length);
    space.move_area(&mut server.world, from, to.clone())?;
    Ok(to.start)
}

/// Has what was written to mapped files reach them, and last if that is to be waited for. Whoever reads a file
/// sees the same pages already.
pub fn msync(
    server: &mut Server,
    task: TaskKey,
    &[address, bytes, flags, ..]: &Arguments,
) -> Answer {
    let range = pages(address, bytes)?;
    let both = raw::MS_ASYNC | raw::MS_SYNC;
    let flags = flags as u32;
    if flags & !(both | raw::MS_INVALIDATE) != 0 || flags & both == both {
        return Err(Errno::EINVAL.into());
    }
    let space = server.process_of(task).space;
    if range.is_empty() {
        return Ok(0);
    }
    if !server.spaces[space].areas.covers(range.clone()) {
        return Err(Errno::ENOMEM.into());
    }
    server.spaces[space].note_written_once(&mut server.world, range.clone());
    if flags & raw::MS_SYNC == 0 {
        return Ok(0);
    }
    let shared = |(_, area): (u64, &Area<FileKey>)| match &area.backing {
        Backing::File { file, .. } if area.sharing == Sharing::Shared => Some(*file),
        _ => None,
    };
    let files: Vec<FileKey> = server.spaces[space].areas.within(range).filter_map(shared).collect();
    for file in files {
        server.number_call(task, |vfs, _| vfs.sync_file(file).map(|()| 0))?;
    }
    Ok(0)
}

/// Which pages are there: a byte for each.
pub fn mincore(
    server: &mut Server,
    task: TaskKey,
    &[address, bytes, to, ..]: &Arguments,
) -> Answer {
    if !address.is_multiple_of(PAGE_BYTES) {
        return Err(Errno::EINVAL.into());
    }
    let range = pages(address, bytes)?;
    let key = server.process_of(task).space;
    if !range.is_empty() && !server.spaces[key].areas.covers(range.clone()) {
        return Err(Errno::ENOMEM.into());
    }
    let mut to = to;
    let mut at = range.start;
    while at < range.end {
        let end = range.end.min(at + 256 * PAGE_BYTES);
        let is_there = |page| server.spaces[key].pages.get(page).is_some();
        let told: Vec<u8> =
            (at..end).step_by(PAGE_BYTES as usize).map(|page| is_there(page).into()).collect();
        server.write_bytes(task, to, &told)?;
        to = to.wrapping_add(told.len() as u64);
        at = end;
    }
    Ok(0)
}

/// All of it neither.
pub fn mlockall(_: &mut Server, _: TaskKey, &[flags, ..]: &Arguments) -> Answer {
    if matches!(flags, 1..=3 | 5..=7) { Ok(0) } else { Err(Errno::EINVAL.into()) }
}

/// Nor has it to be allowed again.
pub fn munlockall(_: &mut Server, _: TaskKey, _: &Arguments) -> Answer {
    Ok(0)
}

/// Memory never leaves, so it need not be kept from that.
pub fn mlock(server: &mut Server, task: TaskKey, &[address, bytes, ..]: &Arguments) -> Answer {
    let range = pages(address & !(PAGE_BYTES - 1), bytes)?;
    let space = server.process_of(task).space;
    let covered = range.is_empty() || server.spaces[space].areas.covers(range);
    if covered { Ok(0) } else { Err(Errno::ENOMEM.into()) }
}
