//! What `/proc` shows of processes and of the system.

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use koito_posix_core::{
    Action, Arena, Backing, Life, Numbers, PAGE_BYTES, Protection, Sharing, page_of,
};
use koito_vfs::{
    DentryId, FileId, FilePages, Known, ProcessLink, ProcessText, System, SystemText, Vfs,
};
use nun::mapped::Mapped;

use crate::clock::Clock;
use crate::exec::STACK_TOP;
use crate::machine::Memory;
use crate::names::HostNames;
use crate::owner::Capabilities;
use crate::process::{Process, Task};
use crate::space::Space;
use crate::system_text::{Figures, TICK};

/// Most bytes of arguments that are shown.
const MOST_ARGUMENTS: u64 = 4096;

/// Everything that `/proc` shows, as it is during one operation.
pub struct Shown<'a> {
    processes: &'a Arena<Process>,
    tasks: &'a Arena<Task>,
    numbers: &'a Numbers<Process, Task>,
    spaces: &'a Arena<Space>,
    clock: &'a Clock,
    names: &'a HostNames,
    memory: Mapped,
    /// How many processors there are.
    cpus: usize,
    /// All pages, and the free ones.
    pages: (usize, usize),
    /// Those with contents of files.
    file_pages: FilePages,
}

impl<'a> Shown<'a> {
    /// What there is.
    pub fn new(
        vfs: &Vfs<Memory>,
        (processes, tasks): (&'a Arena<Process>, &'a Arena<Task>),
        numbers: &'a Numbers<Process, Task>,
        spaces: &'a Arena<Space>,
        (clock, names, cpus): (&'a Clock, &'a HostNames, usize),
    ) -> Self {
        let pages = vfs.pages.pages();
        let (memory, file_pages) = (vfs.pages.all(), vfs.file_pages());
        Self { processes, tasks, numbers, spaces, clock, names, memory, cpus, pages, file_pages }
    }

