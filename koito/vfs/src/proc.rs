//! `/proc`: what processes and the system say of themselves, by [`System`].

use alloc::format;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::{FileId, Object};
use crate::inode::{Attributes, Body, Kind};
use crate::list::Listed;
use crate::page::Pages;
use crate::stop::{Result, fail};
use crate::terminals::Terminals;
use crate::vfs::{Context, Origin, Vfs};

/// Where listings of processes and descriptors begin.
const FIRST_PROCESS: u64 = 1 << 32;
const FIRST_ENTRY: u64 = 2;

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
    /// `/proc/version`.
    Version,
    /// `/proc/cmdline`.
    Cmdline,
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
}

/// What is said of a process.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcessText {
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
    /// What is said of a process; `terminals` knows what controls it.
    fn process_text(&self, process: u32, what: ProcessText, terminals: &Terminals) -> Vec<u8>;
}

/// Something that `/proc` shows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProcNode {
    /// A directory of the system's: all of [`SYSTEM`] that begins so.
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
    ("cmdline", SystemText::Cmdline),
    ("cpuinfo", SystemText::Cpuinfo),
    ("filesystems", SystemText::Filesystems),
    ("loadavg", SystemText::Loadavg),
    ("meminfo", SystemText::Meminfo),
    ("mounts", SystemText::Mounts),
    ("stat", SystemText::Stat),
    ("sys/kernel/hostname", SystemText::Hostname),
    ("sys/kernel/ngroups_max", SystemText::NgroupsMax),
    ("sys/kernel/osrelease", SystemText::Osrelease),
    ("sys/kernel/ostype", SystemText::Ostype),
    ("sys/kernel/pid_max", SystemText::PidMax),
    ("sys/net/core/somaxconn", SystemText::Somaxconn),
    ("sys/vm/overcommit_memory", SystemText::OvercommitMemory),
    ("uptime", SystemText::Uptime),
    ("version", SystemText::Version),
];

