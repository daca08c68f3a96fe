//! What happens when memory runs out: contents of files are forgotten that the file server has as well, and if that
//! is not enough, programs of whoever takes most end.
//!
//! It is looked before anything is done for a program, so that what is done finds enough: who needs the last page is mostly
//! innocent, and so is a large process beside a thousand small ones of one bomb.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;
use core::cmp::Reverse;

use koito_linux::Errno;
use koito_posix_core::{Life, PAGE_BYTES, Signal};

use crate::call::Stop;
use crate::process::{Process, ProcessKey};
use crate::server::{Server, TaskKey, World};

/// With fewer free pages, contents of files are forgotten until there are enough of them.
const FEW: usize = 1024;
const ENOUGH: usize = FEW + 512;
/// With fewer free pages than any call takes, programs end.
const LEAST: usize = 512;
/// Pages that are looked at for some that can be forgotten, as long as there are enough for now.
const LOOKS: usize = 256;
/// Requests that contents are written back by before programs end.
const MOST_WRITES: usize = 64;
/// Bytes that the server keeps of its own for a process, an area, a page table, a descriptor.
const PROCESS_BYTES: usize = 12 << 10;
const AREA_BYTES: usize = 128;
const TABLE_BYTES: usize = 2 * PAGE_BYTES as usize;
const DESCRIPTOR_BYTES: usize = 256;
/// What programs may not use of the server's own memory: a call that goes on has to find enough for itself.
const RESERVE: usize = 3 << 20;
/// Calls that are carried out however little memory there is: most of them give some back.
const ALWAYS: [u32; 7] = [3, 11, 15, 60, 61, 62, 231];

/// Whose processes are counted together: a user's, or those of the superuser that are of one session.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Party {
    User(u32),
    Session(u32),
}

impl Party {
    const fn of(process: &Process) -> Self {
        match process.owner.users[0] {
            0 => Self::Session(process.session),
            user => Self::User(user),
        }
    }
}

impl World {
    /// Free pages.
    #[inline]
    fn free(&self) -> usize {
        self.vfs.pages.pool.free()
    }

    /// Whether the server's own memory is nearly used up.
    #[inline]
    fn is_full(&self) -> bool {
        crate::own_memory() > self.objects.heap_bytes() - RESERVE
    }

    /// Takes more of the memory that is there for programs; answers whether there was some.
    fn grow(&mut self) -> bool {
        let Some((mapped, later)) = self.objects.grow() else { return false };
        self.vfs.pages.grow(mapped, later);
        self.vfs.let_cache_grow(self.vfs.pages.pool.len());
        true
    }

    /// Makes room by what the file server has as well, or takes now.
    fn forget_contents(&mut self) {
        let mut looks = LOOKS;
        for _ in 0..MOST_WRITES {
            self.vfs.forget(ENOUGH.saturating_sub(self.free()), looks);
            // As long as there is enough for now, others look further, and write back.
            if self.free() >= LEAST || (looks > LOOKS && !self.disk.write_some(&mut self.vfs)) {
                return;
            }
            looks = usize::MAX;
        }
    }
}

impl Server {
    /// Whether memory is to be found before anything else is done.
    #[inline]
    pub fn is_short(&self) -> bool {
        self.world.free() < FEW || self.world.is_full()
    }

    /// Whether even what is to be done next may not find enough.
    fn lacks_memory(&self) -> bool {
        self.world.free() < LEAST || self.world.is_full()
    }

    /// Finds memory, if there is little. Nobody may have begun anything in the name of a program; any of them may have
    /// ended afterwards.
    #[cold]
    pub fn find_memory(&mut self) {
        // A full server has no room for books on more.
        while self.world.free() < FEW && !self.world.is_full() && self.world.grow() {}
        if self.world.free() < FEW {
            self.world.forget_contents();
        }
        if self.world.is_full() {
            // What is known of a page takes memory, too.
            self.world.vfs.forget(ENOUGH, usize::MAX);
        }
        while self.lacks_memory() && self.end_largest() {}
    }

    /// The same before call `number` of `task`: it is not made if that has ended, nor without memory, unless it gives
    /// some back.
    #[cold]
    pub fn find_memory_for(&mut self, task: TaskKey, number: u32) -> Result<(), Stop> {
        self.find_memory();
        if self.tasks.get(task).is_none() {
            return Err(Stop::Halt);
        }
        match self.lacks_memory() && !ALWAYS.contains(&number) {
            true => Err(Errno::ENOMEM.into()),
            false => Ok(()),
        }
    }

    /// What comes back when a process ends, in bytes: of what several use, a part for each of them.
    fn weight(&self, process: &Process) -> usize {
        let vfs = &self.world.vfs;
        let mut weight = PROCESS_BYTES;
        if let Some(space) = self.spaces.get(process.space) {
            let part = |page| PAGE_BYTES as usize / vfs.pages.pool.users(page).max(1) as usize;
            let pages: usize = space.pages.within(0..u64::MAX).map(|(_, it)| part(it.page())).sum();
            weight += pages + space.areas.len() * AREA_BYTES;
            weight += space.mapping.tables() * TABLE_BYTES;
        }
        let files = process.files.iter().flat_map(|it| it.descriptors.files());
        weight + files.map(|file| DESCRIPTOR_BYTES + vfs.kept_for(file)).sum::<usize>()
    }

    /// Ends processes of whoever takes most, the largest first, until there is enough memory: any but process 1. Answers
    /// whether there was one. The caller may be among them.
    pub fn end_largest(&mut self) -> bool {
        let mut parties: BTreeMap<Party, (usize, Vec<(usize, ProcessKey)>)> = BTreeMap::new();
        for (key, process) in self.processes.iter() {
            if !process.life.is_over() && self.first != Some(key) {
                let weight = self.weight(process);
                let party = parties.entry(Party::of(process)).or_default();
                party.0 += weight;
                party.1.push((weight, key));
            }
        }
        let Some((_, mut party)) = parties.into_values().max_by_key(|(all, _)| *all) else {
            return false;
        };
        party.sort_unstable_by_key(|(weight, _)| Reverse(*weight));
        let mut ended = 0;
        for (_, key) in party {
            let Some(it) = self.processes.get(key).filter(|it| !it.life.is_over()) else {
                continue;
            };
            if ended == 0 {
                nun::println!("posix: out of memory: process {} ends", it.number);
            }
            self.kill(key);
            ended += 1;
            // What only it had mapped goes as well.
            self.world.forget_all_unmapped(&self.spaces);
            if !self.lacks_memory() {
                break;
            }
        }
        true
    }

    /// Ends a process at once.
    pub fn kill(&mut self, process: ProcessKey) {
        // Whatever its threads are doing or waiting for.
        let is_own = |task: &_| self.tasks.get(*task).is_some_and(|it| it.process == process);
        let caller = self.caller.filter(is_own);
        self.end_process(process, caller, Life::Killed(Signal::KILL.number()));
    }
}
