//! What the firmware knows about the machine besides memory.

use a9n_abi::boot::{Framebuffer, PixelFormat};
use a9n_loader_core::hand_over::Platform;
use uefi::{
    boot::{self, OpenProtocolAttributes, OpenProtocolParams},
    proto::console::gop::{self, GraphicsOutput},
    system,
    table::cfg::ConfigTableEntry,
};

/// ACPI root pointer and framebuffer.
pub fn gather() -> Platform {
    Platform { acpi_root: acpi_root(), framebuffer: framebuffer().unwrap_or_default() }
}

/// Physical address of the ACPI root pointer, that of version 2 if there is one; 0 if none.
fn acpi_root() -> u64 {
    let address = |guid| {
        system::with_config_table(|tables| {
            tables.iter().find(|entry| entry.guid == guid).map(|entry| entry.address as u64)
        })
    };
    address(ConfigTableEntry::ACPI2_GUID).or(address(ConfigTableEntry::ACPI_GUID)).unwrap_or(0)
}

/// The screen in its present mode, if it is a linear framebuffer in a known format.
fn framebuffer() -> Option<Framebuffer> {
    let handle = boot::get_handle_for_protocol::<GraphicsOutput>().ok()?;
    let parameters = OpenProtocolParams { handle, agent: boot::image_handle(), controller: None };
    // SAFETY: the protocol is only asked about its present mode, and closed before this function
    // returns. Opened exclusively, it would take the screen away from the firmware's console.
    let mut screen = unsafe {
        boot::open_protocol::<GraphicsOutput>(parameters, OpenProtocolAttributes::GetProtocol)
    }
    .ok()?;
    let mode = screen.current_mode_info();
    let format = match mode.pixel_format() {
        gop::PixelFormat::Rgb => PixelFormat::Rgbx,
        gop::PixelFormat::Bgr => PixelFormat::Bgrx,
        _ => return None,
    };
    let (width, height) = mode.resolution();
    let mut pixels = screen.frame_buffer();
    Some(Framebuffer {
        address: pixels.as_mut_ptr() as u64,
        bytes: pixels.size() as u64,
        width: width as u32,
        height: height as u32,
        stride: mode.stride() as u32,
        format: format as u32,
    })
}