    /// What is known of the system as a whole, as far as that text tells it.
    fn figures(&self, what: SystemText) -> Figures<'a> {
        let all = || self.processes.iter().map(|(_, it)| it);
        let used = |it: &Process| {
            it.account.ended + it.account.children + self.threads(it).map(Task::ticks).sum::<u64>()
        };
        // That asks the kernel about each thread.
        let tells_time = matches!(what, SystemText::Stat | SystemText::Uptime);
        let used = if tells_time { all().map(used).sum() } else { 0 };
        let running = all().filter(|it| self.state(it) == 'R').count();
        let now = self.clock.now();
        Figures {
            names: self.names,
            cpus: self.cpus,
            frequency: self.clock.ticks_per_millisecond(),
            pages: self.pages,
            file_pages: self.file_pages,
            processes: (self.processes.len(), running, self.numbers.last()),
            now,
            began: (self.clock.real() - now) / 1_000_000_000,
            used: self.clock.nanoseconds_of(used),
        }
    }

    /// The process with this number, or that of the thread with this number.
    fn process(&self, number: u32) -> Option<&'a Process> {
        let thread = || Some(self.tasks.get(self.numbers.thread(number)?)?.process);
        self.processes.get(self.numbers.process(number).or_else(thread)?)
    }

    fn threads(&self, process: &Process) -> impl Iterator<Item = &'a Task> {
        process.tasks.iter().filter_map(|task| self.tasks.get(*task))
    }

    fn state(&self, process: &Process) -> char {
        match process.life {
            Life::Running => {
                let mut own = self.threads(process);
                if own.all(|task| task.waiting.is_some()) { 'S' } else { 'R' }
            }
            Life::Stopped(_) => 'T',
            _ => 'Z',
        }
    }

    /// Bytes that are mapped, and pages that are there.
    fn sizes(&self, process: &Process) -> (u64, u64) {
        let Some(space) = self.space(process) else { return (0, 0) };
        let bytes = space.areas.within(0..u64::MAX).map(|(start, area)| area.end - start).sum();
        (bytes, space.pages.within(0..u64::MAX).count() as u64)
    }

    fn space(&self, process: &Process) -> Option<&'a Space> {
        if process.life.is_over() { None } else { self.spaces.get(process.space) }
    }

    /// A stretch of a process's memory, as far as it is there.
    fn bytes(&self, process: &Process, from: u64, to: u64) -> Vec<u8> {
        let mut text = Vec::new();
        let Some(space) = self.space(process) else { return text };
        let end = to.min(from.saturating_add(MOST_ARGUMENTS));
        let mut at = from;
        while at < end {
            let Some(entry) = space.pages.get(page_of(at)) else { break };
            let length = (PAGE_BYTES - at % PAGE_BYTES).min(end - at) as usize;
            let start = u64::from(entry.page().0) * PAGE_BYTES + at % PAGE_BYTES;
            let place = text.len();
            text.resize(place + length, 0);
            self.memory.copy_to(start as usize, &mut text[place..]);
            at += length as u64;
        }
        text
    }

    fn maps(&self, process: &Process, known: &dyn Known) -> Vec<u8> {
        let mut text = String::new();
        let Some(space) = self.space(process) else { return Vec::new() };
        for (start, area) in space.areas.within(0..u64::MAX) {
            let has = |what, letter| if area.protection.contains(what) { letter } else { '-' };
            let (r, w, x) = (
                has(Protection::READ, 'r'),
                has(Protection::WRITE, 'w'),
                has(Protection::EXECUTE, 'x'),
            );
            let s = if area.sharing == Sharing::Shared { 's' } else { 'p' };
            let (offset, file) = match &area.backing {
                Backing::File { offset, file } => (*offset, Some(*file)),
                Backing::Zero => (0, None),
            };
            let (device, number) = file.map_or((0, 0), |file| known.place(file));
            let what = match file {
                Some(file) => known.called(file),
                None if start == space.heap.start => b"[heap]".to_vec(),
                None if area.end == STACK_TOP => b"[stack]".to_vec(),
                None => Vec::new(),
            };
            let what = String::from_utf8_lossy(&what);
            let line = format!(
                "{start:08x}-{:08x} {r}{w}{x}{s} {offset:08x} 00:{device:02x} {number}",
                area.end
            );
            let ends = if what.is_empty() { "" } else { " " };
            text += &format!("{line:<72}{ends}{what}\n");
        }
        text.into_bytes()
    }

    fn stat(&self, number: u32, it: &Process, known: &dyn Known) -> String {
        let (bytes, pages) = self.sizes(it);
        let name = String::from_utf8_lossy(&it.name);
        let state = self.state(it);
        let (parent, group, session) = (it.parent, it.group, it.session);
        let terminal = known.terminal(session);
        let terminal = terminal.map_or(0, |(major, minor)| major << 8 | minor);
        let foreground = known.foreground(session).map_or(-1, i64::from);
        let (threads, start) = (it.tasks.len(), it.started / TICK);
        let ticks = it.account.ended + self.threads(it).map(Task::ticks).sum::<u64>();
        let [used, children] =
            [ticks, it.account.children].map(|it| self.clock.nanoseconds_of(it) / TICK);
        let nice = it.wishes.nice;
        let (own, theirs) = (it.account.faults, it.account.faults_of_children);
        let faults = format!("{} {} {} {}", own.minor, theirs.minor, own.major, theirs.major);
        format!(
            "{number} ({name}) {state} {parent} {group} {session} {terminal} {foreground} 4194304 {faults} \
             {used} 0 {children} 0 {} {nice} {threads} 0 {start} {bytes} {pages} 18446744073709551615 0 0 0 0 0 0 0 \
             0 0 0 0 0 17 0 0 0 0 0 0 0 0 0 0 0 0 0 0\n",
            20 + nice
        )
    }

    fn status(&self, number: u32, it: &Process) -> String {
        let (bytes, pages) = self.sizes(it);
        let name = String::from_utf8_lossy(&it.name);
        let state = match self.state(it) {
            'R' => "R (running)",
            'S' => "S (sleeping)",
            'T' => "T (stopped)",
            _ => "Z (zombie)",
        };
        let [user, effective, saved] = it.owner.users;
        let [group, effective_group, saved_group] = it.owner.groups;
        let (parent, threads) = (it.parent, it.tasks.len());
        let others: String = it.owner.others.iter().map(|group| format!("{group} ")).collect();
        format!(
            "Name:\t{name}\nUmask:\t{:04o}\nState:\t{state}\nTgid:\t{number}\nNgid:\t0\n\
             Pid:\t{number}\nPPid:\t{parent}\nTracerPid:\t0\n\
             Uid:\t{user}\t{effective}\t{saved}\t{effective}\n\
             Gid:\t{group}\t{effective_group}\t{saved_group}\t{effective_group}\n\
             FDSize:\t64\nGroups:\t{others}\nVmPeak:\t{kib:8} kB\nVmSize:\t{kib:8} kB\n\
             VmRSS:\t{:8} kB\nThreads:\t{threads}\n{}{}",
            it.files.as_ref().map_or(0, |files| files.umask),
            pages * 4,
            self.signals(number, it),
            capabilities(it.owner.capabilities),
            kib = bytes / 1024,
        )
    }

    /// What becomes of signals, as its status tells.
    fn signals(&self, number: u32, it: &Process) -> String {
        let thread = self.threads(it).find(|task| task.number == number);
        let (pending, mask) = thread.map_or((0, 0), |task| (task.pending.set().0, task.mask.0));
        let of = |is: fn(u64) -> bool| {
            let bits = it.actions.iter().enumerate().filter(|(_, action)| is(action.handler));
            bits.fold(0_u64, |set, (index, _)| set | 1 << index)
        };
        let ignored = of(|handler| handler == Action::IGNORE);
        let caught = of(|handler| handler != Action::IGNORE && handler != Action::DEFAULT);
        let shared = it.pending.set().0;
        format!(
            "SigPnd:\t{pending:016x}\nShdPnd:\t{shared:016x}\nSigBlk:\t{mask:016x}\n\
             SigIgn:\t{ignored:016x}\nSigCgt:\t{caught:016x}\n"
        )
    }
}

