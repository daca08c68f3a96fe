//! Counts what exits of a guest cost under KVM: the same guest as our bench's, whose monitor is this program. A CPUID is
//! answered in the kernel; an OUT comes to the monitor.

#![no_std]
#![no_main]

#[path = "../../../../../bench/src/init/counting.rs"]
mod counting;
mod machine;

use a9n_linux_programs::{Arguments, entry, println};

use counting::{CODE, PATHS, SAMPLE, program};
use machine::{Exit, Machine};

entry!(main);

/// Rounds before the first that counts, and rounds that count.
const WARM_UP: usize = 64;
const SAMPLES: usize = 500;

fn main(_: Arguments) -> i32 {
    let Some(machine) = Machine::new() else {
        println!("linux-kvm: there is no KVM here");
        return 1;
    };
    for (name, path) in PATHS {
        for (place, byte) in (CODE..).zip(program(path, WARM_UP + SAMPLES)) {
            machine.write(place, byte);
        }
        if !machine.begin(CODE) {
            println!("linux-kvm: KVM takes no state");
            return 1;
        }
        loop {
            match machine.run() {
                Exit::Port => {}
                Exit::Halt => break,
                Exit::Other(reason) => {
                    println!("linux-kvm: the guest was left for reason {reason}");
                    return 1;
                }
            }
        }
        let mut samples =
            core::array::from_fn(|number| machine.read(SAMPLE + 4 * (WARM_UP + number)));
        println!("bench kvm.{name} {}", usual(&mut samples));
    }
    println!("bench done");
    0
}

/// The most frequent of all, the lowest of several.
fn usual(samples: &mut [u32; SAMPLES]) -> u32 {
    samples.sort_unstable();
    let mut usual: &[u32] = &[];
    for group in samples.chunk_by(|a, b| a == b) {
        if group.len() > usual.len() {
            usual = group;
        }
    }
    usual.first().copied().unwrap_or_default()
}
