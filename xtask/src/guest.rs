//! What a Linux guest consists of: Debian's kernel, unmodified, and an initial file system around its
//! busybox; or what the user has instead. They become boot modules.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use amateras_boot::{COMMAND_LINE_BYTES, Image, check_archive};
use anyhow::{Context, Result, bail, ensure};
use cpio::newc::{Builder, ModeFileType, trailer};

use crate::cli::{BootOptions, BuildOptions, Entry, GuestOptions};
use crate::modules;
use crate::progress::Step;
use crate::qemu::{Disk, Writes};
use crate::repository::Repository;
use crate::userland::{Apt, Freshness, Tree, unpack};

/// Debian's kernel.
const KERNEL: &str = "linux-image-amd64";
/// The same for virtual machines, with fewer drivers: for tests, since it is smaller and unpacks sooner.
pub const SMALL_KERNEL: &str = "linux-image-cloud-amd64";
/// A guest and its monitor, and nothing else.
const ALONE: &str = "amateras/alone";
/// Names of packages with kernels begin like this.
const PACKAGES: &str = "linux-image-";
/// What the initial file system has in it.
const BUSYBOX: &str = "busybox-static";
/// The package with the kernel itself begins like this; the above only depend on it.
const IMAGE: &str = "linux-image-6";
/// What runs first.
const INIT: &str = "amateras/initramfs/init";
/// Folders that the initial file system has besides.
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

/// Boot modules with kernels and initial file systems: the first guest's, which all have that have none of their
/// own, and the second's.
const KERNELS: [&str; 2] = ["guest-kernel", "guest-2-kernel"];
const INITRDS: [&str; 2] = ["guest-initrd", "guest-2-initrd"];
/// Bytes of a disk's sector.
const SECTOR: u64 = 512;

/// How a guest boots soonest: the smaller kernel, in a system that has nothing but it and its monitor.
pub fn alone() -> BootOptions {
    BootOptions {
        build: BuildOptions { system: Some(ALONE.into()), ..BuildOptions::default() },
        entry: Some(Entry::Direct),
        guest: GuestOptions {
            guest: true,
            guest_kernel: vec![SMALL_KERNEL.into()],
            ..GuestOptions::default()
        },
        ..BootOptions::default()
    }
}

/// Gathers what `options` say, files of the user's or Debian's, and answers the boot modules. Guests have `cpus`
/// processors, unless the options say otherwise.
pub fn gather(
    repository: &Repository,
    options: &GuestOptions,
    cpus: u32,
    step: &Step,
) -> Result<Vec<PathBuf>> {
    let folder = repository.products().join("guest");
    fs::create_dir_all(&folder)
        .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    let at_most = |count: usize, option: &str| {
        let most = KERNELS.len();
        ensure!(count <= most, "--{option} is given {count} times, but there are {most} guests");
        Ok(())
    };
    at_most(options.guest_kernel.len(), "guest-kernel")?;
    at_most(options.guest_initrd.len(), "guest-initrd")?;
    // What is wrong there shall be told before anything is built.
    disks(options)?;
    let usual = [KERNEL.to_owned()];
    let wanted = if options.guest_kernel.is_empty() { &usual[..] } else { &options.guest_kernel };
    let mut parts: Vec<(&str, Vec<u8>)> = vec![];
    let mut modules = Tree::default();
    for (number, (wanted, name)) in wanted.iter().zip(KERNELS).enumerate() {
        let (contents, tree) = kernel(wanted, step)?;
        parts.push((name, contents));
        if number == 0 {
            modules = tree;
        }
    }
    for (file, name) in options.guest_initrd.iter().zip(INITRDS) {
        let contents = read(file).context("--guest-initrd")?;
        let option = || format!("--guest-initrd {}", file.display());
        check_archive(&contents.as_slice()).map_err(anyhow::Error::msg).with_context(option)?;
        parts.push((name, contents));
    }
    if options.guest_initrd.is_empty() {
        let busybox = busybox(step)?;
        let modules = modules::ordered(&modules, &MODULES)?;
        let files =
            first_files(&read(&repository.path(INIT))?, &[("busybox", &busybox)], &modules)?;
        parts.push((INITRDS[0], files));
    }
    let command_line = options.guest_cmdline.as_deref().unwrap_or(COMMAND_LINE);
    ensure!(
        command_line.len() <= COMMAND_LINE_BYTES,
        "--guest-cmdline has {} bytes; a guest's has at most {COMMAND_LINE_BYTES}",
        command_line.len()
    );
    let cpus = options.guest_cpus.unwrap_or(cpus).to_string();
    parts.extend([("guest-cmdline", command_line.into()), ("guest-cpus", cpus.into())]);
    let write = |(name, contents): (&str, Vec<u8>)| {
        let file = folder.join(name);
        fs::write(&file, contents).with_context(|| format!("cannot write {}", file.display()))?;
        Ok(file)
    };
    parts.into_iter().map(write).collect()
}

