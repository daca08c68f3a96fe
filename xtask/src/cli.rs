//! The command line: every command, option and help text in one place.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Build, boot, test and check A9N.
#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    version,
    after_help = "Start with `cargo xtask run`. `cargo xtask help COMMAND` tells more."
)]
pub struct Arguments {
    #[command(subcommand)]
    pub command: Command,
}

/// What to do.
#[derive(Subcommand)]
pub enum Command {
    /// Build a system and boot it in QEMU, its serial console on this terminal
    ///
    /// Ctrl-A X leaves. Without a name it boots the system of the current folder, if there
    /// is one, else koito.
    Run(RunOptions),
    /// Run all tests: host, loader, in QEMU, boot scripts, checks
    Test(TestOptions),
    /// Show a system's authority: who may call whom, and who holds which device
    Graph(GraphOptions),
    /// Count the instructions of every kernel path and show them beside the references
    Bench(BenchOptions),
    /// Write a disk image that boots on a UEFI machine, for instance from a USB stick
    Image(ImageOptions),
    /// Write an ext4 root file system of the Debian packages in koito/userland.toml, or of a folder;
    /// the same contents give the same image
    Rootfs(RootfsOptions),
    /// Boot with QEMU stopped at its first instruction and gdb attached to the kernel
    ///
    /// With --program, gdb knows that program's names as well, and goes on to where it starts.
    Gdb(GdbOptions),
    /// Check format, lints, dependency rule, unsafe homes, panic-freedom and sizes
    Check(CheckOptions),
    /// Make an operating system of your own on Nun, in a folder of its own
    New(NewOptions),
    /// Write the manual and the reference of the crates as HTML
    Doc,
    /// Boot and play a script of `expect` and `send` lines against the serial console
    ///
    /// Prints the transcript; succeeds only if every expectation came, in order.
    ///
    /// Lines of a script that wait: `expect TEXT`, `keep TEXT` (a line with it, which is remembered), `same TEXT` (that
    /// line again), `see TEXT` (on the screen), `end` (of the machine). Lines that type: `send TEXT` (ends with the Enter
    /// key), `type TEXT` (does not), `control KEY`; on the machine's keyboard, `press TEXT` and `key NAME`. `timeout SECONDS`
    /// limits each wait that follows (180 at first), `intact` has e2fsck judge the disk.
    ///
    /// Comments begin with `#`. Before the first line, `# system: NAME`, `# entry: uefi|direct`, `# cpus: N`,
    /// `# memory: SIZE`, `# guest-cpus: N` and `# guest-cmdline: TEXT` give defaults for the options of the same names;
    /// `# linux: yes` puts Debian's programs on the disk, `# disk-requests-a-second: N` slows it down, and
    /// `# resets: yes` lets the machine start anew.
    Drive(DriveOptions),
}

/// How the machine gets into the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Entry {
    /// UEFI firmware and A9NLoader: the product's way.
    Uefi,
    /// QEMU loads the kernel itself (PVH): for tests, boots in a fraction of a second.
    Direct,
}

/// What to build.
#[derive(Args, Clone, Debug, Default)]
pub struct BuildOptions {
    /// System to build: a folder with a system.toml, or its name in examples/ or tests/
    #[arg(long, value_name = "NAME|PATH")]
    pub system: Option<String>,
    /// Build the image that ships (the default)
    #[arg(long, conflicts_with = "debug")]
    pub release: bool,
    /// Build with debug assertions and overflow checks
    #[arg(long)]
    pub debug: bool,
}

/// What to build, and the machine to boot it on.
#[derive(Args, Clone, Debug, Default)]
pub struct BootOptions {
    #[command(flatten)]
    pub build: BuildOptions,
    /// Number of CPUs [default: 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub cpus: Option<u32>,
    /// Memory of the machine: 256M, 2G [default: 512M, with a guest 1G]
    #[arg(long, value_name = "SIZE", value_parser = memory_size)]
    pub memory: Option<String>,
    /// Open a window with the machine's screen
    #[arg(long)]
    pub display: bool,
    /// Way into the kernel [default: uefi]
    #[arg(long)]
    pub entry: Option<Entry>,
    #[command(flatten)]
    pub guest: GuestOptions,
    /// Linux programs on the disk, with these folders copied over them
    #[arg(skip)]
    pub linux: Option<Vec<PathBuf>>,
    /// Folder with the contents of the disk, in place of the system's
    #[arg(skip)]
    pub files: Option<PathBuf>,
    /// Rows and columns of what shows the serial line, for those programs
    #[arg(skip)]
    pub window: Option<(u16, u16)>,
}

