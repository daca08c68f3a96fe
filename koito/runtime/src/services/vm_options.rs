//! What a virtual machine is started with, in the words of who starts it: `vm start` checks them, the supervisor
//! keeps them, and they become the arguments of the machine's monitor.

use core::fmt;

use super::PATH_BYTES;

/// Most processors of a virtual machine.
pub const MOST_PROCESSORS: usize = 8;

/// What is wished; `None` leaves one as the system has it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct VmOptions<'a> {
    /// Path of a kernel on KOITO's disk.
    pub kernel: Option<&'a str>,
    /// The same of its initial file system.
    pub initrd: Option<&'a str>,
    /// Bytes of memory.
    pub memory: Option<u64>,
    /// How many processors.
    pub processors: Option<usize>,
    /// The kernel's command line.
    pub command_line: Option<&'a str>,
}

/// Words that are no such options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongOption<'a> {
    /// There is no such option.
    Unknown(&'a str),
    /// Behind this option nothing follows.
    Alone(&'a str),
    /// This is no amount of memory.
    Memory(&'a str),
    /// This is no number of processors.
    Processors(&'a str),
    /// This path, of that option, is too long.
    Path(&'a str),
}

impl fmt::Display for WrongOption<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown(word) => write!(f, "there is no option {word:?}"),
            Self::Alone(option) => write!(f, "{option}: what follows is missing"),
            Self::Memory(text) => {
                write!(f, "--memory: {text:?} is no amount of memory; write 256M, or 1G")
            }
            Self::Processors(text) => {
                write!(f, "--cpus: {text:?} is no number from 1 to {MOST_PROCESSORS}")
            }
            Self::Path(option) => write!(f, "{option}: a path has at most {PATH_BYTES} bytes"),
        }
    }
}

impl<'a> VmOptions<'a> {
    /// Reads options and their values between blanks. The command line is all that follows its option.
    pub fn parse(text: &'a str) -> Result<Self, WrongOption<'a>> {
        let mut options = Self::default();
        let mut rest = text.trim();
        while !rest.is_empty() {
            let (option, values) = split(rest);
            if option == "--cmdline" {
                options.command_line = Some(unquoted(values));
                break;
            }
            let (value, next) = split(values);
            rest = next;
            match option {
                "--kernel" => options.kernel = Some(path(option, value)?),
                "--initrd" => options.initrd = Some(path(option, value)?),
                "--memory" => {
                    let bytes = memory(given(option, value)?);
                    options.memory = Some(bytes.ok_or(WrongOption::Memory(value))?);
                }
                "--cpus" => {
                    let number = given(option, value)?.parse().ok();
                    let number = number.filter(|number| (1..=MOST_PROCESSORS).contains(number));
                    options.processors = Some(number.ok_or(WrongOption::Processors(value))?);
                }
                _ => return Err(WrongOption::Unknown(option)),
            }
        }
        Ok(options)
    }
}

/// The first word, and what follows it.
fn split(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    (word, rest.trim_start())
}

/// `text` without the quotation marks around it.
fn unquoted(text: &str) -> &str {
    let inner = ['"', '\'']
        .into_iter()
        .find_map(|mark| text.strip_prefix(mark).and_then(|text| text.strip_suffix(mark)));
    inner.unwrap_or(text)
}

/// What follows `option`: something that is no option itself.
fn given<'a>(option: &'a str, value: &'a str) -> Result<&'a str, WrongOption<'a>> {
    if value.is_empty() || value.starts_with("--") {
        return Err(WrongOption::Alone(option));
    }
    Ok(value)
}

fn path<'a>(option: &'a str, value: &'a str) -> Result<&'a str, WrongOption<'a>> {
    let path = given(option, value)?;
    if path.len() <= PATH_BYTES { Ok(path) } else { Err(WrongOption::Path(option)) }
}

/// An amount of memory, such as `256M` or `1G`.
fn memory(text: &str) -> Option<u64> {
    let (number, unit) = match (text.strip_suffix('M'), text.strip_suffix('G')) {
        (Some(number), _) => (number, 20),
        (None, Some(number)) => (number, 30),
        (None, None) => return None,
    };
    let number = number.parse::<u32>().ok().filter(|number| *number > 0)?;
    Some(u64::from(number) << unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_come_in_any_order_and_the_command_line_last() {
        let text =
            " --memory 1G --kernel /boot/bzImage --cpus 2 --cmdline root=/dev/vda  ro --cpus 9 ";
        let options = VmOptions {
            kernel: Some("/boot/bzImage"),
            initrd: None,
            memory: Some(1 << 30),
            processors: Some(2),
            command_line: Some("root=/dev/vda  ro --cpus 9"),
        };
        assert_eq!(VmOptions::parse(text), Ok(options));
        assert_eq!(VmOptions::parse(""), Ok(VmOptions::default()));
        let line = |text| VmOptions::parse(text).unwrap().command_line;
        assert_eq!(line("--cmdline \"init=/bin/sh quiet\""), Some("init=/bin/sh quiet"));
        assert_eq!(line("--cmdline ''"), Some(""));
        assert_eq!(line("--cmdline a=\"b c\""), Some("a=\"b c\""));
    }

    #[test]
    fn what_is_wrong_is_named() {
        let wrong = |text| VmOptions::parse(text).unwrap_err();
        assert_eq!(wrong("--disk x"), WrongOption::Unknown("--disk"));
        assert_eq!(wrong("256M"), WrongOption::Unknown("256M"));
        assert_eq!(wrong("--kernel"), WrongOption::Alone("--kernel"));
        assert_eq!(wrong("--memory --cpus 2"), WrongOption::Alone("--memory"));
        for text in ["much", "0M", "12", "-1G", "5000000000M"] {
            assert_eq!(memory(text), None, "{text}");
        }
        assert_eq!(wrong("--memory much"), WrongOption::Memory("much"));
        for text in ["0", "9", "two", "-1"] {
            let words = std::format!("--cpus {text}");
            assert_eq!(VmOptions::parse(&words), Err(WrongOption::Processors(text)));
        }
        let long = std::format!("--initrd /{}", "x".repeat(PATH_BYTES));
        assert_eq!(VmOptions::parse(&long), Err(WrongOption::Path("--initrd")));
    }
}
