//! Programs and files that the machine must have, and their installation on Debian.
//!
//! Looking costs a few file-system queries. Installing happens only as root; everybody else
//! gets the one command to run.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Result, bail};

use crate::process::{find_program, watch};
use crate::progress::Step;

/// Something that the machine must have.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// What it is, for a reader whose distribution we do not know.
    pub what: &'static str,
    /// The Debian package that has it.
    pub package: &'static str,
    /// Whether it is there.
    pub present: fn() -> bool,
}

/// The emulator.
pub const QEMU: Need = Need {
    what: "qemu-system-x86_64 (the emulator)",
    package: "qemu-system-x86",
    present: || find_program("qemu-system-x86_64").is_some(),
};

/// Makes and checks ext4 file systems.
pub const E2FSPROGS: Need = Need {
    what: "mke2fs and e2fsck (e2fsprogs)",
    package: "e2fsprogs",
    present: || ["mke2fs", "e2fsck"].into_iter().all(|name| find_system_program(name).is_some()),
};

/// UEFI firmware for the emulator.
pub const OVMF: Need = Need {
    what: "OVMF (UEFI firmware for QEMU: OVMF_CODE and OVMF_VARS)",
    package: "ovmf",
    present: || firmware().is_some(),
};

/// Pairs of firmware code and variables, as distributions name them.
const FIRMWARE: &[(&str, &str)] = &[
    ("/usr/share/OVMF/OVMF_CODE_4M.fd", "/usr/share/OVMF/OVMF_VARS_4M.fd"),
    ("/usr/share/OVMF/OVMF_CODE.fd", "/usr/share/OVMF/OVMF_VARS.fd"),
    ("/usr/share/edk2/x64/OVMF_CODE.4m.fd", "/usr/share/edk2/x64/OVMF_VARS.4m.fd"),
    ("/usr/share/edk2/ovmf/OVMF_CODE.fd", "/usr/share/edk2/ovmf/OVMF_VARS.fd"),
    ("/usr/share/qemu/ovmf-x86_64-code.bin", "/usr/share/qemu/ovmf-x86_64-vars.bin"),
];

/// The firmware's code and its variable store, where installed.
pub fn firmware() -> Option<(PathBuf, PathBuf)> {
    FIRMWARE
        .iter()
        .find(|(code, variables)| Path::new(code).is_file() && Path::new(variables).is_file())
        .map(|(code, variables)| (PathBuf::from(code), PathBuf::from(variables)))
}

/// A program for administrators, which may be where not everybody's path leads.
pub fn find_system_program(name: &str) -> Option<PathBuf> {
    let places = ["/usr/sbin", "/sbin"].map(|folder| Path::new(folder).join(name));
    find_program(name).or_else(|| places.into_iter().find(|place| place.is_file()))
}

/// Sees to it that everything in `needs` is there, or fails with what to do.
pub fn ensure(needs: &[Need]) -> Result<()> {
    let missing: Vec<Need> = needs.iter().copied().filter(|need| !(need.present)()).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let mut packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    packages.dedup();
    if find_program("apt-get").is_none() {
        let names: Vec<&str> = missing.iter().map(|need| need.what).collect();
        bail!("missing on this machine, please install:\n  {}", names.join("\n  "));
    }
    let by_hand = format!(
        "apt-get update && apt-get install --yes --no-install-recommends {}",
        packages.join(" ")
    );
    if !rustix::process::geteuid().is_root() {
        bail!("some Debian packages are missing; please run\n  sudo sh -c '{by_hand}'");
    }
    install(&packages)?;
    let still: Vec<&str> =
        missing.iter().filter(|need| !(need.present)()).map(|need| need.what).collect();
    if !still.is_empty() {
        bail!(
            "this machine's package sources offer no suitable version of\n  {}\n\
             please install it in another way",
            still.join("\n  ")
        );
    }
    Ok(())
}

fn install(packages: &[&str]) -> Result<()> {
    let list = packages.join(" ");
    let step = Step::start(format!("installing Debian packages: {list}"));
    // Without fresh lists the install may still succeed, so that its verdict counts.
    let update = watch(&mut apt_get("update"), &step, None)?;
    let mut command = apt_get("install");
    command.args(["--yes", "--no-install-recommends"]).args(packages);
    let finished = watch(&mut command, &step, None)?;
    if !finished.status.success() {
        drop(step);
        bail!(
            "`apt-get install {list}` failed\n{}{}",
            if update.status.success() { "" } else { update.stderr.as_str() },
            finished.stderr.trim_end()
        );
    }
    step.done();
    Ok(())
}

fn apt_get(verb: &str) -> Command {
    let mut command = Command::new("apt-get");
    command.arg("--quiet").arg(verb).env("DEBIAN_FRONTEND", "noninteractive");
    command
}
