//! What `/proc` shows of the machine and of the system as a whole.

use alloc::format;
use alloc::string::String;

use koito_posix_core::MOST_FILES;
use koito_vfs::{FilePages, SystemText};
use raw_cpuid::CpuId;

use crate::machine::MOST_CPUS;
use crate::names::{HostNames, RELEASE, SYSTEM};
use crate::owner::Capabilities;
use crate::registry::MOST as MOST_TASKS;

/// Hundredths of a second: what times are told in.
pub const TICK: u64 = 10_000_000;

/// What is known of the system.
pub struct Figures<'a> {
    /// Its names.
    pub names: &'a HostNames,
    /// How many processors there are.
    pub cpus: usize,
    /// Ticks of the processor's counter in a millisecond.
    pub frequency: u64,
    /// All pages, and the free ones.
    pub pages: (usize, usize),
    /// Those with contents of files.
    pub file_pages: FilePages,
    /// How many processes there are, how many of them run, and the number of the last one.
    pub processes: (usize, usize, u32),
    /// Since the start, in nanoseconds.
    pub now: u64,
    /// When that was, in seconds since 1970.
    pub began: u64,
    /// For how long processors ran programs, in nanoseconds.
    pub used: u64,
}

impl Figures<'_> {
    /// Hundredths of a second since the start, on all processors, in which no program ran.
    fn idle(&self) -> u64 {
        (self.now * self.cpus as u64).saturating_sub(self.used) / TICK
    }

    /// The text of a file.
    pub fn text(&self, what: SystemText) -> String {
        let (count, running, last) = self.processes;
        match what {
            SystemText::Cpuinfo => (0..self.cpus).map(|cpu| self.processor(cpu)).collect(),
            SystemText::Meminfo => self.memory(),
            SystemText::Uptime => {
                let [now, idle] = [self.now / TICK, self.idle()]
                    .map(|it| format!("{}.{:02}", it / 100, it % 100));
                format!("{now} {idle}\n")
            }
            // Nobody keeps the means.
            SystemText::Loadavg => format!("0.00 0.00 0.00 {running}/{count} {last}\n"),
            SystemText::Stat => self.statistics(),
            SystemText::Version => format!("{SYSTEM} version {RELEASE} (A9N)\n"),
            // What the files know, and what there is nothing of.
            SystemText::Cmdline | SystemText::Mounts | SystemText::Filesystems => "\n".into(),
            SystemText::Devices => {
                "Character devices:\n  1 mem\n  4 tty\n  4 ttyS\n  5 /dev/tty\n  \
                                    5 /dev/console\n  5 /dev/ptmx\n136 pts\n\nBlock devices:\n"
                    .into()
            }
            SystemText::Partitions => "major minor  #blocks  name\n\n".into(),
            SystemText::Swaps => "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n".into(),
            SystemText::Vmstat => format!(
                "nr_free_pages {}\npgpgin 0\npgpgout 0\npswpin 0\npswpout 0\npgfault 0\npgmajfault 0\n",
                self.pages.1
            ),
            SystemText::Hostname => line(&self.names.host),
            SystemText::Domainname => line(&self.names.domain),
            SystemText::NgroupsMax => "65536\n".into(),
            SystemText::Osrelease => format!("{RELEASE}\n"),
            SystemText::Ostype => format!("{SYSTEM}\n"),
            SystemText::PidMax => "32768\n".into(),
            SystemText::OvercommitMemory => "0\n".into(),
            SystemText::Somaxconn => "4096\n".into(),
            SystemText::CapLastCap => format!("{}\n", Capabilities::ALL.ilog2()),
            SystemText::ThreadsMax => format!("{MOST_TASKS}\n"),
            SystemText::NrOpen => format!("{MOST_FILES}\n"),
            SystemText::CpuList => match self.cpus {
                1 => "0\n".into(),
                cpus => format!("0-{}\n", cpus - 1),
            },
            SystemText::CpuMax => format!("{}\n", MOST_CPUS - 1),
        }
    }

    fn memory(&self) -> String {
        let [all, free] = [self.pages.0, self.pages.1].map(|pages| pages * 4);
        let FilePages { cached, dirty, own } = self.file_pages;
        let [cached, dirty, own] = [cached, dirty, own].map(|pages| pages * 4);
        // What the disk has can be forgotten.
        let available = free + cached - dirty;
        let slab = crate::own_memory() / 1024;
        let lines = [
            ("MemTotal", all),
            ("MemFree", free),
            ("MemAvailable", available),
            ("Buffers", 0),
            ("Cached", cached + own),
            ("SwapCached", 0),
            ("SwapTotal", 0),
            ("SwapFree", 0),
            ("Dirty", dirty),
            ("Shmem", own),
            ("Slab", slab),
            ("SReclaimable", 0),
        ];
        lines
            .into_iter()
            .map(|(name, kib)| format!("{:<16}{kib:8} kB\n", format!("{name}:")))
            .collect()
    }

    fn statistics(&self) -> String {
        let (count, running, _) = self.processes;
        let (used, idle, cpus) = (self.used / TICK, self.idle(), self.cpus as u64);
        let mut text = format!("cpu  {used} 0 0 {idle} 0 0 0 0 0 0\n");
        for cpu in 0..cpus {
            let (used, idle) = (used / cpus, idle / cpus);
            text += &format!("cpu{cpu} {used} 0 0 {idle} 0 0 0 0 0 0\n");
        }
        let began = self.began;
        text + &format!(
            "ctxt 0\nbtime {began}\nprocesses {count}\nprocs_running {running}\nprocs_blocked 0\n"
        )
    }

    fn processor(&self, number: usize) -> String {
        let id = CpuId::new();
        let vendor = id.get_vendor_info();
        let vendor = vendor.as_ref().map_or("unknown", |it| it.as_str());
        let brand = id.get_processor_brand_string();
        let brand = brand.as_ref().map_or("unknown", |it| it.as_str().trim());
        let (family, model, stepping, line) = id.get_feature_info().map_or((0, 0, 0, 0), |it| {
            (it.family_id(), it.model_id(), it.stepping_id(), it.cflush_cache_line_size() * 8)
        });
        let (megahertz, rest) = (self.frequency / 1000, self.frequency % 1000);
        let flags = flags(&id);
        let (cpus, twice) = (self.cpus, megahertz * 2);
        format!(
            "processor\t: {number}\nvendor_id\t: {vendor}\ncpu family\t: {family}\n\
             model\t\t: {model}\nmodel name\t: {brand}\nstepping\t: {stepping}\n\
             cpu MHz\t\t: {megahertz}.{rest:03}\nphysical id\t: 0\nsiblings\t: {cpus}\n\
             core id\t\t: {number}\ncpu cores\t: {cpus}\nfpu\t\t: yes\nflags\t\t: {flags}\n\
             bogomips\t: {twice}.00\nclflush size\t: {line}\n\n"
        )
    }
}

