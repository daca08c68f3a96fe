//! Adversarial loads: what a program can do to keep the kernel from looking at interrupts.
//!
//! Each load is announced on the console and marked for the meter (`tests/meter`), which counts the
//! longest stretch of kernel instructions under it. What a load made is taken away while it is
//! still being measured. A load that does not do what it is meant to fails the run.
#![no_std]
#![no_main]

mod ground;
mod loads;
mod machine;

use ground::Ground;
use nun::{Error, InitInfo, println};

nun::entry!(main, stack = 256 * 1024);

fn main(init: &'static InitInfo) -> Result<(), Error> {
    let mut ground = Ground::new(init)?;
    for load in loads::ALL {
        println!("load {} {}", load.number, load.name);
        (load.mark)();
        (load.run)(&mut ground)?;
        ground.clean()?;
    }
    println!("stretch: done");
    Ok(())
}
