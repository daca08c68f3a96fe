//! What a process may have of everything, as `setrlimit` knows it.

use alloc::format;
use alloc::string::String;

use koito_linux::Errno;

/// The limit of every kind, soft and hard, by Linux's numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits([[u64; 2]; 16]);

/// Seconds of the processor.
const CPU: usize = 0;
/// Size of a file that is written.
const FILE_SIZE: usize = 1;
/// Private memory that can be written.
const DATA: usize = 2;
/// The stack's size.
const STACK: usize = 3;
/// Size of a core dump.
const CORE: usize = 4;
/// Number of processes.
const PROCESSES: usize = 6;
/// Number of the last descriptor, and one.
const FILES: usize = 7;
/// Memory that stays where it is: all does.
const LOCKED: usize = 8;
/// Memory altogether.
const ADDRESSES: usize = 9;
/// Signals that wait, and bytes of messages that do.
const SIGNALS: usize = 11;
const MESSAGES: usize = 12;
/// How much less nice than 20 a process may become.
const NICE: usize = 13;
/// No limit.
const NONE: u64 = u64::MAX;
/// What the limits are called, and in what they count.
const NAMES: [(&str, &str); 16] = [
    ("Max cpu time", "seconds"),
    ("Max file size", "bytes"),
    ("Max data size", "bytes"),
    ("Max stack size", "bytes"),
    ("Max core file size", "bytes"),
    ("Max resident set", "bytes"),
    ("Max processes", "processes"),
    ("Max open files", "files"),
    ("Max locked memory", "bytes"),
    ("Max address space", "bytes"),
    ("Max file locks", "locks"),
    ("Max pending signals", "signals"),
    ("Max msgqueue size", "bytes"),
    ("Max nice priority", ""),
    ("Max realtime priority", ""),
    ("Max realtime timeout", "us"),
];
/// What nobody may have more descriptors than.
pub const MOST_FILES: u64 = 4096;

impl Limits {
    /// Those of the first process.
    pub const fn first() -> Self {
        let mut limits = [[NONE; 2]; 16];
        limits[STACK] = [8 << 20, NONE];
        limits[CORE] = [0, NONE];
        limits[PROCESSES] = [512; 2];
        limits[FILES] = [1024, MOST_FILES];
        limits[LOCKED] = [8 << 20; 2];
        limits[SIGNALS] = limits[PROCESSES];
        limits[MESSAGES] = [819_200; 2];
        limits[NICE] = [0; 2];
        limits[NICE + 1] = [0; 2];
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

    /// Bytes that a file may have for the process to write to it.
    pub fn file_bytes(&self) -> u64 {
        self.0[FILE_SIZE][0]
    }

    /// Bytes of the stack, at the process's start.
    pub fn stack_bytes(&self) -> u64 {
        self.0[STACK][0]
    }

    /// Bytes that may be mapped, and those of them that are private and can be written.
    pub fn memory_bytes(&self) -> (u64, u64) {
        (self.0[ADDRESSES][0], self.0[DATA][0])
    }

    /// Whether any memory at all is limited.
    pub fn limits_memory(&self) -> bool {
        self.memory_bytes() != (NONE, NONE)
    }

    /// Seconds of the processor after which the process is warned, and after which it ends; `None` for
    /// as many as it likes.
    pub fn cpu_seconds(&self) -> Option<[u64; 2]> {
        Some(self.0[CPU]).filter(|limit| *limit != [NONE; 2])
    }

    /// The process was warned, and is again a second later.
    pub fn warn_later(&mut self) {
        self.0[CPU][0] = self.0[CPU][0].saturating_add(1).min(self.0[CPU][1]);
    }

    /// How little nice the process may become.
    pub fn least_nice(&self) -> i32 {
        20 - self.0[NICE][0].min(40) as i32
    }

    /// All, as `/proc/N/limits` shows them.
    pub fn shown(&self) -> String {
        let value = |limit: u64| match limit {
            NONE => String::from("unlimited"),
            limit => format!("{limit}"),
        };
        let line = |name: &str, soft: &str, hard: &str, unit: &str| {
            format!("{name:<25} {soft:<20} {hard:<20} {unit:<10}\n")
        };
        let mut text = line("Limit", "Soft Limit", "Hard Limit", "Units");
        for ((name, unit), [soft, hard]) in NAMES.iter().zip(self.0) {
            text += &line(name, &value(soft), &value(hard), unit);
        }
        text
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
    fn a_process_is_warned_every_second_until_the_hard_limit() {
        let mut limits = Limits::first();
        assert_eq!(limits.cpu_seconds(), None);
        limits.set(0, [2, 3], true).unwrap();
        limits.warn_later();
        assert_eq!(limits.cpu_seconds(), Some([3, 3]));
        limits.warn_later();
        assert_eq!(limits.cpu_seconds(), Some([3, 3]));
    }

    #[test]
    fn limits_are_shown_as_linux_shows_them() {
        let text = Limits::first().shown();
        let line = "Max open files            1024                 4096                 files     ";
        assert!(text.lines().any(|it| it == line));
        assert_eq!(text.lines().count(), 17);
    }

    #[test]
    fn what_is_no_limit_is_refused() {
        let mut limits = Limits::first();
        assert_eq!(limits.set(7, [3, 2], true), Err(Errno::EINVAL));
        assert_eq!(limits.set(16, [1, 2], true), Err(Errno::EINVAL));
        assert_eq!(limits.get(u64::MAX), Err(Errno::EINVAL));
    }
}