/// The size of a machine's memory, in the words that QEMU takes.
pub fn memory_size(text: &str) -> Result<String, String> {
    match text.strip_suffix(['M', 'G']).map(str::parse::<u32>) {
        Some(Ok(1..)) => Ok(text.to_owned()),
        _ => Err("write a number and M or G, as in 256M or 2G".to_owned()),
    }
}

/// A Linux guest for the system.
#[derive(Args, Clone, Debug, Default)]
pub struct GuestOptions {
    /// Bring a Linux guest along: Debian's kernel, and an initial file system with its busybox
    #[arg(long)]
    pub guest: bool,
    /// Another kernel for the guest: a file (bzImage), or a Debian package [default:
    /// linux-image-amd64]. Given twice, the second is that of guest-2, which otherwise has the first
    #[arg(long, value_name = "FILE|PACKAGE", requires = "guest")]
    pub guest_kernel: Vec<String>,
    /// Another initial file system for it (cpio, compressed or not). Given twice, likewise
    #[arg(long, value_name = "FILE", requires = "guest")]
    pub guest_initrd: Vec<PathBuf>,
    /// The guest's command line
    #[arg(long, value_name = "TEXT", requires = "guest")]
    pub guest_cmdline: Option<String>,
    /// How many processors it has [default: as many as the machine, at most 8]
    #[arg(long, value_name = "N", requires = "guest", value_parser = clap::value_parser!(u32).range(1..=8))]
    pub guest_cpus: Option<u32>,
    /// A disk for it: a file that holds the contents and keeps what the guest writes. Given twice, the second is
    /// that of guest-2
    #[arg(long, value_name = "FILE", requires = "guest")]
    pub guest_disk: Vec<PathBuf>,
}

/// Options of `run`.
#[derive(Args)]
pub struct RunOptions {
    /// The same as --system
    #[arg(value_name = "NAME|PATH", conflicts_with = "system")]
    pub name: Option<String>,
    #[command(flatten)]
    pub boot: BootOptions,
    /// Folder to copy over the disk's Linux programs, file by file; may be given several times
    #[arg(long, value_name = "FOLDER")]
    pub overlay: Vec<PathBuf>,
    /// Give up after this time, for use in scripts
    #[arg(long, value_name = "SECONDS")]
    pub timeout: Option<u64>,
}

/// Options of `gdb`.
#[derive(Args)]
pub struct GdbOptions {
    #[command(flatten)]
    pub boot: BootOptions,
    /// Attach to a program of the system: init, or a boot module by name
    #[arg(long, value_name = "NAME")]
    pub program: Option<String>,
}

/// Options of `graph`.
#[derive(Args)]
pub struct GraphOptions {
    /// System with a manifest [default: koito]
    #[arg(value_name = "NAME|PATH")]
    pub system: Option<String>,
    /// Draw it into this file as well
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
}

/// Options of `drive`.
#[derive(Args)]
pub struct DriveOptions {
    /// File with the lines to play
    pub script: PathBuf,
    #[command(flatten)]
    pub boot: BootOptions,
}

/// Options of `test`.
#[derive(Args)]
pub struct TestOptions {
    /// Run one suite only; may be given several times
    #[arg(long = "suite", value_name = "NAME")]
    pub suites: Vec<Suite>,
    /// For how long `linux-hostile` attacks
    #[arg(long)]
    pub seconds: Option<u64>,
    /// The one attack to make instead of all
    #[arg(long)]
    pub attack: Option<String>,
    /// The seed of its random numbers, and of those of `host`, `loader` and `explore` [default: 1]
    #[arg(long)]
    pub seed: Option<u64>,
    /// Cases of each random test of `host`, `loader` and `explore`; a long one plays a part of them
    /// [default: 256, of `explore` 10000]
    #[arg(long)]
    pub cases: Option<u32>,
    /// CPUs of the machines that `linux`, `linux-large` and `linux-hostile` boot [default: 1]
    #[arg(long)]
    pub cpus: Option<u32>,
}

