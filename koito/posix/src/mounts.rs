//! The tree of files that programs find: the disk as root, and what lies in memory on top of it.

use koito_linux::Errno;
use koito_vfs::{Context, DentryId, Last, Stop, Vfs};

use crate::machine::Memory;
use crate::server::Server;

/// Directories on which something is mounted.
const DIRECTORIES: [&[u8]; 6] = [b"/dev", b"/proc", b"/sys", b"/tmp", b"/run", b"/root"];

impl Server {
    /// Mounts everything. What cannot be is missing, and is told.
    pub fn mount_all(&mut self) {
        for directory in DIRECTORIES {
            let made = self.on_files(None, |vfs, context| {
                vfs.make_directory(context, context.place.root, directory, 0o755)
            });
            match made {
                Ok(_) | Err(Stop::Error(Errno::EEXIST)) => {}
                Err(stop) => nun::println!("posix: no directory for {directory:?}: {stop:?}"),
            }
        }
        self.mount(b"/dev", |vfs, context, at| vfs.mount_devices(context, at));
        self.mount(b"/proc", |vfs, _, at| {
            vfs.mount_proc(at);
            Ok(())
        });
        self.mount(b"/sys", |vfs, _, at| {
            vfs.mount_sys(at);
            Ok(())
        });
        for directory in [&b"/tmp"[..], b"/run"] {
            self.mount(directory, |vfs, _, at| {
                vfs.mount_memory(at, "tmpfs", if directory == b"/tmp" { 0o1777 } else { 0o755 });
                Ok(())
            });
        }
    }

    fn mount(
        &mut self,
        path: &[u8],
        mut work: impl FnMut(&mut Vfs<Memory>, &Context<'_>, DentryId) -> koito_vfs::Result<()>,
    ) {
        let mounted = self.on_files(None, |vfs, context| {
            let at = vfs.find(context, context.place.root, path, Last::Follow)?;
            work(vfs, context, at)
        });
        if let Err(stop) = mounted {
            nun::println!("posix: nothing is mounted on {path:?}: {stop:?}");
        }
    }
}