const PROCESS: &[(&str, ProcessText)] = &[
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
    fn kind(self) -> Kind {
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

    fn process(self) -> Option<u32> {
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
    fn child(self, system: &dyn System, name: &str) -> Option<Self> {
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
    fn fixed(self, index: usize) -> Option<&'static str> {
        match self {
            Self::Directory(prefix) => {
                let own = ["self", "thread-self"];
                let own: &[&str] = if prefix.is_empty() { &own } else { &[] };
                let first = |path: &&'static str| {
                    path.strip_prefix(prefix).map(|rest| rest.split('/').next().unwrap_or(rest))
                };
                let mut last = "";
                let names = SYSTEM.iter().filter_map(|it| first(&it.0));
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

impl<P: Pages> Vfs<P> {
    /// Mounts `/proc` on a directory.
    pub fn mount_proc(&mut self, at: DentryId) {
        let body = Body::Proc(ProcNode::Directory(""));
        let root = self.add_filesystem(Origin::Proc, ("proc", "proc"), body, 0o555);
        self.cover(at, root);
    }

    pub(crate) fn look_up_proc(
        &mut self,
        context: &Context<'_>,
        parent: DentryId,
        name: &[u8],
    ) -> Result<Option<DentryId>> {
        let Body::Proc(directory) = self.inode(parent)?.body else { return Ok(None) };
        let filesystem = self.inode(parent)?.filesystem;
        let child = str::from_utf8(name).ok().and_then(|it| directory.child(context.system, it));
        let Some(node) = child else { return Ok(None) };
        let kind = node.kind();
        let permissions = match kind {
            Kind::Directory => 0o555,
            Kind::Link => 0o777,
            _ => 0o444,
        };
        let owner = node.process().and_then(|it| context.system.owner(it)).unwrap_or((0, 0));
        let mut attributes = Attributes::new(kind, permissions, owner, context.now);
        attributes.links += u32::from(kind == Kind::Directory);
        let inode = self.add_inode(filesystem, attributes, Body::Proc(node));
        let dentry = self.add_name(parent, name, Some(inode));
        self.unpin(dentry);
        Ok(Some(dentry))
    }

    /// Whether a name of `/proc` still means what it meant.
    pub(crate) fn is_current(&self, context: &Context<'_>, dentry: DentryId) -> bool {
        let it = &self.dentries[dentry];
        let parent = self.dentries[it.parent].inode.map(|it| &self.inodes[it].body);
        let node = it.inode.map(|it| &self.inodes[it].body);
        let (Some(Body::Proc(parent)), Some(Body::Proc(node))) = (parent, node) else {
            return true;
        };
        let name = str::from_utf8(&it.name).unwrap_or_default();
        parent.child(context.system, name) == Some(*node)
    }

    /// The entry of a directory of `/proc` at `at`.
    pub(crate) fn list_proc(
        &self,
        context: &Context<'_>,
        node: ProcNode,
        at: u64,
    ) -> Option<Listed> {
        let system = context.system;
        let entry = |name: &[u8], kind, next| {
            Some(Listed { name: name.into(), number: next, kind: Some(kind), next })
        };
        let numbered = |found: Option<u64>, kind| {
            let number = found?;
            entry(format!("{number}").as_bytes(), kind, FIRST_PROCESS + number + 1)
        };
        if at < FIRST_PROCESS
            && let Some(name) = node.fixed((at - FIRST_ENTRY) as usize)
        {
            let kind = node.child(system, name).map_or(Kind::File, ProcNode::kind);
            return entry(name.as_bytes(), kind, at + 1);
        }
        let from = at.saturating_sub(FIRST_PROCESS);
        let from_process = u32::try_from(from).ok()?;
        match node {
            ProcNode::Directory("") => {
                numbered(system.next_process(from_process).map(u64::from), Kind::Directory)
            }
            ProcNode::Threads(process) => {
                let thread = system.next_thread(process, from_process);
                numbered(thread.map(u64::from), Kind::Directory)
            }
            ProcNode::Descriptors(process) => {
                numbered(system.next_descriptor(process, from).map(|it| it.0), Kind::Link)
            }
            _ => None,
        }
    }

    pub(crate) fn proc_target(&self, context: &Context<'_>, node: ProcNode) -> Result<ProcTarget> {
        let me = context.process;
        Ok(match node {
            ProcNode::Me(Me::Process) => ProcTarget::Text(format!("{me}").into()),
            ProcNode::Me(Me::Thread) => ProcTarget::Text(format!("{me}/task/{me}").into()),
            ProcNode::Link(process, which) => {
                self.check_same(context, process)?;
                ProcTarget::Name(context.system.link(process, which).ok_or(Errno::ENOENT)?)
            }
            ProcNode::Descriptor(process, number) => {
                self.check_same(context, process)?;
                let found = context.system.next_descriptor(process, number);
                let (_, file) = found.filter(|it| it.0 == number).ok_or(Errno::ENOENT)?;
                ProcTarget::Open(file)
            }
            _ => return fail(Errno::EINVAL),
        })
    }

    /// Refuses to look into processes of others.
    fn check_same(&self, context: &Context<'_>, process: u32) -> Result<()> {
        let (user, _) = context.system.owner(process).ok_or(Errno::ENOENT)?;
        if context.credentials.is_owner(user) { Ok(()) } else { fail(Errno::EACCES) }
    }

    /// The target of a link of any kind (`readlink`).
    pub fn read_link(&mut self, context: &Context<'_>, link: DentryId) -> Result<Vec<u8>> {
        let Body::Proc(node) = self.inode(link)?.body else { return self.link_target(link) };
        Ok(match self.proc_target(context, node)? {
            ProcTarget::Text(text) => text,
            ProcTarget::Name(dentry) => self.path_of(context, dentry),
            ProcTarget::Open(file) => self.called(context, file),
        })
    }

    /// What an open file is called.
    pub fn called(&self, context: &Context<'_>, file: FileId) -> Vec<u8> {
        let it = &self.files[file];
        match (it.dentry, &it.object) {
            (Some(dentry), _) => self.path_of(context, dentry),
            (_, Object::Pipe(..)) => format!("pipe:[{}]", it.anonymous).into(),
            (_, Object::Socket(_)) => format!("socket:[{}]", it.anonymous).into(),
            (_, Object::Event(_)) => b"anon_inode:[eventfd]".to_vec(),
            (_, Object::Epoll(_)) => b"anon_inode:[eventpoll]".to_vec(),
            _ => b"anon_inode:[unknown]".to_vec(),
        }
    }

    pub(crate) fn proc_text(&self, context: &Context<'_>, node: ProcNode) -> Result<Vec<u8>> {
        Ok(match node {
            ProcNode::Text(SystemText::Mounts) | ProcNode::ProcessText(_, ProcessText::Mounts) => {
                self.mounts(context)
            }
            ProcNode::ProcessText(_, ProcessText::Mountinfo) => self.mount_info(context),
            ProcNode::Text(SystemText::Filesystems) => {
                b"nodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n".to_vec()
            }
            ProcNode::Text(what) => context.system.text(what),
            ProcNode::ProcessText(process, what) => {
                context.system.owner(process).ok_or(Errno::ESRCH)?;
                context.system.process_text(process, what, &self.terminals)
            }
            _ => return fail(Errno::EISDIR),
        })
    }

    /// Where a file system is mounted; `None` if another one covers it.
    fn mounted_at(&self, context: &Context<'_>, root: DentryId) -> Option<Vec<u8>> {
        self.dentries[root].mounted.is_none().then(|| self.path_of(context, root))
    }

    fn mounts(&self, context: &Context<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        for it in &self.filesystems {
            if let Some(path) = self.mounted_at(context, it.root) {
                let (source, kind) = it.called;
                let path = alloc::string::String::from_utf8_lossy(&path);
                text.extend(format!("{source} {path} {kind} rw,relatime 0 0\n").into_bytes());
            }
        }
        text
    }

    fn mount_info(&self, context: &Context<'_>) -> Vec<u8> {
        let mut text = Vec::new();
        for (index, it) in self.filesystems.iter().enumerate() {
            if let Some(path) = self.mounted_at(context, it.root) {
                let (source, kind) = it.called;
                let path = alloc::string::String::from_utf8_lossy(&path);
                let (number, parent, minor) = (index + 20, 20, it.device);
                let line = format!(
                    "{number} {parent} 0:{minor} / {path} rw,relatime - {kind} {source} rw\n"
                );
                text.extend(line.into_bytes());
            }
        }
        text
    }
}
