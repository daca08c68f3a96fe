//! What a Linux guest consists of: Debian's kernel, unmodified, and a first file system around its
//! busybox; or what the user has instead. They become boot modules.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail, ensure};
use cpio::newc::{Builder, ModeFileType, trailer};

use crate::cli::GuestOptions;
use crate::modules;
use crate::progress::Step;
use crate::qemu::{Disk, Writes};
use crate::repository::Repository;
use crate::userland::{Apt, Freshness, Tree, unpack};

/// Debian's kernel.
const KERNEL: &str = "linux-image-amd64";
/// The same for virtual machines, with fewer drivers: for tests, since it is smaller and unpacks sooner.
pub const SMALL_KERNEL: &str = "linux-image-cloud-amd64";
/// Names of packages with kernels begin like this.
const PACKAGES: &str = "linux-image-";
/// What the first file system has.
const BUSYBOX: &str = "busybox-static";
/// The package with the kernel itself begins like this; the above only depend on it.
const IMAGE: &str = "linux-image-6";
/// What runs first.
const INIT: &str = "amateras/initramfs/init";
/// Folders that the first file system has besides.
const FOLDERS: [&str; 8] = ["bin", "dev", "mnt", "modules", "proc", "root", "sys", "tmp"];
/// Modules that it brings, if its kernel is Debian's: for Amateras' devices, and what stands on them.
const MODULES: [&str; 7] = [
    "virtio_pci",
    "virtio_blk",
    "virtio_console",
    "virtio_rng",
    "virtio_net",
    "ext4",
    "crc32c_generic",
];
/// What a manifest calls a machine that has guests.
const GUESTS: &str = "guests";
/// What guests' disks are called there, in their order.
const DISKS: [&str; 2] = ["guest-disk-1", "guest-disk-2"];

/// Most processors of a guest.
pub const MOST_CPUS: u32 = 8;

/// For the kernel: nothing on the console that nobody asked for, and no trial of the timer, whose time a busy
/// machine of ours may take from it.
const COMMAND_LINE: &str = "console=ttyS0 nokaslr no_timer_check quiet";

/// Where a guest's parts are.
#[derive(Debug)]
pub struct Parts {
    folder: PathBuf,
}

impl Parts {
    /// Gathers what `options` say: files of the user's, or Debian's. The guest has `cpus` processors, unless
    /// they say otherwise.
    pub fn gather(
        repository: &Repository,
        options: &GuestOptions,
        cpus: u32,
        step: &Step,
    ) -> Result<Self> {
        let folder = repository.products().join("guest");
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        let wanted = options.guest_kernel.as_deref().unwrap_or(KERNEL);
        let (kernel, tree) = if wanted.starts_with(PACKAGES) {
            let tree = fetch(wanted, IMAGE, step)?;
            (find(&tree, |path| path.starts_with("boot/vmlinuz-"))?, tree)
        } else {
            (read(Path::new(wanted))?, Tree::default())
        };
        let initrd = match &options.guest_initrd {
            Some(file) => read(file)?,
            None => {
                let shell = fetch(BUSYBOX, BUSYBOX, step)?;
                let busybox = find(&shell, |path| path.ends_with("bin/busybox"))?;
                let modules = modules::ordered(&tree, &MODULES)?;
                first_files(&busybox, &read(&repository.path(INIT))?, &modules)?
            }
        };
        let command_line = options.guest_cmdline.as_deref().unwrap_or(COMMAND_LINE);
        let cpus = options.guest_cpus.unwrap_or(cpus).to_string();
        let parts = Self { folder };
        let contents = [kernel, initrd, command_line.into(), cpus.into()];
        for (name, contents) in parts.modules().into_iter().zip(contents) {
            fs::write(&name, contents)
                .with_context(|| format!("cannot write {}", name.display()))?;
        }
        Ok(parts)
    }

    /// Their files, which are called as the boot modules are.
    pub fn modules(&self) -> [PathBuf; 4] {
        ["guest-kernel", "guest-initrd", "guest-cmdline", "guest-cpus"]
            .map(|name| self.folder.join(name))
    }
}

/// What of a machine is there for guests, in the words of a manifest.
pub fn parts(options: &GuestOptions) -> Vec<&'static str> {
    let guests = options.guest.then_some(GUESTS);
    guests.into_iter().chain(DISKS.into_iter().take(options.guest_disk.len())).collect()
}

/// The disks that `options` name, for the machine.
pub fn disks(options: &GuestOptions) -> Result<Vec<Disk>> {
    let files = &options.guest_disk;
    ensure!(files.len() <= DISKS.len(), "there are {} guests that may have a disk", DISKS.len());
    let disk = |image: &PathBuf| {
        ensure!(image.is_file(), "there is no guest disk {}", image.display());
        Ok(Disk { image: image.clone(), writes: Writes::Kept })
    };
    files.iter().map(disk).collect()
}

/// The files of the package of Debian's whose name begins with `prefix`, and which comes with `package`.
fn fetch(package: &str, prefix: &str, step: &Step) -> Result<Tree> {
    step.detail(&format!("fetching {package}"));
    let wanted = |name: &str| name.starts_with(prefix);
    let files = Apt::new()?.fetch(&[package.to_owned()], wanted, Freshness::Cached, step)?;
    let [file] = &files[..] else { bail!("{package} is not one package, but {files:?}") };
    let mut tree = Tree::default();
    unpack(file, &[], &mut tree)?;
    Ok(tree)
}

/// The first file system, as a kernel takes it apart (Linux, Documentation/driver-api/early-userspace).
fn first_files(busybox: &[u8], init: &[u8], modules: &[&[u8]]) -> Result<Vec<u8>> {
    let mut archive = vec![];
    let mut add = |name: &str, kind, mode, contents: &[u8]| -> Result<()> {
        let entry = Builder::new(name).mode(mode).set_mode_file_type(kind);
        let mut writer = entry.write(&mut archive, contents.len().try_into()?);
        writer.write_all(contents)?;
        writer.finish()?;
        Ok(())
    };
    for folder in FOLDERS {
        add(folder, ModeFileType::Directory, 0o755, &[])?;
    }
    add("init", ModeFileType::Regular, 0o755, init)?;
    add("bin/busybox", ModeFileType::Regular, 0o755, busybox)?;
    for (number, module) in modules.iter().enumerate() {
        // The shell lists them in this order.
        add(&format!("modules/{number:02}"), ModeFileType::Regular, 0o644, module)?;
    }
    Ok(trailer(archive)?)
}

/// The contents of the only file whose path is such.
fn find(tree: &Tree, is_it: impl Fn(&str) -> bool) -> Result<Vec<u8>> {
    let mut found = tree.files().filter(|(path, _)| path.to_str().is_some_and(&is_it));
    let (_, contents) =
        found.next().context("Debian's packages have changed: a file is missing")?;
    Ok(contents.to_vec())
}

fn read(file: &Path) -> Result<Vec<u8>> {
    fs::read(file).with_context(|| format!("cannot read {}", file.display()))
}
