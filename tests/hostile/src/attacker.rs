//! An attacker: it makes random kernel calls, touches random addresses and faults, for ever.
#![no_std]
#![no_main]

mod calls;
mod machine;
mod shared;

use a9n_random::Random;
use nun::Error;
use nun::abi::kernel;
use nun::mapped::Mapped;
use shared::{PLAYGROUND, REPORT, report};

nun::entry!(main);

/// Calls between two other misdeeds, on average.
const CALLS: u64 = 1500;
/// Bytes of addresses that hold the report, which is to stay true.
const REPORT_BYTES: u64 = 4096;

fn main(seed: u64) {
    let mut random = Random::new(seed);
    let page = Mapped::in_workspace(REPORT, REPORT_BYTES);
    // Some never wait, so that there is always somebody to run.
    let is_patient = seed & 1 == 0;
    loop {
        let patient = is_patient && random.once_in(64);
        page.write(report::COUNT, page.read(report::COUNT) + 1);
        let answer = calls::make(&mut random, patient);
        if Error::from_label(answer.info.label()).is_none() {
            page.write(report::GRANTED, page.read(report::GRANTED) + 1);
        }
        if random.once_in(CALLS) {
            misbehave(&mut random);
        }
    }
}

fn misbehave(random: &mut Random) {
    match random.below(4) {
        0 => machine::fault(random.next()),
        1 => machine::call_without_stack(kernel::word::Yield, random.next()),
        choice => {
            let address = match choice {
                2 => PLAYGROUND + random.below(1 << 16),
                _ => random.next() >> random.below(40),
            };
            if address.wrapping_sub(REPORT) >= REPORT_BYTES {
                machine::touch(address, random.next());
            }
        }
    }
}
