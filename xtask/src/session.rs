//! From command-line options to a machine that is ready to start.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{self, Command};
use std::sync::{Mutex, PoisonError};

use anyhow::{Context, Result, ensure};

use crate::cli::{BootOptions, Entry};
use crate::compile::{Builder, Destination, Profile};
use crate::disk;
use crate::guest;
use crate::packages::{self, Need};
use crate::progress::Step;
use crate::qemu::{Disk, Machine, Medium, Serial, Writes};
use crate::repository::Repository;
use crate::rootfs;
use crate::system::System;
use crate::userland::{Freshness, Userland};
use crate::volume::Volume;

/// Size of a disk whose contents are files, in MiB.
const DISK_MEBIBYTES: u32 = 64;
/// Memory where there are guests.
const GUEST_MEMORY: &str = "1G";
const DEFAULT_MEMORY: &str = "512M";
/// Whoever makes a session holds this: what is built lies at the same places for all.
static MAKING: Mutex<()> = Mutex::new(());
/// Where the profile of shells finds the size of what shows the serial line, as `stty` wants it.
const WINDOW_FILE: &str = "etc/default/console";

/// The graphical part of QEMU, which Debian packs apart.
const WINDOW: Need = Need {
    what: "QEMU's graphical display",
    package: "qemu-system-gui",
    present: || {
        let debian = Path::new("/usr/lib/x86_64-linux-gnu/qemu");
        !debian.is_dir() || debian.join("ui-gtk.so").is_file()
    },
};

/// A built system with the machine that boots it.
pub struct Session {
    /// The system's name.
    pub name: String,
    /// The files that it boots from, for their symbols.
    pub volume: Volume,
    /// The machine; may be changed until it starts.
    pub machine: Machine,
    medium: Medium,
    scratch: Scratch,
}

impl Session {
    /// Builds what changed and makes the boot medium. One at a time: others wait.
    pub fn prepare(repository: &Repository, options: &BootOptions) -> Result<Self> {
        let _making = MAKING.lock().unwrap_or_else(PoisonError::into_inner);
        let files = if options.guest.guest {
            let step = Step::start("gathering the guest");
            let cpus = options.cpus.unwrap_or(1).min(guest::MOST_CPUS);
            let files = guest::gather(repository, &options.guest, cpus, &step)?;
            step.done();
            files
        } else {
            vec![]
        };
        let parts = guest::parts(&options.guest);
        let system =
            System::find_with(repository, options.build.system.as_deref(), &files, &parts)?;
        Self::of(repository, &system, options)
    }

