//! The screen that the firmware left: given to the component whose manifest entry says so.

use koito::conventions::{FRAMEBUFFER_ADDRESS, FRAMEBUFFER_BYTES};
use koito::{Framebuffer, PixelOrder};
use nun::abi::boot::{self, PAGE_BYTES, PixelFormat};
use nun::{Error, Frame, Process, Resources};

use crate::device::Machine;

/// The framebuffer, with the frame that it lies in.
pub struct Screen {
    frame: Frame,
    /// The first page of the frame that is mapped.
    offset: u64,
    pages: u64,
    told: Framebuffer,
}

impl Screen {
    /// The one that `layout` describes; `None` if there is none, or none that can be mapped.
    pub fn find(
        machine: &mut Machine,
        resources: &mut Resources,
        layout: &boot::Framebuffer,
    ) -> Option<Self> {
        const RED_FIRST: u32 = PixelFormat::Rgbx as u32;
        const BLUE_FIRST: u32 = PixelFormat::Bgrx as u32;
        let order = match layout.format {
            RED_FIRST => PixelOrder::RedFirst,
            BLUE_FIRST => PixelOrder::BlueFirst,
            _ => return None,
        };
        let within = layout.address % PAGE_BYTES;
        let pages = within.checked_add(layout.bytes)?.div_ceil(PAGE_BYTES);
        let is_aligned = within.is_multiple_of(8);
        if !is_aligned || pages == 0 || pages > FRAMEBUFFER_BYTES / PAGE_BYTES {
            return None;
        }
        let first = layout.address - within;
        let (frame, offset) = machine.frame_around(resources, first, pages)?;
        let boot::Framebuffer { bytes, width, height, stride, .. } = *layout;
        let address = FRAMEBUFFER_ADDRESS + within;
        let told = Framebuffer { address, bytes, width, height, stride, order };
        Some(Self { frame, offset, pages, told })
    }

    /// Maps it for an instance, which does not run yet.
    pub fn give(&self, process: &mut Process) -> Result<Framebuffer, Error> {
        process.map_framebuffer(self.frame, FRAMEBUFFER_ADDRESS, (self.offset, self.pages))?;
        Ok(self.told)
    }
}