/// Sets of capabilities, as the status of their process tells.
fn capabilities(Capabilities { effective, permitted }: Capabilities) -> String {
    let all = Capabilities::ALL;
    format!(
        "CapInh:\t{0:016x}\nCapPrm:\t{permitted:016x}\nCapEff:\t{effective:016x}\n\
         CapBnd:\t{all:016x}\nCapAmb:\t{0:016x}\n",
        0
    )
}

impl System for Shown<'_> {
    fn next_process(&self, from: u32) -> Option<u32> {
        self.numbers.next_process(from)
    }

    fn next_thread(&self, process: u32, from: u32) -> Option<u32> {
        let threads = self.threads(self.process(process)?);
        threads.map(|task| task.number).filter(|number| *number >= from).min()
    }

    fn owner(&self, process: u32) -> Option<(u32, u32)> {
        self.process(process).map(|it| (it.owner.users[1], it.owner.groups[1]))
    }

    fn next_descriptor(&self, process: u32, from: u64) -> Option<(u64, FileId)> {
        let opened = self.process(process)?.files.as_ref()?;
        opened.descriptors.next(from).map(|(number, it)| (number, it.file))
    }

    fn link(&self, process: u32, which: ProcessLink) -> Option<DentryId> {
        let it = self.process(process)?;
        let place = &it.files.as_ref()?.place;
        match which {
            ProcessLink::Directory => Some(place.directory),
            ProcessLink::Root => Some(place.root),
            ProcessLink::Program => it.program_name,
        }
    }

    fn text(&self, what: SystemText) -> Vec<u8> {
        self.figures(what).text(what).into_bytes()
    }

    fn process_text(&self, process: u32, what: ProcessText, known: &dyn Known) -> Vec<u8> {
        let Some(it) = self.process(process) else { return Vec::new() };
        let arguments = self.space(it).map_or((0, 0, 0), |space| space.arguments);
        let text = match what {
            ProcessText::Cmdline => return self.bytes(it, arguments.0, arguments.1),
            ProcessText::Environ => return self.bytes(it, arguments.1, arguments.2),
            ProcessText::Maps | ProcessText::Smaps => return self.maps(it, known),
            ProcessText::Comm => {
                let mut name = it.name.clone();
                name.push(b'\n');
                return name;
            }
            ProcessText::Stat => self.stat(process, it, known),
            ProcessText::Status => self.status(process, it),
            ProcessText::Statm => {
                let (bytes, pages) = self.sizes(it);
                format!("{} {pages} 0 0 0 {pages} 0\n", bytes / PAGE_BYTES)
            }
            ProcessText::Limits => it.limits.shown(),
            ProcessText::OomScoreAdj | ProcessText::Wchan => "0".into(),
            // There are no such groups, and the files know the rest.
            ProcessText::Cgroup | ProcessText::Mounts | ProcessText::Mountinfo => String::new(),
        };
        text.into_bytes()
    }
}
