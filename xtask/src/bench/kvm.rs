//! What exits of a guest cost under KVM, on the emulator that ours are counted on: Debian's kernel, whose first program
//! loads KVM and starts `linux-kvm`, the monitor of the guest that our bench runs as well.

use std::fs;
use std::path::Path;

use anyhow::{Context, Result};

use super::boot::{Figures, collect};
use crate::compile::{Builder, Profile};
use crate::console::Console;
use crate::guest::{SMALL_KERNEL, busybox, first_files, packaged};
use crate::modules;
use crate::packages;
use crate::progress::Step;
use crate::qemu::{Machine, Medium, Serial};
use crate::repository::Repository;

/// The program, and its package.
const PROGRAM: &str = "linux-kvm";
const PACKAGE: &str = "a9n-linux-programs";
const MODULES: [&str; 1] = ["kvm-amd"];
const INIT: &str = "#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
for module in /modules/*; do /bin/busybox insmod $module; done
/bin/linux-kvm >/dev/ttyS0
/bin/busybox poweroff -f
";
const COMMAND_LINE: &str = "console=ttyS0 quiet loglevel=1 panic=-1 no_timer_check";

/// Measures on `machine`; what that boots from is put into `folder`.
pub fn measure(repository: &Repository, machine: &Machine, folder: &Path) -> Result<Figures> {
    let builder = Builder::new(repository, Profile::Release, &[packages::QEMU])?;
    let files = builder.programs(PACKAGE, &[PROGRAM])?;
    let program = fs::read(files.first().context("the program was not built")?)?;
    let step = Step::start("measuring KVM");
    let (kernel, tree) = packaged(SMALL_KERNEL, &step)?;
    let (shell, modules) = (busybox(&step)?, modules::ordered(&tree, &MODULES)?);
    let programs: [(&str, &[u8]); 2] = [("busybox", &shell), (PROGRAM, &program)];
    let (file, archive) = (folder.join("kvm-kernel"), folder.join("kvm-initrd"));
    fs::write(&file, kernel)?;
    fs::write(&archive, first_files(INIT.as_bytes(), &programs, &modules)?)?;
    let medium = Medium::Direct { kernel: file, archive, command_line: COMMAND_LINE.into() };
    let mut console = Console::start(&mut machine.command(&medium, &Serial::Pipe))?;
    let figures = collect(&mut console, &step)?;
    step.done();
    Ok(figures)
}
