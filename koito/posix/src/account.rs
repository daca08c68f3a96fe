//! Accounts of the processor's time: what the kernel charges to threads, added up for processes.
//!
//! The kernel does not tell a program's own time from that of the server on its behalf, so all of it is
//! told as the program's. Faults are counted here, too.

use core::ops::Add;

use crate::process::{ProcessKey, Task};
use crate::server::{Server, TaskKey};

/// What a process has used beside its present threads, in the processor's ticks.
#[derive(Clone, Copy, Debug, Default)]
pub struct Account {
    /// By threads that ended.
    pub ended: u64,
    /// By children that it was told the end of, and theirs.
    pub children: u64,
    /// How often its threads faulted, and such children's and theirs.
    pub faults: Faults,
    /// See above.
    pub faults_of_children: Faults,
}

/// How often pages were not there that should be.
#[derive(Clone, Copy, Debug, Default)]
pub struct Faults {
    /// They were found.
    pub minor: u64,
    /// They had to be read from the disk.
    pub major: u64,
}

impl Add for Faults {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self { minor: self.minor + other.minor, major: self.major + other.major }
    }
}

impl Task {
    /// What it has used, in the processor's ticks.
    pub fn ticks(&self) -> u64 {
        let all = self.body.pcb.information().map_or(0, |(ticks, ..)| ticks);
        all.saturating_sub(self.ticks_before)
    }
}

impl Server {
    /// What a process has used, in nanoseconds.
    pub fn used_by(&self, process: ProcessKey) -> u64 {
        self.clock.nanoseconds_of(self.ticks_of(process))
    }

    /// What its children have used that it was told the end of, in nanoseconds.
    pub fn used_by_children(&self, process: ProcessKey) -> u64 {
        self.clock.nanoseconds_of(self.processes[process].account.children)
    }

    /// What a thread has used, in nanoseconds.
    pub fn used_by_task(&self, task: TaskKey) -> u64 {
        self.clock.nanoseconds_of(self.tasks[task].ticks())
    }

    /// What a process and its children have used, in nanoseconds.
    pub fn used_by_it_all(&self, process: ProcessKey) -> u64 {
        self.used_by(process) + self.used_by_children(process)
    }

    /// How often a process and its children faulted.
    pub fn faults_of_it_all(&self, process: ProcessKey) -> Faults {
        let account = &self.processes[process].account;
        account.faults + account.faults_of_children
    }

    fn ticks_of(&self, process: ProcessKey) -> u64 {
        let own = self.tasks_of(process).into_iter().map(|task| self.tasks[task].ticks());
        self.processes[process].account.ended + own.sum::<u64>()
    }

    /// A child that ended is about to be forgotten: its parent answers for what it used.
    pub fn settle_account(&mut self, child: ProcessKey) {
        let it = &self.processes[child];
        let used = it.account.ended + it.account.children;
        let faults = it.account.faults + it.account.faults_of_children;
        if let Some(parent) = self.process(it.parent) {
            let account = &mut self.processes[parent].account;
            account.children += used;
            account.faults_of_children = account.faults_of_children + faults;
        }
    }
}
