//! A root directory in the making: contents, owners, modes and times of every file, without a need
//! for special rights on the machine that makes it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Component, Path, PathBuf};

use anyhow::{Context, Result, bail};
use tar::{Archive, Builder, EntryType, Header};

/// When what no package brings was made: the same on every machine.
const NOW: u64 = 1_700_000_000;
/// Folders that Debian keeps in `/usr`, with a link from where they used to be.
const MERGED: &[&str] = &["bin", "lib", "lib64", "sbin"];

/// What stands at a path.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Contents {
    Folder,
    File(Vec<u8>),
    /// A symbolic link.
    Link(PathBuf),
    /// Another name of a file.
    Name(PathBuf),
}

/// A file and what the file system knows about it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Entry {
    contents: Contents,
    mode: u32,
    user: u64,
    group: u64,
    seconds: u64,
}

impl Entry {
    /// Something of the superuser's.
    fn plain(contents: Contents, mode: u32) -> Self {
        Self { contents, mode, user: 0, group: 0, seconds: NOW }
    }
}

/// All files by their path from the root, folders before what they hold.
#[derive(Default)]
pub struct Tree {
    entries: BTreeMap<PathBuf, Entry>,
}

impl Tree {
    /// The root directory as Debian has it: `/bin` and others are links into `/usr`.
    pub fn new() -> Self {
        let mut tree = Self::default();
        for name in MERGED {
            let target = Path::new("usr").join(name);
            tree.put(&target, Entry::plain(Contents::Folder, 0o755));
            tree.entries.insert(name.into(), Entry::plain(Contents::Link(target), 0o777));
        }
        tree
    }

    /// Adds what is in an archive, but for what lies below a path of `leave_out`.
    pub fn add_archive(&mut self, archive: impl Read, leave_out: &[String]) -> Result<()> {
        let mut archive = Archive::new(archive);
        for entry in archive.entries()? {
            let mut entry = entry?;
            let path = normal(&entry.path()?)?;
            if leave_out.iter().any(|left| path.starts_with(left)) {
                continue;
            }
            let linked = entry.link_name()?.map(PathBuf::from);
            let header = entry.header().clone();
            let contents = match header.entry_type() {
                EntryType::Directory => Contents::Folder,
                EntryType::Regular => {
                    let mut bytes = vec![];
                    entry.read_to_end(&mut bytes)?;
                    Contents::File(bytes)
                }
                EntryType::Symlink => Contents::Link(linked.context("a link without target")?),
                EntryType::Link => {
                    Contents::Name(place(&normal(&linked.context("a link without target")?)?))
                }
                other => bail!("{}: cannot keep what is {other:?}", path.display()),
            };
            let (user, group) = (header.uid()?, header.gid()?);
            let (mode, seconds) = (header.mode()? & 0o7777, header.mtime()?);
            self.put(&path, Entry { contents, mode, user, group, seconds });
        }
        Ok(())
    }

    /// Adds what is in a folder of this machine, as the superuser's, over what there is.
    pub fn add_folder(&mut self, folder: &Path) -> Result<()> {
        self.add_below(folder, Path::new(""))
            .with_context(|| format!("cannot take over {}", folder.display()))
    }

    fn add_below(&mut self, folder: &Path, path: &Path) -> Result<()> {
        for entry in fs::read_dir(folder)? {
            let source = entry?.path();
            let path = path.join(source.file_name().unwrap_or_default());
            let known = fs::symlink_metadata(&source)?;
            let mode = known.permissions().mode() & 0o7777;
            if known.is_dir() {
                self.put(&path, Entry::plain(Contents::Folder, mode));
                self.add_below(&source, &path)?;
            } else if known.is_symlink() {
                self.add_link(&path, &fs::read_link(&source)?);
            } else if known.is_file() {
                self.add_file(&path, fs::read(&source)?, mode);
            } else {
                bail!("{} is neither file, folder nor link", source.display());
            }
        }
        Ok(())
    }

    /// Adds a file of the superuser's.
    pub fn add_file(&mut self, path: &Path, contents: Vec<u8>, mode: u32) {
        self.put(path, Entry::plain(Contents::File(contents), mode));
    }

    /// Adds a symbolic link.
    pub fn add_link(&mut self, path: &Path, target: &Path) {
        self.put(path, Entry::plain(Contents::Link(target.into()), 0o777));
    }

    /// Gives what is at `path` to a user and a group, with these permissions; whether it is there.
    pub fn own(&mut self, path: &Path, user: u64, group: u64, mode: u32) -> bool {
        let Some(entry) = self.entries.get_mut(&place(path)) else { return false };
        (entry.user, entry.group, entry.mode) = (user, group, mode);
        true
    }

    /// Takes away what is at `path`; whether it was there.
    pub fn remove(&mut self, path: &Path) -> bool {
        self.entries.remove(&place(path)).is_some()
    }

    /// The contents of the file at `path`, if one is there.
    pub fn file(&self, path: &Path) -> Option<&[u8]> {
        match &self.entries.get(&place(path))?.contents {
            Contents::File(bytes) => Some(bytes),
            _ => None,
        }
    }

    /// All files with contents of their own.
    pub fn files(&self) -> impl Iterator<Item = (&Path, &[u8])> {
        self.entries.iter().filter_map(|(path, entry)| match &entry.contents {
            Contents::File(bytes) => Some((path.as_path(), bytes.as_slice())),
            _ => None,
        })
    }