/// The kernel that the user names, a file or a package, and what comes with it.
fn kernel(wanted: &str, step: &Step) -> Result<(Vec<u8>, Tree)> {
    let (contents, tree) = if wanted.starts_with(PACKAGES) {
        packaged(wanted, step)?
    } else {
        (read(Path::new(wanted)).context("--guest-kernel")?, Tree::default())
    };
    match Image::parse(&contents.as_slice()) {
        Ok(_) => Ok((contents, tree)),
        Err(error) => bail!("--guest-kernel {wanted}: {error}"),
    }
}

/// What of a machine is there for guests, in the words of a manifest.
pub fn parts(options: &GuestOptions) -> Vec<&'static str> {
    let guests = options.guest.then_some(GUESTS);
    guests.into_iter().chain(DISKS.into_iter().take(options.guest_disk.len())).collect()
}

/// The kernel in a package of Debian's, and all files of that.
pub fn packaged(package: &str, step: &Step) -> Result<(Vec<u8>, Tree)> {
    let tree = fetch(package, IMAGE, step)?;
    Ok((find(&tree, |path| path.starts_with("boot/vmlinuz-"))?, tree))
}

/// The program of Debian's that is all that the initial file system has.
pub fn busybox(step: &Step) -> Result<Vec<u8>> {
    find(&fetch(BUSYBOX, BUSYBOX, step)?, |path| path.ends_with("bin/busybox"))
}

/// The disks that `options` name, for the machine.
pub fn disks(options: &GuestOptions) -> Result<Vec<Disk>> {
    let files = &options.guest_disk;
    let most = DISKS.len();
    let count = files.len();
    ensure!(count <= most, "--guest-disk is given {count} times, but {most} guests may have one");
    if let [first, second] = &files[..] {
        let is_one = first.canonicalize().ok() == second.canonicalize().ok();
        ensure!(!is_one, "--guest-disk: two guests cannot have the same, {}", first.display());
    }
    files
        .iter()
        .map(|image| {
            check_disk(image).with_context(|| format!("--guest-disk {}", image.display()))?;
            Ok(Disk { image: image.clone(), writes: Writes::Kept })
        })
        .collect()
}

/// Whether `image` can be a disk that is written to.
fn check_disk(image: &Path) -> Result<()> {
    let bytes = fs::OpenOptions::new().read(true).write(true).open(image)?.metadata()?.len();
    ensure!(
        bytes > 0 && bytes.is_multiple_of(SECTOR),
        "it has {bytes} bytes; a disk consists of sectors of {SECTOR} bytes (`truncate -s %{SECTOR}` adds what is missing)"
    );
    Ok(())
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

/// The initial file system, as a kernel takes it apart (Linux, Documentation/driver-api/early-userspace): the script
/// `init`, programs by name, and modules in their order.
pub fn first_files(init: &[u8], programs: &[(&str, &[u8])], modules: &[&[u8]]) -> Result<Vec<u8>> {
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
    for (name, program) in programs {
        add(&format!("bin/{name}"), ModeFileType::Regular, 0o755, program)?;
    }
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
