//! Lines of a script.

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Line<'a> {
    /// Read on until this text comes.
    Await(&'a str),
    /// Type this text and the Enter key.
    Type(&'a str),
    /// Press these keys.
    Keys(&'a str),
}

impl<'a> Line<'a> {
    /// Reads a line.
    pub fn parse(line: &'a str) -> Option<Self> {
        let (verb, text) = line.split_once(' ').unwrap_or((line, ""));
        match verb {
            "await" => Some(Self::Await(text)),
            "type" => Some(Self::Type(text)),
            "keys" => Some(Self::Keys(text)),
            _ => None,
        }
    }
}

/// The bytes that keys send: `^C` is Control and C, `^[` the Escape key, `^?` the one that erases.
pub fn keys(text: &str) -> impl Iterator<Item = u8> {
    let mut bytes = text.bytes();
    core::iter::from_fn(move || match bytes.next()? {
        b'^' => bytes.next().map(|byte| if byte == b'?' { 0x7f } else { byte & 0x1f }),
        byte => Some(byte),
    })
}
