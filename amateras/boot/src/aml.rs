//! ACPI's machine language, as much of it as says which devices there are (ACPI specification 6.5,
//! chapter 20).

use heapless::Vec;

/// Most bytes of a program.
pub const BYTES: usize = 1024;

/// A program, or a part of one.
#[derive(Clone, Debug, Default)]
pub struct Aml(Vec<u8, BYTES>);

/// What begins with these bytes.
const NAME: u8 = 0x08;
const BYTE: u8 = 0x0a;
const WORD: u8 = 0x0b;
const DOUBLE_WORD: u8 = 0x0c;
const SCOPE: &[u8] = &[0x10];
const BUFFER: &[u8] = &[0x11];
const PACKAGE: &[u8] = &[0x12];
const DEVICE: &[u8] = &[0x5b, 0x82];
/// A length of two bytes: the lowest four bits are in the first.
const TWO_BYTES: u8 = 1 << 6;
/// The end of a buffer with resources: no sum is checked.
const RESOURCES_END: [u8; 2] = [0x79, 0];

impl Aml {
    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.0
    }

    /// What `body` declares in the scope `name`.
    pub fn scope(&mut self, name: &[u8], body: impl FnOnce(&mut Self)) {
        self.block(SCOPE, |it| {
            it.raw(name);
            body(it);
        });
    }

    /// A device, and what `body` declares in it.
    pub fn device(&mut self, name: &[u8; 4], body: impl FnOnce(&mut Self)) {
        self.block(DEVICE, |it| {
            it.raw(name);
            body(it);
        });
    }

    /// A name for the value that `value` writes.
    pub fn name(&mut self, name: &[u8], value: impl FnOnce(&mut Self)) {
        self.raw(&[NAME]);
        self.raw(name);
        value(self);
    }

    /// A number.
    pub fn number(&mut self, number: u32) {
        match number {
            // Zero and one are what they are.
            0..2 => self.raw(&[number as u8]),
            2..0x100 => self.raw(&[BYTE, number as u8]),
            0x100..0x1_0000 => {
                self.raw(&[WORD]);
                self.raw(&(number as u16).to_le_bytes());
            }
            _ => {
                self.raw(&[DOUBLE_WORD]);
                self.raw(&number.to_le_bytes());
            }
        }
    }

    /// The number that stands for the name of a kind of device, three letters and four hexadecimal digits.
    pub fn kind(&mut self, maker: [u8; 3], product: u16) {
        let letters = maker.iter().fold(0, |all, letter| all << 5 | u16::from(letter & 0x1f));
        let [low, high] = product.to_be_bytes();
        let [first, second] = letters.to_be_bytes();
        self.number(u32::from_le_bytes([first, second, low, high]));
    }

    /// A package of `count` elements that `elements` writes.
    pub fn package(&mut self, count: u8, elements: impl FnOnce(&mut Self)) {
        self.block(PACKAGE, |it| {
            it.raw(&[count]);
            elements(it);
        });
    }

    /// A buffer with the resources that `parts` are.
    pub fn resources(&mut self, parts: &[Resource]) {
        let mut all = Self::default();
        parts.iter().for_each(|part| all.resource(*part));
        all.raw(&RESOURCES_END);
        self.block(BUFFER, |it| {
            it.number(all.0.len() as u32);
            it.raw(&all.0);
        });
    }

    fn resource(&mut self, resource: Resource) {
        /// Ends that are fixed; ports of all kinds; memory that can be written.
        const FIXED: u8 = 0x0c;
        const ALL: u8 = 0x03;
        const WRITABLE: u8 = 0x01;
        let words = |first: u16, last: u16| [0, first, last, 0, last - first + 1];
        match resource {
            Resource::Ports(first, count) => {
                self.raw(&[0x47, 0x01]);
                [first, first].iter().for_each(|port| self.raw(&port.to_le_bytes()));
                self.raw(&[1, count]);
            }
            Resource::Interrupt(line) => {
                self.raw(&[0x22]);
                self.raw(&(1u16 << line).to_le_bytes());
            }
            Resource::Buses(first, last) => {
                self.raw(&[0x88, 0x0d, 0, 2, FIXED, 0]);
                words(first, last).iter().for_each(|word| self.raw(&word.to_le_bytes()));
            }
            Resource::PortWindow(first, last) => {
                self.raw(&[0x88, 0x0d, 0, 1, FIXED, ALL]);
                words(first, last).iter().for_each(|word| self.raw(&word.to_le_bytes()));
            }
            Resource::MemoryWindow(first, last) => {
                self.raw(&[0x87, 0x17, 0, 0, FIXED, WRITABLE]);
                let words = [0, first, last, 0, last - first + 1];
                words.iter().for_each(|word| self.raw(&word.to_le_bytes()));
            }
        }
    }

    /// What begins with `opcode` and the length of everything that `body` writes.
    fn block(&mut self, opcode: &[u8], body: impl FnOnce(&mut Self)) {
        let mut inside = Self::default();
        body(&mut inside);
        let length = inside.0.len() + 2;
        self.raw(opcode);
        self.raw(&[TWO_BYTES | (length & 15) as u8, (length >> 4) as u8]);
        self.raw(&inside.0);
    }

    fn raw(&mut self, bytes: &[u8]) {
        // What there is no room for would be missed at once: the tables are always the same.
        let _ = self.0.extend_from_slice(bytes);
    }
}

/// What a device occupies.
#[derive(Clone, Copy, Debug)]
pub enum Resource {
    /// The first port, and how many.
    Ports(u16, u8),
    /// An interrupt line, edge-triggered.
    Interrupt(u8),
    /// Numbers of buses that a bridge leads to, from first to last.
    Buses(u16, u16),
    /// Ports that it leads to. Not all of them.
    PortWindow(u16, u16),
    /// Memory that it leads to.
    MemoryWindow(u32, u32),
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(by: impl FnOnce(&mut Aml)) -> Aml {
        let mut aml = Aml::default();
        by(&mut aml);
        aml
    }

    /// Bytes by hand from the specification's grammar.
    #[test]
    fn blocks_have_their_length_and_numbers_their_width() {
        let aml = written(|it| {
            it.scope(b"\\_SB_", |it| it.name(b"_ADR", |it| it.number(1)));
        });
        assert_eq!(aml.bytes(), b"\x10\x4d\x00\\_SB_\x08_ADR\x01");
        let aml = written(|it| {
            let numbers = [0, 2, 0xff, 0x100, 0x1_ffff];
            it.package(5, |it| numbers.iter().for_each(|number| it.number(*number)));
        });
        assert_eq!(
            aml.bytes(),
            b"\x12\x40\x01\x05\x00\x0a\x02\x0a\xff\x0b\x00\x01\x0c\xff\xff\x01\x00"
        );
    }

    #[test]
    fn kinds_are_packed_as_plug_and_play_has_them() {
        assert_eq!(written(|it| it.kind(*b"PNP", 0x0a03)).bytes(), b"\x0c\x41\xd0\x0a\x03");
        assert_eq!(written(|it| it.kind(*b"PNP", 0x0501)).bytes(), b"\x0c\x41\xd0\x05\x01");
    }

    #[test]
    fn resources_end_with_their_tag_and_say_how_long_they_are() {
        let aml = written(|it| {
            it.resources(&[Resource::Ports(0x3f8, 8), Resource::Interrupt(4)]);
        });
        let expected = b"\x11\x41\x01\x0a\x0d\x47\x01\xf8\x03\xf8\x03\x01\x08\x22\x10\x00\x79\x00";
        assert_eq!(aml.bytes(), expected);
    }
}
