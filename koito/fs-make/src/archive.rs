//! Filling an image from a tar archive, in which every file says whose it is.

use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path};

use anyhow::{Context, Result, bail, ensure};
use koito_block::MemoryDevice;
use koito_fs::{Changes, FileSystem, Maker, New, Node, ROOT, Time};
use tar::{Archive, Entry, EntryType};

use crate::NOW;

/// Makes everything that is in `archive`, in its order: folders come before what they hold, files
/// before their second names.
pub fn copy(target: &mut FileSystem<MemoryDevice>, archive: impl Read) -> Result<()> {
    let mut archive = Archive::new(archive);
    let mut folders = vec![];
    for entry in archive.entries()? {
        let mut entry = entry?;
        let path = entry.path()?.into_owned();
        let node =
            add(target, &mut entry, &path).with_context(|| format!("at {}", path.display()))?;
        if entry.header().entry_type() == EntryType::Directory {
            folders.push((node, entry.header().mtime()?));
        }
    }
    // What came into a folder after it was made has changed its time.
    for (folder, seconds) in folders {
        set_time(target, folder, seconds)?;
    }
    Ok(())
}

/// Makes one file, folder or link.
fn add(
    target: &mut FileSystem<MemoryDevice>,
    entry: &mut Entry<'_, impl Read>,
    path: &Path,
) -> Result<Node> {
    let header = entry.header().clone();
    let directory = find(target, path.parent().unwrap_or(Path::new("")))?;
    let name = path.file_name().context("it has no name")?.as_bytes();
    let maker = Maker {
        user: header.uid()?.try_into()?,
        group: header.gid()?.try_into()?,
        permissions: (header.mode()? & 0o7777) as u16,
        now: NOW,
    };
    let linked = entry.link_name()?.map(|target| target.into_owned());
    let node = match header.entry_type() {
        EntryType::Directory => target.create(directory, name, New::Directory, maker)?,
        EntryType::Regular => {
            let mut contents = vec![];
            entry.read_to_end(&mut contents)?;
            let node = target.create(directory, name, New::File, maker)?;
            let written = target.write(node, 0, &contents, NOW)?;
            ensure!(written == contents.len(), "the image is full");
            node
        }
        EntryType::Symlink => {
            let linked = linked.context("the link leads nowhere")?;
            target.create(directory, name, New::Link(linked.as_os_str().as_bytes()), maker)?
        }
        EntryType::Link => {
            let node = find(target, &linked.context("the link leads nowhere")?)?;
            target.link(node, directory, name, NOW)?;
            node
        }
        other => bail!("{other:?} has no place in an image"),
    };
    set_time(target, node, header.mtime()?)?;
    Ok(node)
}

/// The node at a path from the root.
fn find(target: &mut FileSystem<MemoryDevice>, path: &Path) -> Result<Node> {
    path.components().try_fold(ROOT, |directory, component| match component {
        Component::Normal(name) => Ok(target.lookup(directory, name.as_bytes())?),
        Component::CurDir => Ok(directory),
        _ => bail!("{} is no path from the root", path.display()),
    })
}

fn set_time(target: &mut FileSystem<MemoryDevice>, node: Node, seconds: u64) -> Result<()> {
    let time = Some(Time { seconds: seconds.try_into()?, nanoseconds: 0 });
    let changes = Changes { accessed: time, modified: time, ..Changes::default() };
    Ok(target.set_attributes(node, &changes, NOW)?)
}

#[cfg(test)]
mod tests {
    use koito_fs::{Access, Options};
    use tar::{Builder, Header};

    use super::*;

    #[test]
    fn owners_times_and_second_names_arrive() {
        let header = |kind: EntryType, size: u64| {
            let mut header = Header::new_gnu();
            header.set_entry_type(kind);
            header.set_mode(0o750);
            header.set_uid(7);
            header.set_gid(8);
            header.set_mtime(99);
            header.set_size(size);
            header
        };
        let mut archive = Builder::new(vec![]);
        archive.append_data(&mut header(EntryType::Directory, 0), "d", &[][..]).unwrap();
        archive.append_data(&mut header(EntryType::Regular, 2), "d/f", &b"hi"[..]).unwrap();
        archive.append_link(&mut header(EntryType::Link, 0), "d/g", "d/f").unwrap();
        archive.append_link(&mut header(EntryType::Symlink, 0), "s", "d/f").unwrap();
        let archive = archive.into_inner().unwrap();

        let folder = std::env::temp_dir().join(format!("a9n-archive-{}", std::process::id()));
        std::fs::create_dir_all(&folder).unwrap();
        let image = crate::empty(8192, &["-b", "1024"], &folder).unwrap();
        std::fs::remove_dir_all(&folder).unwrap();
        let options = Options { access: Access::ReadWrite, cache_bytes: 1 << 20, now: NOW };
        let mut target = FileSystem::mount(MemoryDevice::new(image), options).unwrap();
        copy(&mut target, archive.as_slice()).unwrap();

        let folder = target.lookup(ROOT, b"d").unwrap();
        assert_eq!(target.attributes(folder).unwrap().modified.seconds, 99);
        let file = target.lookup(folder, b"g").unwrap();
        let known = target.attributes(file).unwrap();
        assert_eq!((known.user, known.group, known.permissions), (7, 8, 0o750));
        assert_eq!((known.links, known.size, known.modified.seconds), (2, 2, 99));
        let link = target.lookup(ROOT, b"s").unwrap();
        assert_eq!(target.read_link(link).unwrap(), b"d/f");
    }
}
