//! The manifest as TOML: keys, and what may stand behind them.

use anyhow::{Context, Result, bail};
use koito_manifest::{PciDevice, PortRange, Restart, When};
use serde::Deserialize;
use toml::Spanned;

/// A whole manifest.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct File {
    /// Every `[[component]]`.
    #[serde(default)]
    pub component: Vec<Spanned<Entry>>,
}

/// One `[[component]]`. What the fields mean is said at [`koito_manifest::Component`].
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Entry {
    pub name: Spanned<String>,
    pub program: Spanned<String>,
    #[serde(default)]
    pub arguments: String,
    pub priority: Spanned<u8>,
    pub memory: Spanned<String>,
    pub pool: Option<Spanned<String>>,
    pub most_pool: Option<Spanned<String>>,
    pub offers: Option<Spanned<String>>,
    #[serde(default)]
    pub uses: Vec<Spanned<String>>,
    #[serde(default)]
    pub channels: Vec<Spanned<Shared>>,
    #[serde(default)]
    pub alarm: bool,
    #[serde(default)]
    pub io_ports: Vec<Spanned<String>>,
    #[serde(default)]
    pub interrupts: Vec<Spanned<u8>>,
    pub framebuffer: Option<Spanned<bool>>,
    pub pci: Option<Spanned<String>>,
    pub dma: Option<Spanned<String>>,
    #[serde(default)]
    pub modules: Vec<Spanned<String>>,
    /// Boot modules that it may read if they are there.
    #[serde(default)]
    pub optional_modules: Vec<Spanned<String>>,
    #[serde(default)]
    pub on_request: bool,
    /// What it is there for: a part of the machine that not every run has.
    pub only_with: Option<Spanned<String>>,
    pub restart: Option<Spanned<Policy>>,
    pub heartbeat: Option<Spanned<String>>,
}

/// A channel.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Shared {
    pub to: String,
    pub memory: String,
}

/// A restart policy; what is left out is as by default.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Policy {
    when: Option<Word>,
    first_delay: Option<String>,
    longest_delay: Option<String>,
    tries: Option<u32>,
}

#[derive(Clone, Copy, Debug, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Word {
    Never,
    Failed,
}

impl Policy {
    /// The policy that it describes.
    pub fn resolve(&self) -> Result<Restart> {
        let mut policy = Restart::default();
        if let Some(when) = self.when {
            policy.when = match when {
                Word::Never => When::Never,
                Word::Failed => When::Failed,
            };
        }
        if let Some(delay) = &self.first_delay {
            policy.first_delay = milliseconds(delay)?;
        }
        if let Some(delay) = &self.longest_delay {
            policy.longest_delay = milliseconds(delay)?;
        }
        policy.tries = self.tries.unwrap_or(policy.tries);
        Ok(policy)
    }
}

/// Where each of `entries` begins in the text.
pub fn starts<T>(entries: &[Spanned<T>]) -> Vec<usize> {
    entries.iter().map(|entry| entry.span().start).collect()
}

/// A time such as `20ms` or `2s`.
pub fn milliseconds(text: &str) -> Result<u32> {
    let (number, unit) = match (text.strip_suffix("ms"), text.strip_suffix('s')) {
        (Some(number), _) => (number, 1),
        (None, Some(number)) => (number, 1000),
        (None, None) => bail!("{text:?} is no time: write \"20ms\" or \"2s\""),
    };
    let number: Option<u32> = number.trim().parse().ok();
    number
        .and_then(|number| number.checked_mul(unit))
        .with_context(|| format!("{text:?} is no time: write \"20ms\" or \"2s\""))
}

/// An amount of memory such as `512K` or `1M`, as the logarithm of its bytes.
pub fn memory_bits(text: &str) -> Result<u8> {
    let split = text.len().saturating_sub(1);
    let unit = match text.get(split..) {
        Some("K") => 10,
        Some("M") => 20,
        Some("G") => 30,
        _ => 0,
    };
    match text.get(..split).and_then(|number| number.parse::<u32>().ok()) {
        Some(number) if unit > 0 && number.is_power_of_two() => {
            Ok(number.trailing_zeros() as u8 + unit)
        }
        _ => bail!("{text:?} is no amount of memory: write a power of two, as \"512K\" or \"1M\""),
    }
}

/// I/O ports such as `0x3f8..0x3ff`, both included, or `0x64`.
pub fn port_range(text: &str) -> Result<PortRange> {
    let (first, last) = text.split_once("..").unwrap_or((text, text));
    let port = |text: &str| {
        let digits = text.trim().strip_prefix("0x")?;
        u16::from_str_radix(digits, 16).ok()
    };
    match (port(first), port(last)) {
        (Some(first), Some(last)) => Ok(PortRange { first, last }),
        _ => bail!("{text:?} are no I/O ports: write \"0x3f8..0x3ff\", the last included"),
    }
}

/// A PCI device such as `1af4:1042`, or `1af4:1042/1` for the second of these.
pub fn pci_device(text: &str) -> Result<PciDevice> {
    let (kind, index) = text.split_once('/').unwrap_or((text, "0"));
    let number = |digits: &str| match digits.len() {
        4 => u16::from_str_radix(digits, 16).ok(),
        _ => None,
    };
    let numbers = kind.split_once(':').map(|(vendor, device)| (number(vendor), number(device)));
    match (numbers, index.parse()) {
        (Some((Some(vendor), Some(device))), Ok(index)) => Ok(PciDevice { vendor, device, index }),
        _ => bail!(
            "{text:?} is no PCI device: write vendor and device, as \"1af4:1042\", or \"1af4:1042/1\" \
             for the second that is alike"
        ),
    }
}
