//! The few lines that the kernel says at boot.

use core::fmt::{self, Display, Write};

use a9n_abi::ABI_HASH;
use a9n_abi::boot::{MemoryKind, MemoryRegion, PAGE_BYTES};
use a9n_hal::Hal;
use a9n_hal_x86_64::boot::Machine;
use a9n_hal_x86_64::console::Console;
use a9n_hal_x86_64::features::{Features, brand};
use a9n_hal_x86_64::virt::Technique;
use a9n_hal_x86_64::{X86_64, clock};

/// Says who runs on what.
pub fn greet(machine: &Machine) {
    // The console never fails.
    let _ = write!(Console, "{}", Greeting(machine));
}

struct Greeting<'a>(&'a Machine);

impl Display for Greeting<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let machine = self.0;
        let version = env!("CARGO_PKG_VERSION");
        let architecture = X86_64::ARCHITECTURE;
        writeln!(f, "\nA9N {version} on {architecture}, interface {ABI_HASH:016x}")?;
        let brand = brand();
        let name = brand.as_ref().map_or("unnamed", |brand| brand.as_str().trim());
        writeln!(
            f,
            "  cpu     {name}, {} of {} in use{}",
            machine.running,
            machine.cpus,
            Extras(&machine.features)
        )?;
        match machine.cpus - machine.running {
            0 => {}
            idle => writeln!(f, "  warning: {idle} CPUs did not start, or are more than we use")?,
        }
        let free = bytes(machine.hand_over.memory) >> 20;
        writeln!(f, "  memory  {free} MiB free")?;
        let megahertz = clock::ticks_per_second() / 1_000_000;
        let timer = if machine.features.tsc_deadline { "deadline" } else { "countdown" };
        let steady = if machine.features.invariant_tsc { "" } else { " (may vary)" };
        writeln!(f, "  clock   {megahertz} MHz{steady}, {}; {timer} timer", machine.clock)?;
        if machine.skew != 0 {
            let skew = machine.skew;
            writeln!(f, "  warning: clocks of CPUs differ by {skew} ticks: time may go backwards")?;
        }
        let apic = if machine.features.x2apic { "x2APIC" } else { "xAPIC" };
        writeln!(f, "  lines   {} through I/O APICs; {apic}", machine.lines)?;
        if machine.features.leaks_kernel_memory {
            writeln!(f, "  warning: this CPU has the Meltdown flaw: programs can read all memory")?;
        }
        writeln!(f)
    }
}

/// What is used beyond what is required.
struct Extras<'a>(&'a Features);

impl Display for Extras<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (present, name) in [
            (self.0.smep, "SMEP"),
            (self.0.smap, "SMAP"),
            (self.0.umip, "UMIP"),
            (self.0.shield.is_some(), "IBRS"),
            (self.0.tags, "PCID"),
            (self.0.virtualisation == Some(Technique::Svm), "SVM"),
            (self.0.virtualisation == Some(Technique::Vmx), "VMX"),
        ] {
            if present {
                write!(f, ", {name}")?;
            }
        }
        Ok(())
    }
}

/// Bytes of usable memory.
fn bytes(memory: &[MemoryRegion]) -> u64 {
    memory
        .iter()
        .filter(|region| region.kind == MemoryKind::Usable as u32)
        .fold(0, |sum, region| sum + region.pages * PAGE_BYTES)
}