    /// The same for a system that was found, and perhaps changed.
    pub fn of(repository: &Repository, system: &System, options: &BootOptions) -> Result<Self> {
        ensure!(
            system.userland.is_some() || options.linux.as_ref().is_none_or(Vec::is_empty),
            "--overlay: {} has no Linux programs, as its system.toml names no `userland`",
            system.name
        );
        let entry = options.entry.unwrap_or(Entry::Uefi);
        let mut needs = vec![packages::QEMU];
        if entry == Entry::Uefi {
            needs.push(packages::OVMF);
        }
        if options.display {
            needs.push(WINDOW);
        }
        let builder = Builder::new(repository, Profile::from_options(&options.build), &needs)?;
        let volume = builder.volume(system, entry, Destination::Emulator)?;

        let step = Step::start("writing the boot medium");
        let scratch = Scratch::new(repository.products())?;
        let medium = match entry {
            Entry::Uefi => {
                let (code, original) =
                    packages::firmware().context("the UEFI firmware has just disappeared")?;
                let variables = scratch.file("variables.fd");
                fs::copy(&original, &variables).with_context(|| {
                    format!("cannot copy the firmware's variables to {}", variables.display())
                })?;
                let disk = scratch.file("disk.img");
                disk::write(&volume, &disk)?;
                Medium::Uefi { code, variables, disk }
            }
            Entry::Direct => {
                let archive = scratch.file("volume.tar");
                volume.write_archive(&archive)?;
                // The next session may build another one in its place.
                let kernel = scratch.file("kernel");
                fs::copy(&volume.kernel, &kernel)
                    .with_context(|| format!("cannot copy {}", volume.kernel.display()))?;
                Medium::Direct { kernel, archive, command_line: volume.command_line.clone() }
            }
        };
        let disk = match (&system.files, &system.disk) {
            (Some(tree), _) => {
                let tree = options.files.as_ref().unwrap_or(tree);
                let image = scratch.file("files.img");
                let linux = system.userland.as_deref().zip(options.linux.as_deref());
                fill(repository, tree, linux, options.window, &image, &step)?;
                Some(Disk { image, writes: Writes::Kept })
            }
            (None, Some(image)) => Some(Disk { image: image.clone(), writes: Writes::Forgotten }),
            (None, None) => None,
        };
        step.done();
        let memory = if options.guest.guest { GUEST_MEMORY } else { DEFAULT_MEMORY };
        Ok(Self {
            name: system.name.clone(),
            volume,
            machine: Machine {
                cpus: options.cpus.unwrap_or(1),
                memory: options.memory.clone().unwrap_or_else(|| memory.into()),
                display: options.display,
                count_instructions: false,
                features: "",
                meter: None,
                debugger: None,
                disk,
                disk_rate: None,
                guest_disks: guest::disks(&options.guest)?,
                resets: false,
            },
            medium,
            scratch,
        })
    }

    /// The command that starts the machine.
    pub fn command(&self, serial: &Serial) -> Command {
        self.machine.command(&self.medium, serial)
    }

    /// What the machine boots from.
    pub fn medium(&self) -> &Medium {
        &self.medium
    }

    /// A file that lives as long as the session.
    pub fn scratch_file(&self, name: &str) -> PathBuf {
        self.scratch.file(name)
    }
}

/// Makes a disk with the files of `tree` and, where wanted, Linux programs: a list of packages, and what
/// lies over them. Without packages it goes on without, unless somebody brings files of their own.
fn fill(
    repository: &Repository,
    tree: &Path,
    linux: Option<(&Path, &[PathBuf])>,
    window: Option<(u16, u16)>,
    image: &Path,
    step: &Step,
) -> Result<()> {
    if let Some((list, overlays)) = linux {
        let folders = [&[tree.to_owned()], overlays].concat();
        let filled =
            Userland::gather(repository, list, Freshness::Cached, step).and_then(|mut userland| {
                if let Some((rows, columns)) = window {
                    let size = format!("rows {rows} columns {columns}\n");
                    userland.tree.add_file(Path::new(WINDOW_FILE), size.into(), 0o644);
                }
                userland.write(repository, &folders, image, step)
            });
        match filled {
            Err(error) if overlays.is_empty() => {
                step.say(&format!("  there are no Linux programs on the disk: {error:#}\n"));
            }
            filled => return filled,
        }
    }
    rootfs::make(repository, tree, DISK_MEBIBYTES, image, step)
}

/// A folder for one run, removed at its end. Runs at the same time do not share a disk.
struct Scratch {
    folder: PathBuf,
}

impl Scratch {
    fn new(products: &Path) -> Result<Self> {
        remove_leftovers(products);
        let id = process::id();
        let folder = (0..)
            .map(|number| products.join(format!("run-{id}-{number}")))
            .find(|folder| !folder.exists())
            .context("no free folder name")?;
        fs::create_dir_all(&folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
        Ok(Self { folder })
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // A folder that stays behind is removed by the next run.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Removes folders of runs whose process is gone.
fn remove_leftovers(products: &Path) {
    for entry in fs::read_dir(products).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let Some(id) = name.strip_prefix("run-").and_then(|rest| rest.split('-').next()) else {
            continue;
        };
        if !Path::new("/proc").join(id).exists() {
            // Another run may remove it at the same moment.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}
