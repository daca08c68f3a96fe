//! `/proc`: what processes and the system say of themselves, by [`System`]. `/sys`, of which there is little, is made
//! the same way.

use alloc::format;
use alloc::vec::Vec;

use crate::dentry::DentryId;
use crate::file::FileId;
use crate::inode::Kind;

/// Where listings of processes and descriptors begin.
pub(crate) const FIRST_PROCESS: u64 = 1 << 32;
pub(crate) const FIRST_ENTRY: u64 = 2;

/// What the system says of itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SystemText {
    /// `/proc/cpuinfo`.
    Cpuinfo,
    /// `/proc/filesystems`.
    Filesystems,
    /// `/proc/loadavg`.
    Loadavg,
    /// `/proc/meminfo`.
    Meminfo,
    /// `/proc/mounts`.
    Mounts,
    /// `/proc/stat`.
    Stat,
    /// `/proc/uptime`.
    Uptime,
    /// `/proc/vmstat`.
    Vmstat,
    /// `/proc/version`.
    Version,
    /// `/proc/cmdline`.
    Cmdline,
    /// `/proc/devices`.
    Devices,
    /// `/proc/partitions`.
    Partitions,
    /// `/proc/swaps`.
    Swaps,
    /// `/proc/sys/kernel/domainname`.
    Domainname,
    /// `/proc/sys/kernel/ngroups_max`.
    NgroupsMax,
    /// `/proc/sys/kernel/osrelease`.
    Osrelease,
    /// `/proc/sys/kernel/ostype`.
    Ostype,
    /// `/proc/sys/kernel/hostname`.
    Hostname,
    /// `/proc/sys/kernel/pid_max`.
    PidMax,
    /// `/proc/sys/vm/overcommit_memory`.
    OvercommitMemory,
    /// `/proc/sys/net/core/somaxconn`.
    Somaxconn,
    /// `/proc/sys/kernel/cap_last_cap`.
    CapLastCap,
    /// `/proc/sys/kernel/threads-max`.
    ThreadsMax,
    /// `/proc/sys/fs/nr_open`.
    NrOpen,
    /// `/sys/devices/system/cpu/online`, and its like: all processors that there are.
    CpuList,
    /// `/sys/devices/system/cpu/kernel_max`.
    CpuMax,
}

/// What is said of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessText {
    /// `/proc/N/cgroup`.
    Cgroup,
    /// `/proc/N/cmdline`.
    Cmdline,
    /// `/proc/N/comm`.
    Comm,
    /// `/proc/N/environ`.
    Environ,
    /// `/proc/N/limits`.
    Limits,
    /// `/proc/N/maps`.
    Maps,
    /// `/proc/N/mountinfo`.
    Mountinfo,
    /// `/proc/N/mounts`.
    Mounts,
    /// `/proc/N/smaps`.
    Smaps,
    /// `/proc/N/stat`.
    Stat,
    /// `/proc/N/statm`.
    Statm,
    /// `/proc/N/status`.
    Status,
    /// `/proc/N/oom_score_adj`.
    OomScoreAdj,
    /// `/proc/N/wchan`.
    Wchan,
}

/// Where a process is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessLink {
    /// Its working directory.
    Directory,
    /// Its program.
    Program,
    /// Its root.
    Root,
}

/// Who knows processes.
pub trait System {
    /// The lowest number of a process from `from` on.
    fn next_process(&self, from: u32) -> Option<u32>;
    /// The lowest number of a thread of `process` from `from` on.
    fn next_thread(&self, process: u32, from: u32) -> Option<u32>;
    /// User and group of a process; `None` if there is no such process, nor a thread with this number.
    fn owner(&self, process: u32) -> Option<(u32, u32)>;
    /// The first descriptor of a process from `from` on, with its open file.
    fn next_descriptor(&self, process: u32, from: u64) -> Option<(u64, FileId)>;
    /// Where a process is.
    fn link(&self, process: u32, which: ProcessLink) -> Option<DentryId>;
    /// What the system says; what is known here is not asked.
    fn text(&self, what: SystemText) -> Vec<u8>;
    /// What is said of a process, with what is known of its files.
    fn process_text(&self, process: u32, what: ProcessText, known: &dyn Known) -> Vec<u8>;
}