    /// Puts an entry where Debian keeps it. A folder that is there already gets the new owner and
    /// mode; folders on the way that nobody mentioned are made.
    fn put(&mut self, path: &Path, entry: Entry) {
        let path = place(path);
        if path.as_os_str().is_empty() {
            return;
        }
        for folder in path.ancestors().skip(1).filter(|folder| !folder.as_os_str().is_empty()) {
            let missing = || Entry::plain(Contents::Folder, 0o755);
            self.entries.entry(folder.into()).or_insert_with(missing);
        }
        self.entries.insert(path, entry);
    }

    /// Writes everything as a tar archive, in the order of paths, second names at the end. The same
    /// tree gives the same bytes.
    pub fn write(&self, target: impl Write) -> Result<()> {
        let mut archive = Builder::new(target);
        let is_name = |entry: &Entry| matches!(entry.contents, Contents::Name(_));
        let first = self.entries.iter().filter(|(_, entry)| !is_name(entry));
        for (path, entry) in first.chain(self.entries.iter().filter(|(_, entry)| is_name(entry))) {
            let mut header = Header::new_gnu();
            header.set_mode(entry.mode);
            header.set_uid(entry.user);
            header.set_gid(entry.group);
            header.set_mtime(entry.seconds);
            header.set_size(0);
            match &entry.contents {
                Contents::Folder => {
                    header.set_entry_type(EntryType::Directory);
                    archive.append_data(&mut header, path, &[][..])?;
                }
                Contents::File(bytes) => {
                    header.set_size(bytes.len() as u64);
                    archive.append_data(&mut header, path, bytes.as_slice())?;
                }
                Contents::Link(target) => {
                    header.set_entry_type(EntryType::Symlink);
                    archive.append_link(&mut header, path, target)?;
                }
                Contents::Name(target) => {
                    header.set_entry_type(EntryType::Link);
                    archive.append_link(&mut header, path, target)?;
                }
            }
        }
        archive.into_inner()?.flush()?;
        Ok(())
    }
}

/// A path from the root, without `.` and a leading slash.
fn normal(path: &Path) -> Result<PathBuf> {
    let mut result = PathBuf::new();
    for component in path.components() {
        match component {
            Component::Normal(name) => result.push(name),
            Component::CurDir | Component::RootDir => {}
            _ => bail!("{} leads out of its archive", path.display()),
        }
    }
    Ok(result)
}

/// Where a path leads on a system whose `/bin` is a link to `/usr/bin`.
fn place(path: &Path) -> PathBuf {
    let merged = MERGED.iter().any(|name| path.starts_with(name));
    if merged { Path::new("usr").join(path) } else { path.into() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(tree: &Tree) -> Vec<(String, EntryType, u64)> {
        let mut bytes = vec![];
        tree.write(&mut bytes).unwrap();
        let mut archive = Archive::new(bytes.as_slice());
        let entries = archive.entries().unwrap().map(|entry| {
            let entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            (path, entry.header().entry_type(), entry.header().uid().unwrap())
        });
        entries.collect()
    }

    #[test]
    fn what_lies_in_bin_comes_to_usr_bin() {
        let mut tree = Tree::new();
        tree.add_file(Path::new("bin/ls"), vec![1], 0o755);
        assert_eq!(tree.file(Path::new("usr/bin/ls")), Some(&[1][..]));
        let paths: Vec<_> = written(&tree).into_iter().map(|entry| entry.0).collect();
        assert!(paths.contains(&"usr/bin/ls".into()) && paths.contains(&"bin".into()));
        assert!(!paths.contains(&"bin/ls".into()));
    }

    #[test]
    fn archives_keep_owners_and_second_names() {
        let mut source = Tree::default();
        let owned = Entry { user: 7, ..Entry::plain(Contents::File(b"x".into()), 0o640) };
        source.put(Path::new("etc/z"), owned);
        source.put(Path::new("etc/a"), Entry::plain(Contents::Name("etc/z".into()), 0o640));
        let mut bytes = vec![];
        source.write(&mut bytes).unwrap();
        let mut tree = Tree::default();
        tree.add_archive(bytes.as_slice(), &[]).unwrap();
        assert_eq!(tree.entries, source.entries);
        let order: Vec<_> = written(&tree).into_iter().map(|entry| (entry.0, entry.2)).collect();
        let expected = [("etc", 0), ("etc/z", 7), ("etc/a", 0)];
        assert_eq!(order, expected.map(|(path, user)| (path.to_owned(), user)));
    }

    #[test]
    fn what_is_left_out_is_not_there() {
        let mut source = Tree::default();
        source.add_file(Path::new("usr/share/doc/a/b"), vec![], 0o644);
        source.add_file(Path::new("usr/share/docile"), vec![], 0o644);
        let mut bytes = vec![];
        source.write(&mut bytes).unwrap();
        let mut tree = Tree::default();
        tree.add_archive(bytes.as_slice(), &["usr/share/doc".into()]).unwrap();
        let left: Vec<_> = tree.entries.keys().map(|path| path.display().to_string()).collect();
        assert_eq!(left, ["usr", "usr/share", "usr/share/docile"]);
    }

    #[test]
    fn an_archive_cannot_leave_the_root() {
        assert!(normal(Path::new("../etc")).is_err());
        assert_eq!(normal(Path::new("./etc/x")).unwrap(), Path::new("etc/x"));
    }
}
