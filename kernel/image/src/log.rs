//! The few lines that the kernel says at boot.

use a9n_abi::ABI_HASH;
use a9n_abi::boot::{MemoryKind, MemoryRegion, PAGE_BYTES};
use a9n_hal::{Hal, Text};
use a9n_hal_x86_64::boot::Machine;
use a9n_hal_x86_64::console;
use a9n_hal_x86_64::features::brand;
use a9n_hal_x86_64::virt::Technique;
use a9n_hal_x86_64::{X86_64, clock};

/// Before what somebody should know.
const WARNING: &str = "\n  warning: ";

/// Says who runs on what.
pub fn greet(machine: &Machine) {
    console::say(|text| say(text, machine));
}

fn say(text: &mut Text<'_>, machine: &Machine) {
    let features = &machine.features;
    text.text("\nA9N ").text(env!("CARGO_PKG_VERSION")).text(" on ").text(X86_64::ARCHITECTURE);
    text.text(", interface ").digits(ABI_HASH, 16);
    text.text("\n  cpu     ").bytes(brand().trim_ascii()).text(", ").number(machine.running as u64);
    text.text(" of ").number(machine.cpus as u64).text(" in use");
    for (present, name) in [
        (features.smep, ", SMEP"),
        (features.smap, ", SMAP"),
        (features.umip, ", UMIP"),
        (features.speculation.shield.is_some(), ", IBRS"),
        (features.tags, ", PCID"),
        (features.virtualisation == Some(Technique::Svm), ", SVM"),
        (features.virtualisation == Some(Technique::Vmx), ", VMX"),
    ] {
        if present {
            text.text(name);
        }
    }
    let idle = machine.cpus - machine.running;
    if idle != 0 {
        text.text(WARNING).number(idle as u64);
        text.text(" CPUs did not start, or are more than we use");
    }
    let free = bytes(machine.hand_over.memory) >> 20;
    text.text("\n  memory  ").number(free).text(" MiB free");
    text.text("\n  clock   ").number(clock::ticks_per_second() / 1_000_000).text(" MHz");
    text.text(if features.invariant_tsc { ", " } else { " (may vary), " });
    machine.clock.say(text);
    text.text(if features.tsc_deadline { "; deadline timer" } else { "; countdown timer" });
    if machine.skew != 0 {
        text.text(WARNING).text("clocks of CPUs differ by ").number(machine.skew);
        text.text(" ticks: time may go backwards");
    }
    text.text("\n  lines   ").number(machine.lines.into()).text(" through I/O APICs; ");
    text.text(if features.x2apic { "x2APIC" } else { "xAPIC" });
    if features.speculation.leaks_kernel_memory {
        text.text(WARNING).text("this CPU has the Meltdown flaw: programs can read all memory");
    }
    text.text("\n\n");
}

/// Bytes of usable memory.
fn bytes(memory: &[MemoryRegion]) -> u64 {
    memory
        .iter()
        .filter(|region| region.kind == MemoryKind::Usable as u32)
        .fold(0, |sum, region| sum + region.pages * PAGE_BYTES)
}