/// What the files know and [`System`] may have to say.
pub trait Known {
    /// The device that controls a session.
    fn terminal(&self, session: u32) -> Option<(u32, u32)>;
    /// The group in the foreground of the terminal that controls a session.
    fn foreground(&self, session: u32) -> Option<u32>;
    /// What an open file is called.
    fn called(&self, file: FileId) -> Vec<u8>;
    /// Where an open file lies: file system and number.
    fn place(&self, file: FileId) -> (u64, u64);
}

/// Something that `/proc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcNode {
    /// A directory of the system's: all of [`SYSTEM`] that begins so. What lies in `/sys` begins with a slash there.
    Directory(&'static str),
    /// A file of the system's.
    Text(SystemText),
    /// `self`, and `thread-self`.
    Me(Me),
    /// A process.
    Process(u32),
    /// A thread, which shows what its process does, but for its threads.
    Thread(u32),
    /// A file of a process.
    ProcessText(u32, ProcessText),
    /// A link of a process.
    Link(u32, ProcessLink),
    /// The threads of a process.
    Threads(u32),
    /// The descriptors of a process.
    Descriptors(u32),
    /// What a descriptor leads to.
    Descriptor(u32, u64),
}

/// The links to oneself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Me {
    /// `self`.
    Process,
    /// `thread-self`.
    Thread,
}

/// Where a link of `/proc` leads.
pub(crate) enum ProcTarget {
    Text(Vec<u8>),
    Name(DentryId),
    Open(FileId),
}

const SYSTEM: &[(&str, SystemText)] = &[
    ("/devices/system/cpu/kernel_max", SystemText::CpuMax),
    ("/devices/system/cpu/online", SystemText::CpuList),
    ("/devices/system/cpu/possible", SystemText::CpuList),
    ("/devices/system/cpu/present", SystemText::CpuList),
    ("cmdline", SystemText::Cmdline),
    ("cpuinfo", SystemText::Cpuinfo),
    ("devices", SystemText::Devices),
    ("filesystems", SystemText::Filesystems),
    ("loadavg", SystemText::Loadavg),
    ("meminfo", SystemText::Meminfo),
    ("mounts", SystemText::Mounts),
    ("partitions", SystemText::Partitions),
    ("stat", SystemText::Stat),
    ("swaps", SystemText::Swaps),
    ("sys/fs/nr_open", SystemText::NrOpen),
    ("sys/kernel/cap_last_cap", SystemText::CapLastCap),
    ("sys/kernel/domainname", SystemText::Domainname),
    ("sys/kernel/hostname", SystemText::Hostname),
    ("sys/kernel/ngroups_max", SystemText::NgroupsMax),
    ("sys/kernel/osrelease", SystemText::Osrelease),
    ("sys/kernel/ostype", SystemText::Ostype),
    ("sys/kernel/pid_max", SystemText::PidMax),
    ("sys/kernel/threads-max", SystemText::ThreadsMax),
    ("sys/net/core/somaxconn", SystemText::Somaxconn),
    ("sys/vm/overcommit_memory", SystemText::OvercommitMemory),
    ("uptime", SystemText::Uptime),
    ("version", SystemText::Version),
    ("vmstat", SystemText::Vmstat),
];

const PROCESS: &[(&str, ProcessText)] = &[
    ("cgroup", ProcessText::Cgroup),
    ("cmdline", ProcessText::Cmdline),
    ("comm", ProcessText::Comm),
    ("environ", ProcessText::Environ),
    ("limits", ProcessText::Limits),
    ("maps", ProcessText::Maps),
    ("mountinfo", ProcessText::Mountinfo),
    ("mounts", ProcessText::Mounts),
    ("oom_score_adj", ProcessText::OomScoreAdj),
    ("smaps", ProcessText::Smaps),
    ("stat", ProcessText::Stat),
    ("statm", ProcessText::Statm),
    ("status", ProcessText::Status),
    ("wchan", ProcessText::Wchan),
];

