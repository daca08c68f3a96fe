//! The root file system of KOITO's Linux programs: unmodified Debian packages, as a list of them says,
//! and whatever folders a user lays over it.

mod apt;
mod list;
mod tree;

use std::fs::{self, File};
use std::io::{self, BufWriter};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};

pub use apt::{Apt, Freshness};
use list::List;
pub use tree::Tree;

use crate::process::watch;
use crate::progress::Step;
use crate::repository::Repository;
use crate::rootfs;
use crate::supervise::Supervised;

/// The list of packages where nobody names another.
pub const LIST: &str = "koito/userland.toml";
/// What lies over the packages in any case: configuration.
const CONFIGURATION: &str = "koito/userland";
const BUSYBOX: &str = "usr/bin/busybox";

/// A root directory of packages, and what becomes of it.
pub struct Userland {
    /// Everything in it; may be added to.
    pub tree: Tree,
    /// Size of the image.
    pub mebibytes: u32,
    /// Number of packages that it consists of.
    pub packages: usize,
}

impl Userland {
    /// The packages of the list, and our configuration over them.
    pub fn gather(
        repository: &Repository,
        list: &Path,
        freshness: Freshness,
        step: &Step,
    ) -> Result<Self> {
        Self::gather_list(repository, List::read(list)?, freshness, step)
    }

    /// The same with the packages of further lists over those of the usual one.
    pub fn gather_more(repository: &Repository, lists: &[&str], step: &Step) -> Result<Self> {
        let mut list = List::read(&repository.path(LIST))?;
        for more in lists {
            list = list.with(List::read(&repository.path(more))?);
        }
        Self::gather_list(repository, list, Freshness::Cached, step)
    }

    fn gather_list(
        repository: &Repository,
        list: List,
        freshness: Freshness,
        step: &Step,
    ) -> Result<Self> {
        let wanted = |name: &str| !list.without.iter().any(|without| without == name);
        let packages = Apt::new()?.fetch(&list.packages, wanted, freshness, step)?;
        let mut tree = Tree::new();
        for package in &packages {
            step.detail(&format!("unpacking {}", package.display()));
            unpack(package, &list.leave_out, &mut tree)?;
        }
        for (path, target) in &list.links {
            tree.add_link(Path::new(path), Path::new(target));
        }
        if let Some(folder) = &list.busybox {
            add_applets(repository, &mut tree, Path::new(folder), step)?;
        }
        tree.add_folder(&repository.path(CONFIGURATION))?;
        for (path, owned) in &list.owned {
            let there = tree.own(Path::new(path), owned.user, owned.group, owned.mode);
            ensure!(there, "the list says whose {path:?} is, and there is no such file");
        }
        Ok(Self { tree, mebibytes: list.mebibytes, packages: packages.len() })
    }

    /// Writes the image, with what is in `overlays` over everything else.
    pub fn write(
        mut self,
        repository: &Repository,
        overlays: &[PathBuf],
        image: &Path,
        step: &Step,
    ) -> Result<()> {
        for overlay in overlays {
            self.tree.add_folder(overlay)?;
        }
        step.detail("filling the image");
        let archive = image.with_extension("tar");
        let file = File::create(&archive)
            .with_context(|| format!("cannot write {}", archive.display()))?;
        self.tree.write(BufWriter::new(file))?;
        let made = rootfs::make(repository, &archive, self.mebibytes, image, step);
        fs::remove_file(&archive)?;
        made
    }
}

/// Adds the files of a package.
pub fn unpack(package: &Path, leave_out: &[String], tree: &mut Tree) -> Result<()> {
    let mut command = Command::new("dpkg-deb");
    command.arg("--fsys-tarfile").arg(package).stdout(Stdio::piped());
    let child = Supervised::spawn(&mut command)?;
    let mut archive = child.take_stdout().context("dpkg-deb was started without a pipe")?;
    let unpacked = tree.add_archive(&mut archive, leave_out);
    // What fills the last record is nobody's file, but has to be read for a good end.
    io::copy(&mut archive, &mut io::sink())?;
    let finished = child.wait(None).is_some_and(|status| status.success());
    unpacked.with_context(|| format!("in {}", package.display()))?;
    ensure!(finished, "{} is damaged; remove it to have it fetched again", package.display());
    Ok(())
}

/// Adds a link for everything that busybox can do, which only busybox itself knows.
fn add_applets(repository: &Repository, tree: &mut Tree, folder: &Path, step: &Step) -> Result<()> {
    let busybox = tree.file(Path::new(BUSYBOX)).context("no package brings busybox")?;
    let program = repository.products().join(format!("busybox-{}", std::process::id()));
    fs::create_dir_all(repository.products())?;
    fs::write(&program, busybox)?;
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
    let listed = watch(Command::new(&program).arg("--list"), step, None);
    fs::remove_file(&program)?;
    let listed = listed.context("cannot run busybox on this machine")?.stdout;
    ensure!(listed.lines().any(|name| name == "sh"), "busybox does not say what it can do");
    for applet in listed.lines() {
        tree.add_link(&folder.join(applet), &Path::new("/").join(BUSYBOX));
    }
    Ok(())
}
