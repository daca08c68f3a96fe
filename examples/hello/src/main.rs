//! The smallest operating system on A9N.
#![no_std]
#![no_main]
nun::entry!(main);

fn main() {
    nun::println!("Hello from A9N!");
}
