//! What happens when a program panics.

use core::panic::PanicInfo;

/// Says where and why on the early console, then fails like [`entry::fail`](crate::entry::fail).
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    crate::println!("{info}");
    crate::entry::fail()
}