fn line(name: &[u8]) -> String {
    format!("{}\n", String::from_utf8_lossy(name))
}

/// What the processor can do that programs may want to know, in Linux's words.
fn flags(id: &CpuId<raw_cpuid::CpuIdReaderNative>) -> String {
    let mut text = String::new();
    let mut add = |has: bool, name: &str| {
        if has {
            let space = if text.is_empty() { "" } else { " " };
            text += space;
            text += name;
        }
    };
    if let Some(it) = id.get_feature_info() {
        add(it.has_fpu(), "fpu");
        add(it.has_tsc(), "tsc");
        add(it.has_cmpxchg8b(), "cx8");
        add(it.has_cmov(), "cmov");
        add(it.has_clflush(), "clflush");
        add(it.has_mmx(), "mmx");
        add(it.has_fxsave_fxstor(), "fxsr");
        add(it.has_sse(), "sse");
        add(it.has_sse2(), "sse2");
    }
    if let Some(it) = id.get_extended_processor_and_feature_identifiers() {
        add(it.has_syscall_sysret(), "syscall");
        add(it.has_execute_disable(), "nx");
        add(it.has_rdtscp(), "rdtscp");
        add(it.has_64bit_mode(), "lm");
        add(it.has_lahf_sahf(), "lahf_lm");
    }
    if let Some(it) = id.get_feature_info() {
        add(it.has_sse3(), "pni");
        add(it.has_pclmulqdq(), "pclmulqdq");
        add(it.has_ssse3(), "ssse3");
        add(it.has_cmpxchg16b(), "cx16");
        add(it.has_sse41(), "sse4_1");
        add(it.has_sse42(), "sse4_2");
        add(it.has_movbe(), "movbe");
        add(it.has_popcnt(), "popcnt");
        add(it.has_aesni(), "aes");
        add(it.has_xsave() && it.has_oxsave(), "xsave");
        add(it.has_avx() && it.has_oxsave(), "avx");
        add(it.has_rdrand(), "rdrand");
    }
    if let Some(it) = id.get_extended_feature_info() {
        add(it.has_fsgsbase(), "fsgsbase");
        add(it.has_bmi1(), "bmi1");
        add(it.has_avx2(), "avx2");
        add(it.has_bmi2(), "bmi2");
        add(it.has_rep_movsb_stosb(), "erms");
        add(it.has_rdseed(), "rdseed");
        add(it.has_adx(), "adx");
    }
    text
}