/// A group of tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Suite {
    /// The portable crates on this machine, against the simulated one.
    Host,
    /// The loader's portable logic.
    Loader,
    /// How CPUs take turns and ask each other to forget, in every order.
    Locks,
    /// The portable kernel: all short sequences of events, and many random ones.
    Explore,
    /// The conformance program in QEMU.
    Conformance,
    /// Processes on all CPUs of a machine in QEMU that take each other's worlds apart.
    Storm,
    /// Tiny guests in QEMU, on virtual CPUs.
    Guests,
    /// The same in Bochs, on Intel's kind of virtualisation.
    GuestsVmx,
    /// A Linux guest in Bochs.
    LinuxVmx,
    /// Nun's memory management, threads and processes in QEMU.
    Framework,
    /// The conformance program in Bochs, whose CPU has what QEMU's lacks (PCIDs).
    Bochs,
    /// Programs in QEMU that attack the kernel with random calls.
    Hostile,
    /// The longest time that the kernel runs with interrupts off, in instructions.
    Stretch,
    /// The file system: random operations, thousands of power cuts, judged by e2fsck.
    Storage,
    /// Power cuts of a virtio disk in QEMU, from the log of its writes.
    Disk,
    /// KOITO's files, while driver and file server die under load.
    Durability,
    /// KOITO's servers in QEMU, killed hundreds of times while their clients go on.
    Koito,
    /// KOITO's switch in QEMU, killed again and again under traffic, beside a port that babbles.
    Network,
    /// Linux programs: the same under KOITO as under Debian's own kernel.
    Linux,
    /// Hostile programs for Linux beside a victim, under KOITO.
    LinuxHostile,
    /// Larger Linux programs: languages, compilers and the like. Runs by name only.
    LinuxLarge,
    /// The corpora of all fuzz targets, and a short fuzz run of each.
    Fuzz,
    /// The scripts tests/boot/*.drive in QEMU.
    Boot,
    /// An unmodified Linux as a guest of KOITO in QEMU: the scripts tests/linux-guest/*.drive.
    LinuxGuest,
    /// Everything that `cargo xtask check` checks.
    Check,
}

/// Options of `bench`.
#[derive(Args)]
pub struct BenchOptions {
    /// Print one flat JSON object, name to figure
    #[arg(long)]
    pub json: bool,
    /// Fail when a path is slower than recorded in bench/results.json
    #[arg(long)]
    pub check: bool,
    /// Record the figures in bench/results.json, and the trace in the manual
    #[arg(long, conflicts_with = "check")]
    pub update: bool,
    /// Measure Linux's calls instead, under Debian's own kernel and under KOITO
    #[arg(long, conflicts_with = "check")]
    pub linux: bool,
    /// Measure exits of guests with Intel's technique instead, in Bochs
    #[arg(long, conflicts_with_all = ["json", "check", "update", "linux", "guest"])]
    pub vmx: bool,
    /// Measure how long a Linux guest takes to its shell instead, as a guest and on the bare emulator
    #[arg(long, conflicts_with_all = ["linux", "trace"])]
    pub guest: bool,
    /// Print every instruction of one path instead, for instance of ipc.cross.0; with --linux of one of
    /// Linux's calls under KOITO, and what each function contributes
    #[arg(long, value_name = "PATH", conflicts_with_all = ["json", "check", "update", "vmx"])]
    pub trace: Option<String>,
}

/// Options of `image`.
#[derive(Args)]
pub struct ImageOptions {
    #[command(flatten)]
    pub build: BuildOptions,
    /// Make it of the bench, which shows times on screen and serial console
    #[arg(long, conflicts_with = "system")]
    pub bench: bool,
    /// File to write [default: target/a9n/NAME.img]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `rootfs`.
#[derive(Args)]
pub struct RootfsOptions {
    /// Folder whose contents become the root directory, in place of Debian packages
    pub tree: Option<PathBuf>,
    /// Folder to copy over the packages, file by file; may be given several times
    #[arg(long, value_name = "FOLDER", conflicts_with = "tree")]
    pub overlay: Vec<PathBuf>,
    /// Ask the mirror for newer packages
    #[arg(long, conflicts_with = "tree")]
    pub refresh: bool,
    /// Size of the file system in MiB [default: 64, or what koito/userland.toml says]
    #[arg(long, value_name = "MIB", value_parser = clap::value_parser!(u32).range(8..=65536))]
    pub mebibytes: Option<u32>,
    /// File to write [default: target/a9n/rootfs.img]
    #[arg(long, short, value_name = "FILE")]
    pub output: Option<PathBuf>,
}

/// Options of `check`.
#[derive(Args)]
pub struct CheckOptions {
    /// Print one flat JSON object with the figures
    #[arg(long)]
    pub json: bool,
    /// Print where the bytes of the kernel go instead, by source file and by symbol
    #[arg(long, conflicts_with = "json")]
    pub sizes: bool,
}

/// Options of `new`.
#[derive(Args)]
pub struct NewOptions {
    /// Folder to make; its last part names the system
    #[arg(value_name = "NAME")]
    pub folder: PathBuf,
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        super::Arguments::command().debug_assert();
    }
}
