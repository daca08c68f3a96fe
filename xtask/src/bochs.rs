//! Bochs, an emulator of CPUs that QEMU does not emulate: with PCIDs, for one. It boots the kernel by
//! multiboot2, from a CD that GRUB is on. Slow, so it is for tests that need such a CPU.

use std::fs::{self, File};
use std::io::Read;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::console::{Event, Port};
use crate::packages::Need;
use crate::process::{find_program, watch};
use crate::progress::Step;
use crate::qemu::Ending;
use crate::supervise::Supervised;
use crate::volume::Volume;

/// What it takes. Bochs' screen goes to a terminal that is not there.
pub const NEEDS: [Need; 5] = [
    Need {
        what: "bochs (an emulator)",
        package: "bochs",
        present: || find_program("bochs").is_some() && Path::new(BIOS).is_file(),
    },
    Need {
        what: "the terminal display of Bochs",
        package: "bochs-term",
        present: || {
            let debian = Path::new("/usr/lib/x86_64-linux-gnu/bochs/plugins");
            !debian.is_dir() || debian.join("libbx_term_gui.so").exists()
        },
    },
    Need {
        what: "grub-mkrescue with GRUB for BIOS",
        package: "grub-pc-bin",
        present: || {
            find_program("grub-mkrescue").is_some() && Path::new("/usr/lib/grub/i386-pc").is_dir()
        },
    },
    Need {
        what: "xorriso (writes CD images)",
        package: "xorriso",
        present: || find_program("xorriso").is_some(),
    },
    Need {
        what: "mformat (of mtools)",
        package: "mtools",
        present: || find_program("mformat").is_some(),
    },
];

const BIOS: &str = "/usr/share/bochs/BIOS-bochs-latest";
const VIDEO_BIOS: &str = "/usr/share/bochs/VGABIOS-lgpl-latest";

/// A model with PCIDs, `invpcid`, SMEP, SMAP, x2APIC and deadline timers, whose clock has to be
/// measured: newer ones say that it runs faster than Bochs lets it.
const MODEL: &str = "broadwell_ult";

/// How long it takes to write a CD.
const WRITE_LIMIT: Duration = Duration::from_secs(300);
/// How often a waiting reader looks.
const POLL: Duration = Duration::from_millis(20);

/// A running Bochs. It ends when this is dropped.
pub struct Bochs {
    child: Supervised,
    serial: File,
}

impl Bochs {
    /// Boots `volume` on a machine with `cpus` CPUs and so much memory, with files of its own in `folder`.
    pub fn start(
        volume: &Volume,
        cpus: u32,
        mebibytes: u32,
        folder: &Path,
        step: &Step,
    ) -> Result<Self> {
        let (disc, serial) = (folder.join("a9n.iso"), folder.join("serial"));
        write_disc(volume, &folder.join("disc"), &disc, step)?;
        let put = |name: &str, text: String| {
            let path = folder.join(name);
            fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
            Ok::<_, anyhow::Error>(path)
        };
        put("serial", String::new())?;
        let machine =
            put("machine", machine(cpus, mebibytes, &disc, &serial, &folder.join("log")))?;
        // Debian's Bochs begins in its debugger.
        let commands = put("commands", "continue\n".into())?;
        let mut command = Command::new("bochs");
        command.arg("-q").arg("-f").arg(machine).arg("-rc").arg(commands).env("TERM", "xterm");
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        let child = Supervised::spawn(&mut command)?;
        let serial =
            File::open(&serial).with_context(|| format!("cannot read {}", serial.display()))?;
        Ok(Self { child, serial })
    }
}

impl Port for Bochs {
    fn next(&mut self, deadline: Instant) -> Event {
        let mut buffer = vec![0; 4096];
        loop {
            let ended = self.child.status();
            if let Ok(length @ 1..) = self.serial.read(&mut buffer) {
                buffer.truncate(length);
                return Event::Output(buffer);
            }
            match ended {
                Some(status) => return Event::Ended(Ending::from_status(status)),
                None if Instant::now() >= deadline => return Event::Silence,
                None => thread::sleep(POLL),
            }
        }
    }

    fn send(&mut self, _bytes: &[u8]) -> Result<()> {
        bail!("nothing can be typed into Bochs")
    }
}

/// Bochs' description of the machine.
fn machine(cpus: u32, mebibytes: u32, disc: &Path, serial: &Path, log: &Path) -> String {
    let (disc, serial, log) = (disc.display(), serial.display(), log.display());
    format!(
        "cpu: model={MODEL}, count={cpus}, ips=100000000, reset_on_triple_fault=0\n\
         memory: guest={mebibytes}, host={mebibytes}\n\
         romimage: file={BIOS}\n\
         vgaromimage: file={VIDEO_BIOS}\n\
         ata0: enabled=1, ioaddr1=0x1f0, ioaddr2=0x3f0, irq=14\n\
         ata0-master: type=cdrom, path={disc}, status=inserted\n\
         boot: cdrom\n\
         com1: enabled=1, mode=file, dev={serial}\n\
         log: {log}\n\
         display_library: term\n\
         clock: sync=none\n\
         panic: action=fatal\n"
    )
}

/// Writes a CD to `disc` from which GRUB boots `volume`, by way of `folder`.
fn write_disc(volume: &Volume, folder: &Path, disc: &Path, step: &Step) -> Result<()> {
    const MENU: &str = "set timeout=0\nmenuentry A9N {\n  multiboot2 /kernel.elf\n  \
                        module2 /volume.tar\n}\n";
    let menu = folder.join("boot/grub");
    fs::create_dir_all(&menu).with_context(|| format!("cannot make {}", menu.display()))?;
    fs::write(menu.join("grub.cfg"), MENU).context("cannot write GRUB's menu")?;
    fs::copy(&volume.kernel, folder.join("kernel.elf")).context("cannot copy the kernel")?;
    volume.write_archive(&folder.join("volume.tar"))?;
    let mut command = Command::new("grub-mkrescue");
    command.arg("-o").arg(disc).arg(folder);
    let finished = watch(&mut command, step, Some(WRITE_LIMIT))?;
    if !finished.status.success() {
        bail!("`grub-mkrescue` failed\n{}", finished.transcript());
    }
    Ok(())
}
