//! What a panic in the kernel does: in the image that ships, there is none.

use core::panic::PanicInfo;

/// Says what went wrong, and halts.
#[cfg(any(debug_assertions, feature = "allow-panic"))]
#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    a9n_hal_x86_64::dump::stop(|text| crate::format::write(text, format_args!("{info}")))
}

/// Refers to a symbol that does not exist: should any path to a panic be left after
/// optimisation, the image does not link. Build with feature `allow-panic` to find it.
#[cfg(not(any(debug_assertions, feature = "allow-panic")))]
#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    // SAFETY: nothing can be called that does not link.
    unsafe extern "C" {
        safe fn a9n_this_kernel_can_panic() -> !;
    }
    a9n_this_kernel_can_panic()
}
