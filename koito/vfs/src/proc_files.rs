//! `/proc` as files: names that are made when somebody looks, links, texts.

use alloc::format;
use alloc::vec::Vec;

use koito_linux::Errno;

use crate::dentry::DentryId;
use crate::file::{FileId, Object};
use crate::inode::{Attributes, Body, Kind};
use crate::list::Listed;
use crate::page::Pages;
use crate::proc::{
    FIRST_ENTRY, FIRST_PROCESS, Known, Me, ProcNode, ProcTarget, ProcessText, SystemText,
};
use crate::stop::{Result, fail};
use crate::vfs::{Context, Origin, Vfs};

/// The files, in somebody's eyes.
struct Asked<'a, P> {
    vfs: &'a Vfs<P>,
    context: &'a Context<'a>,
}

impl<P: Pages> Known for Asked<'_, P> {
    fn terminal(&self, session: u32) -> Option<(u32, u32)> {
        let terminals = &self.vfs.terminals;
        terminals.of_session(session).map(|id| terminals.device(id))
    }

    fn foreground(&self, session: u32) -> Option<u32> {
        let terminals = &self.vfs.terminals;
        terminals.of_session(session).and_then(|id| terminals.terminal(id).foreground)
    }

    fn called(&self, file: FileId) -> Vec<u8> {
        self.vfs.called(self.context, file)
    }

    fn place(&self, file: FileId) -> (u64, u64) {
        let status = self.vfs.file_status(file);
        (status.device, status.number)
    }
}

impl<P: Pages> Vfs<P> {
    /// Mounts `/proc` on a directory.
    pub fn mount_proc(&mut self, at: DentryId) {
        let body = Body::Proc(ProcNode::Directory(""));
        let root = self.add_filesystem(Origin::Proc, ("proc", "proc"), body, 0o555);
        self.cover(at, root);
    }

    /// Mounts `/sys` on a directory.
    pub fn mount_sys(&mut self, at: DentryId) {
        let body = Body::Proc(ProcNode::Directory("/"));
        let root = self.add_filesystem(Origin::Proc, ("sysfs", "sysfs"), body, 0o555);
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
            (_, Object::Timer(_)) => b"anon_inode:[timerfd]".to_vec(),
            (_, Object::Signals(_)) => b"anon_inode:[signalfd]".to_vec(),
            (_, Object::Process(_)) => b"anon_inode:[pidfd]".to_vec(),
            (_, Object::Watcher(_)) => b"anon_inode:inotify".to_vec(),
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
                b"nodev\tsysfs\nnodev\tproc\nnodev\ttmpfs\nnodev\tdevtmpfs\nnodev\tdevpts\n\text4\n"
                    .to_vec()
            }
            ProcNode::Text(what) => context.system.text(what),
            ProcNode::ProcessText(process, what) => {
                context.system.owner(process).ok_or(Errno::ESRCH)?;
                context.system.process_text(process, what, &Asked { vfs: self, context })
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