const LINKS: &[(&str, ProcessLink)] =
    &[("cwd", ProcessLink::Directory), ("exe", ProcessLink::Program), ("root", ProcessLink::Root)];

impl ProcNode {
    pub(crate) fn kind(self) -> Kind {
        match self {
            Self::Directory(_)
            | Self::Process(_)
            | Self::Thread(_)
            | Self::Threads(_)
            | Self::Descriptors(_) => Kind::Directory,
            Self::Text(_) | Self::ProcessText(..) => Kind::File,
            Self::Me(_) | Self::Link(..) | Self::Descriptor(..) => Kind::Link,
        }
    }

    fn is_thread(self) -> bool {
        matches!(self, Self::Thread(_))
    }

    pub(crate) fn process(self) -> Option<u32> {
        match self {
            Self::Process(process)
            | Self::Thread(process)
            | Self::ProcessText(process, _)
            | Self::Link(process, _)
            | Self::Threads(process)
            | Self::Descriptors(process)
            | Self::Descriptor(process, _) => Some(process),
            _ => None,
        }
    }

    /// What `name` is in this directory.
    pub(crate) fn child(self, system: &dyn System, name: &str) -> Option<Self> {
        let number = || name.parse::<u32>().ok().filter(|it| format!("{it}") == name);
        match self {
            Self::Directory("") => match name {
                "self" => Some(Self::Me(Me::Process)),
                "thread-self" => Some(Self::Me(Me::Thread)),
                _ => match number() {
                    Some(process) => system.owner(process).map(|_| Self::Process(process)),
                    None => Self::below("", name),
                },
            },
            Self::Directory(prefix) => Self::below(prefix, name),
            Self::Process(process) if name == "task" => Some(Self::Threads(process)),
            Self::Process(process) | Self::Thread(process) => Self::of_process(process, name),
            Self::Threads(process) => {
                let thread = number()?;
                let found = system.next_thread(process, thread) == Some(thread);
                found.then_some(Self::Thread(thread))
            }
            Self::Descriptors(process) => {
                let number = u64::from(number()?);
                let found = system.next_descriptor(process, number)?.0 == number;
                found.then_some(Self::Descriptor(process, number))
            }
            _ => None,
        }
    }

    fn below(prefix: &'static str, name: &str) -> Option<Self> {
        SYSTEM.iter().find_map(|(path, text)| {
            let rest = path.strip_prefix(prefix)?.strip_prefix(name)?;
            if rest.is_empty() {
                return Some(Self::Text(*text));
            }
            rest.starts_with('/').then(|| Self::Directory(&path[..path.len() - rest.len() + 1]))
        })
    }

    fn of_process(process: u32, name: &str) -> Option<Self> {
        if name == "fd" {
            return Some(Self::Descriptors(process));
        }
        let text = PROCESS.iter().find(|it| it.0 == name);
        let link = LINKS.iter().find(|it| it.0 == name);
        text.map(|it| Self::ProcessText(process, it.1)).or(link.map(|it| Self::Link(process, it.1)))
    }

    /// The names in this directory that do not change.
    pub(crate) fn fixed(self, index: usize) -> Option<&'static str> {
        match self {
            Self::Directory(prefix) => {
                let own = ["self", "thread-self"];
                let own: &[&str] = if prefix.is_empty() { &own } else { &[] };
                let first = |path: &&'static str| {
                    path.strip_prefix(prefix).map(|rest| rest.split('/').next().unwrap_or(rest))
                };
                let mut last = "";
                let names = SYSTEM.iter().filter_map(|it| first(&it.0));
                // What is none of `/proc` has no name there.
                let names = names.filter(|name| core::mem::replace(&mut last, name) != *name);
                own.iter().copied().chain(names).nth(index)
            }
            Self::Process(_) | Self::Thread(_) => {
                let own: &[&str] = if self.is_thread() { &["fd"] } else { &["fd", "task"] };
                let links = LINKS.iter().map(|it| it.0);
                let texts = PROCESS.iter().map(|it| it.0);
                own.iter().copied().chain(links).chain(texts).nth(index)
            }
            _ => None,
        }
    }
}
