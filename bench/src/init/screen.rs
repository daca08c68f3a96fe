//! Text on the framebuffer that the firmware left, in columns from left to right.

use core::convert::Infallible;
use core::fmt;

use embedded_graphics::mono_font::MonoTextStyle;
use embedded_graphics::mono_font::ascii::FONT_8X13;
use embedded_graphics::pixelcolor::BinaryColor;
use embedded_graphics::prelude::*;
use embedded_graphics::text::{Baseline, Text};
use nun::abi::boot::{Framebuffer, PAGE_BYTES};
use nun::mapped::Mapped;
use nun::{
    Access, Error, Frame, Generic, InitGeneric, InitInfo, MemoryType, ObjectType, PageTable,
    Reason, Resources, Window, aci, range_around,
};

/// In the workspace, far from everything else there.
const ADDRESS: u64 = aci::WORKSPACE_ADDRESS + aci::WORKSPACE_BYTES / 4 + (4 << 30);
/// Bytes of a pixel, in either format.
const PIXEL_BYTES: usize = 4;
/// Letters in a column.
const COLUMN: i32 = 66;

/// A screen of text.
pub struct Screen {
    pixels: Mapped,
    layout: Framebuffer,
    /// Where the next letter goes.
    at: Point,
    /// Left edge of the column.
    left: i32,
}

impl Screen {
    /// The machine's screen, black; `None` if there is none.
    pub fn of(init: &'static InitInfo, resources: &mut Resources) -> Result<Option<Self>, Error> {
        let layout = init.framebuffer;
        let Some(generic) = init.generics().iter().find(|it| holds(it, &layout)) else {
            return Ok(None);
        };
        let frame = frame_at(resources, generic, layout.address)?;
        let bytes = map(resources, frame, layout.bytes)?;
        let pixels = Mapped::in_workspace(ADDRESS, bytes);
        let mut screen = Self { pixels, layout, at: Point::zero(), left: 0 };
        let Ok(()) = screen.clear(BinaryColor::Off);
        Ok(Some(screen))
    }

    fn start_line(&mut self) {
        let height = FONT_8X13.character_size.height as i32;
        self.at = Point::new(self.left, self.at.y + height);
        if self.at.y + height > self.layout.height as i32 {
            self.left += COLUMN * FONT_8X13.character_size.width as i32;
            self.at = Point::new(self.left, 0);
        }
    }
}

/// Whether `generic` is the device memory with the first pixel, if there is any.
fn holds(generic: &InitGeneric, layout: &Framebuffer) -> bool {
    let offset = layout.address.wrapping_sub(generic.address);
    layout.bytes > 0 && generic.device == 1 && offset < 1 << generic.size_bits
}

/// Makes a frame of `generic` that begins at `address`, as large as alignment and room allow.
/// Objects are made from the front, so what lies before it becomes Generics that nobody uses.
fn frame_at(
    resources: &mut Resources,
    generic: &InitGeneric,
    address: u64,
) -> Result<Frame, Error> {
    let (source, node) = (Generic::slot(generic.slot.into()), resources.node());
    let mut before = address - generic.address;
    while before > 0 {
        let size_bits = before.ilog2();
        source.convert(ObjectType::Generic, size_bits.into(), 1, node, resources.take_slot()?)?;
        before -= 1 << size_bits;
    }
    let offset = address - generic.address;
    let size_bits = u32::from(generic.size_bits).min(offset.trailing_zeros());
    let slot = resources.take_slot()?;
    source.convert(ObjectType::Frame, size_bits.into(), 1, node, slot)?;
    Ok(Frame::slot(slot))
}

/// Maps `frame` as far as it goes, at most `bytes` bytes; answers how many.
fn map(resources: &mut Resources, frame: Frame, bytes: u64) -> Result<u64, Error> {
    let (size_bits, _) = frame.information()?;
    let pages = bytes.div_ceil(PAGE_BYTES).min((1 << size_bits) / PAGE_BYTES);
    let (first, bits) = range_around(ADDRESS, pages);
    let (space, slot) = (resources.address_space(), resources.take_slot()?);
    frame.attach(space, first, bits, resources.node(), slot)?;
    let mut done = 0;
    while done < pages {
        let (at, access) = (ADDRESS + done * PAGE_BYTES, Access::READ | Access::WRITE);
        let window = Window::slot(slot);
        match window.map(at, done, pages - done, access, MemoryType::WriteCombining) {
            Ok(mapped) => done += mapped,
            Err(Error { reason: Reason::MissingTable, .. }) => {
                let table: PageTable = resources.make(0)?;
                space.install_table(table, at)?;
            }
            Err(error) => return Err(error),
        }
    }
    Ok(pages * PAGE_BYTES)
}

impl OriginDimensions for Screen {
    fn size(&self) -> Size {
        Size::new(self.layout.width, self.layout.height)
    }
}

impl DrawTarget for Screen {
    type Color = BinaryColor;
    type Error = Infallible;

    fn draw_iter<I>(&mut self, pixels: I) -> Result<(), Infallible>
    where
        I: IntoIterator<Item = Pixel<BinaryColor>>,
    {
        let visible = self.bounding_box();
        for Pixel(point, color) in pixels.into_iter().filter(|it| visible.contains(it.0)) {
            let pixel = point.y as usize * self.layout.stride as usize + point.x as usize;
            let grey = if color.is_on() { 0xe0 } else { 0 };
            self.pixels.copy_from(pixel * PIXEL_BYTES, &[grey; PIXEL_BYTES]);
        }
        Ok(())
    }
}

impl fmt::Write for Screen {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for (number, line) in text.split('\n').enumerate() {
            if number > 0 {
                self.start_line();
            }
            let style = MonoTextStyle::new(&FONT_8X13, BinaryColor::On);
            let text = Text::with_baseline(line, self.at, style, Baseline::Top);
            let Ok(end) = text.draw(self);
            self.at = end;
        }
        Ok(())
    }
}
