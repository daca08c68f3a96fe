//! What a process may have of everything, as `setrlimit` knows it.

use koito_linux::Errno;

/// The limit of every kind, soft and hard, by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([[u64; 2]; 16]);

/// The stack's size.
const STACK: usize = 3;
/// Size of a core dump.
const CORE: usize = 4;
/// Number of processes.
const PROCESSES: usize = 6;
/// Number of the last descriptor, and one.
const FILES: usize = 7;
/// No limit.
const NONE: u64 = u64::MAX;
/// What nobody may have more descriptors than.
const MOST_FILES: u64 = 4096;

impl Limits {
    /// Those of the first process.
    pub const fn first() -> Self {
        let mut limits = [[NONE; 2]; 16];
        limits[STACK] = [8 << 20, NONE];
        limits[CORE] = [0, NONE];
        limits[PROCESSES] = [1024; 2];
        limits[FILES] = [1024, MOST_FILES];
        Self(limits)
    }

    /// Soft and hard limit of a kind; `EINVAL` if there is no such kind.
    pub fn get(&self, kind: u64) -> Result<[u64; 2], Errno> {
        usize::try_from(kind).ok().and_then(|kind| self.0.get(kind)).copied().ok_or(Errno::EINVAL)
    }

    /// Sets both. Only who is privileged raises a hard limit, and nobody that of descriptors: `EPERM`.
    pub fn set(
        &mut self,
        kind: u64,
        [soft, hard]: [u64; 2],
        privileged: bool,
    ) -> Result<(), Errno> {
        let [_, most] = self.get(kind)?;
        if soft > hard {
            return Err(Errno::EINVAL);
        }
        let raises = hard > most;
        if raises && !privileged || kind == FILES as u64 && hard > MOST_FILES {
            return Err(Errno::EPERM);
        }
        self.0[kind as usize] = [soft, hard];
        Ok(())
    }

    /// Threads that a user may have for this process to make one.
    pub const fn processes(&self) -> u64 {
        self.0[PROCESSES][0]
    }

    /// Descriptors that a process may have.
    pub fn files(&self) -> usize {
        self.0[FILES][0] as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hard_limit_is_raised_by_the_privileged_only() {
        let mut limits = Limits::first();
        assert_eq!(limits.set(7, [50, 100], false), Ok(()));
        assert_eq!(limits.files(), 50);
        assert_eq!(limits.set(7, [50, 200], false), Err(Errno::EPERM));
        assert_eq!(limits.set(7, [50, 200], true), Ok(()));
        assert_eq!(limits.set(7, [50, MOST_FILES + 1], true), Err(Errno::EPERM));
        assert_eq!(limits.get(7), Ok([50, 200]));
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let mut limits = Limits::first();
        assert_eq!(limits.set(7, [3, 2], true), Err(Errno::EINVAL));
        assert_eq!(limits.set(16, [1, 2], true), Err(Errno::EINVAL));
        assert_eq!(limits.get(u64::MAX), Err(Errno::EINVAL));
    }
}
