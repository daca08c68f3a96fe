//! QEMU's command line, and what its end means.

use std::fs;
use std::path::PathBuf;
use std::process::{Command, ExitStatus, Stdio};

use crate::process::find_program;

/// The emulated machine.
#[derive(Clone, Debug)]
pub struct Machine {
    /// Number of CPUs.
    pub cpus: u32,
    /// Memory, in QEMU's notation.
    pub memory: String,
    /// Whether a window shows the screen.
    pub display: bool,
    /// One executed instruction takes one nanosecond of virtual time, on every run alike.
    pub count_instructions: bool,
    /// Features of the CPU that are to be there (`+`) or not (`-`), besides the greatest set.
    pub features: &'static str,
    /// The meter, and the file that it reports to.
    pub meter: Option<(PathBuf, PathBuf)>,
    /// A debugger that it waits for before its first instruction.
    pub debugger: Option<Debugger>,
    /// A virtio disk.
    pub disk: Option<Disk>,
    /// How many requests that disk carries out in a second at most.
    pub disk_rate: Option<u32>,
    /// Further virtio disks.
    pub guest_disks: Vec<Disk>,
    /// Whether it starts anew when the guest resets it; else QEMU ends.
    pub resets: bool,
}

/// A virtio disk.
#[derive(Clone, Debug)]
pub struct Disk {
    /// The file with its contents.
    pub image: PathBuf,
    /// What becomes of what is written to it.
    pub writes: Writes,
}

/// What becomes of what is written to a disk.
#[derive(Clone, Debug)]
pub enum Writes {
    /// It is forgotten: the file stays as it is.
    Forgotten,
    /// It is in the file.
    Kept,
    /// It is in the file, and every write and flush is logged to this one, which is empty.
    Logged(PathBuf),
}

/// How a debugger reaches the machine.
#[derive(Clone, Debug)]
pub enum Debugger {
    /// By TCP, at QEMU's usual port.
    Tcp,
    /// By a Unix socket.
    Socket(PathBuf),
    /// The same, whenever it likes: the machine does not wait.
    Later(PathBuf),
}

/// What the machine boots from.
#[derive(Clone, Debug)]
pub enum Medium {
    /// Firmware, its variables, a disk.
    Uefi { code: PathBuf, variables: PathBuf, disk: PathBuf },
    /// The kernel as ELF file with a PVH note, the boot volume as archive.
    Direct { kernel: PathBuf, archive: PathBuf, command_line: String },
}

/// Where the serial console goes.
#[derive(Clone, Debug)]
pub enum Serial {
    /// QEMU's standard input and output, with its monitor behind Ctrl-A C.
    Terminal,
    /// QEMU's standard input and output, nothing else on it.
    Pipe,
    /// The same, with the monitor at this Unix socket.
    Monitored(PathBuf),
    /// A file.
    File(PathBuf),
}

/// Port and width of QEMU's exit device: writing v ends QEMU with status (v << 1) | 1.
const EXIT_DEVICE: &str = "isa-debug-exit,iobase=0xf4,iosize=0x04";
/// Status after the guest wrote 0x10: all went well.
const GUEST_PASSED: i32 = (0x10 << 1) | 1;
/// Status after the guest wrote 0x11: it found a failure.
const GUEST_FAILED: i32 = (0x11 << 1) | 1;

impl Machine {
    /// The command that runs this machine.
    pub fn command(&self, medium: &Medium, serial: &Serial) -> Command {
        let mut command = qemu();
        command.args(["-name", "a9n", "-machine", "q35", "-nic", "none"]);
        if !self.resets {
            command.arg("-no-reboot");
        }
        let separator = if self.features.is_empty() { "" } else { "," };
        let cpu = format!("max{separator}{}", self.features);
        command.args(["-device", EXIT_DEVICE, "-cpu", &cpu, "-m", &self.memory]);
        command.args(["-smp", &self.cpus.to_string()]);
        if self.count_instructions {
            command.args(["-icount", "shift=0,sleep=off", "-rtc", "base=2020-01-01,clock=vm"]);
        } else if self.meter.is_none() && has_kvm() {
            command.args(["-accel", "kvm"]);
        }
        if !self.display {
            command.args(["-display", "none"]);
        }
        match &self.debugger {
            None => {}
            Some(Debugger::Tcp) => {
                command.args(["-s", "-S"]);
            }
            Some(Debugger::Socket(path)) => {
                let device = format!("unix:{},server=on,wait=off", escape(path));
                command.args(["-gdb", &device, "-S"]);
            }
            Some(Debugger::Later(path)) => {
                command.args(["-gdb", &format!("unix:{},server=on,wait=off", escape(path))]);
            }
        }
        if let Some((plugin, report)) = &self.meter {
            command.arg("-plugin");
            command.arg(format!("{},report={}", escape(plugin), escape(report)));
        }
        // A source of random numbers, since QEMU's CPU is one of those whose instruction is not believed.
        command.args(["-device", "pcie-root-port,id=slot1,chassis=2"]);
        command.args(["-device", "virtio-rng-pci,bus=slot1"]);
        if let Some(disk) = &self.disk {
            disk.attach(&mut command, 0, self.disk_rate);
        }
        for (number, disk) in (2..).zip(&self.guest_disks) {
            disk.attach(&mut command, number, None);
        }
        match medium {
            Medium::Uefi { code, variables, disk } => {
                let flash = |unit: u32, access: &str, file: &PathBuf| {
                    format!("if=pflash,format=raw,unit={unit},{access}file={}", escape(file))
                };
                command.args(["-drive", &flash(0, "readonly=on,", code)]);
                command.args(["-drive", &flash(1, "", variables)]);
                command.args(["-drive", &format!("format=raw,file={}", escape(disk))]);
            }
            Medium::Direct { kernel, archive, command_line } => {
                command.arg("-kernel").arg(kernel).arg("-initrd").arg(archive);
                command.args(["-append", command_line]);
            }
        }
        match serial {
            Serial::Terminal => command.args(["-serial", "mon:stdio"]).stdin(Stdio::inherit()),
            Serial::Pipe => command
                .args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"])
                .args(["-monitor", "none"])
                .stdin(Stdio::piped()),
            Serial::Monitored(socket) => command
                .args(["-chardev", "stdio,id=console,signal=off", "-serial", "chardev:console"])
                .args(["-monitor", &format!("unix:{},server=on,wait=off", escape(socket))])
                .stdin(Stdio::piped()),
            Serial::File(path) => command
                .args(["-serial", &format!("file:{}", path.display()), "-monitor", "none"])
                .stdin(Stdio::null()),
        };
        command
    }
}

