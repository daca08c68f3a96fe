//! Where the linker script put the parts of the image.

use a9n_hal_x86_64::kernel_space::ImageLayout;

// SAFETY: the linker script defines these symbols; only their addresses are used.
unsafe extern "C" {
    static kernel_text_start: u8;
    static kernel_text_end: u8;
    static kernel_rodata_end: u8;
    static kernel_data_end: u8;
}

/// The link addresses of this image.
pub fn layout() -> ImageLayout {
    let text_start = &raw const kernel_text_start as u64;
    let text_end = &raw const kernel_text_end as u64;
    let rodata_end = &raw const kernel_rodata_end as u64;
    let data_end = &raw const kernel_data_end as u64;
    ImageLayout {
        text: text_start..text_end,
        rodata: text_end..rodata_end,
        data: rodata_end..data_end,
    }
}