impl Disk {
    /// Adds it to a machine, behind port `number`, its own: there it is a modern device that can be reset by
    /// itself. The system finds disks in the order of their numbers. One that is not logged can be slow: `rate`
    /// requests a second.
    fn attach(&self, command: &mut Command, number: u32, rate: Option<u32>) {
        let image = escape(&self.image);
        let limit = rate.map_or(String::new(), |rate| format!(",throttling.iops-total={rate}"));
        let plain = |snapshot: &str| {
            format!("if=none,id=disk{number},format=raw,snapshot={snapshot},file={image}{limit}")
        };
        match &self.writes {
            Writes::Forgotten => command.args(["-drive", &plain("on")]),
            Writes::Kept => command.args(["-drive", &plain("off")]),
            Writes::Logged(log) => {
                for (name, file) in [("contents", &image), ("log", &escape(log))] {
                    let node = format!("driver=file,node-name={name},filename={file}");
                    command.args(["-blockdev", &node]);
                }
                command.args(["-blockdev", "driver=raw,node-name=raw,file=contents"]);
                command.args(["-blockdev", "driver=blklogwrites,node-name=disk0,file=raw,log=log"])
            }
        };
        let port = format!("pcie-root-port,id=slot{number},chassis={}", number + 1);
        let disk = format!("virtio-blk-pci,bus=slot{number},drive=disk{number}");
        command.args(["-device", &port, "-device", &disk]);
    }
}

/// QEMU, ended by the operating system should xtask be killed.
fn qemu() -> Command {
    match find_program("setpriv") {
        Some(setpriv) => {
            let mut command = Command::new(setpriv);
            command.args(["--pdeathsig", "KILL", "--", "qemu-system-x86_64"]);
            command
        }
        None => Command::new("qemu-system-x86_64"),
    }
}

/// A file name as QEMU's option parser wants it: commas doubled.
fn escape(path: &std::path::Path) -> String {
    path.display().to_string().replace(',', ",,")
}

/// Whether hardware virtualisation can be used.
fn has_kvm() -> bool {
    let flags = fs::read_to_string("/proc/cpuinfo").unwrap_or_default();
    let capable = flags.split_whitespace().any(|flag| flag == "svm" || flag == "vmx");
    capable && fs::OpenOptions::new().read(true).write(true).open("/dev/kvm").is_ok()
}

/// How a run of QEMU ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// The guest said that all went well.
    Passed,
    /// The guest said that something failed.
    Failed,
    /// QEMU ended in peace: its user left, or the guest reset or switched off the machine.
    Quiet,
    /// QEMU refused to go on, with this status.
    Broken(i32),
    /// Someone killed QEMU with this signal.
    Killed(i32),
}

impl Ending {
    /// Reads the exit status of QEMU.
    pub fn from_status(status: ExitStatus) -> Self {
        use std::os::unix::process::ExitStatusExt;
        match (status.code(), status.signal()) {
            (Some(0), _) => Self::Quiet,
            (Some(GUEST_PASSED), _) => Self::Passed,
            (Some(GUEST_FAILED), _) => Self::Failed,
            (Some(code), _) => Self::Broken(code),
            (None, signal) => Self::Killed(signal.unwrap_or_default()),
        }
    }

    /// What happened, as part of a sentence.
    pub fn describe(self) -> String {
        match self {
            Self::Passed => "the guest ended the run and reported success".into(),
            Self::Failed => "the guest ended the run and reported a failure".into(),
            Self::Quiet => {
                "the machine was reset or switched off (a triple fault looks like this)".into()
            }
            Self::Broken(code) => format!("QEMU ended with status {code}"),
            Self::Killed(signal) => format!("QEMU was killed by signal {signal}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;

    use super::*;

    #[test]
    fn exit_status_tells_what_the_guest_wrote() {
        let exited = |code: i32| Ending::from_status(ExitStatus::from_raw(code << 8));
        assert_eq!(exited(33), Ending::Passed);
        assert_eq!(exited(35), Ending::Failed);
        assert_eq!(exited(0), Ending::Quiet);
        assert_eq!(exited(1), Ending::Broken(1));
        assert_eq!(Ending::from_status(ExitStatus::from_raw(9)), Ending::Killed(9));
    }

    #[test]
    fn a_comma_in_a_file_name_is_doubled() {
        assert_eq!(escape(std::path::Path::new("/a,b/c")), "/a,,b/c");
    }
}
