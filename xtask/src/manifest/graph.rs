//! `cargo xtask graph`: who may call whom, and who holds which device, as text and as a picture.

use std::fs;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use koito_manifest::{Channel, Component, DEVICES, Manifest, When, is_of_root};

use crate::cli::GraphOptions;
use crate::repository::Repository;
use crate::system::System;

/// The system that is shown where nothing else is asked for.
const DEFAULT: &str = "koito";

/// `cargo xtask graph`.
pub fn run(repository: &Repository, options: &GraphOptions) -> Result<ExitCode> {
    let system = System::find(repository, Some(options.system.as_deref().unwrap_or(DEFAULT)))?;
    let Some(file) = &system.manifest else {
        bail!("the system {:?} has no manifest, so nothing is known of its authority", system.name)
    };
    let manifest = file.manifest()?;
    print!("{}", text(&manifest));
    if let Some(path) = &options.svg {
        fs::write(path, picture(&manifest))
            .with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Every component with all that it may do.
fn text(manifest: &Manifest<'_>) -> String {
    manifest.components.iter().map(|component| entry(manifest, component)).collect()
}

fn entry(manifest: &Manifest<'_>, component: &Component<'_>) -> String {
    let restart = match component.restart.when {
        When::Never => "it stays down".to_owned(),
        When::Failed => format!("restarts, up to {} times in a row", component.restart.tries),
    };
    let pool = match component.pool_bits {
        0 => String::new(),
        bits => format!(", {} for processes of its own", memory(bits)),
    };
    let memory = format!("{}{pool}", memory(component.memory_bits));
    let lines = [
        ("runs", format!("{}, priority {}, {memory}", component.program, component.priority)),
        ("on failure", restart),
        ("offers", component.offers.unwrap_or_default().to_owned()),
        ("called by", callers(manifest, component).join(", ")),
        ("calls", component.uses.join(", ")),
        ("shares", shares(manifest, component).join(", ")),
        ("holds", devices(component).join(", ")),
    ];
    let lines = lines.into_iter().filter(|(_, value)| !value.is_empty());
    let lines: String = lines.map(|(name, value)| format!("  {name:<10}  {value}\n")).collect();
    format!("{}\n{lines}", component.name)
}

/// Names of the components that may call `component`.
fn callers<'a>(manifest: &Manifest<'a>, component: &Component<'_>) -> Vec<&'a str> {
    let calls = |other: &&Component<'_>| {
        component.offers.is_some_and(|service| other.uses.contains(&service))
    };
    manifest.components.iter().filter(calls).map(|other| other.name).collect()
}

/// What memory a component shares, and with whom.
fn shares(manifest: &Manifest<'_>, component: &Component<'_>) -> Vec<String> {
    let name = |index: usize| manifest.components.get(index).map_or("", |it| it.name);
    let shared = |(client, channel, server): (usize, Channel<'_>, usize)| {
        let partner = match component.name {
            own if own == name(client) => name(server),
            own if own == name(server) => name(client),
            _ => return None,
        };
        Some(format!("{} with {partner}", memory(channel.memory_bits)))
    };
    manifest.channels().filter_map(shared).collect()
}

/// What of the machine a component has.
fn devices(component: &Component<'_>) -> Vec<String> {
    let ports = component
        .io_ports
        .iter()
        .map(|range| format!("I/O ports {:#x}..{:#x}", range.first, range.last));
    let lines = component.interrupts.iter().map(|line| format!("interrupt {line}"));
    let screen = component.framebuffer.then(|| "the screen".to_owned());
    let pci = component.pci.map(|device| format!("PCI {device}"));
    // Without an IOMMU a device that masters the bus reaches all memory, whatever it shares.
    let dma = (component.dma_bits > 0).then(|| format!("dma {}", memory(component.dma_bits)));
    ports
        .chain(lines)
        .chain(screen)
        .chain(pci)
        .chain(dma)
        .chain(component.uses.contains(&DEVICES).then(|| "every PCI device".to_owned()))
        .chain(component.alarm.then(|| "an alarm".to_owned()))
        .collect()
}

fn memory(bits: u8) -> String {
    match bits {
        30.. => format!("{} GiB", 1u64 << (bits - 30)),
        20.. => format!("{} MiB", 1u64 << (bits - 20)),
        _ => format!("{} KiB", 1u64 << (bits - 10)),
    }
}

/// How many calls a component is away from those that nobody calls: its row in the picture.
fn rows(manifest: &Manifest<'_>) -> Vec<usize> {
    let components = &manifest.components;
    let mut rows = vec![0; components.len()];
    // There are no circles, so nothing is further away than there are components.
    for _ in components {
        for (index, component) in components.iter().enumerate() {
            for provider in component.uses.iter().filter_map(|used| manifest.provider(used)) {
                rows[provider] = rows[provider].max(rows[index] + 1);
            }
        }
    }
    rows
}

const BOX: (usize, usize) = (170, 52);
const GAP: (usize, usize) = (30, 60);

/// The graph as SVG: callers above those that they call, the root server at the bottom.
fn picture(manifest: &Manifest<'_>) -> String {
    let rows = rows(manifest);
    let root_row = rows.iter().max().map_or(0, |row| row + 1);
    let mut filled = vec![0; root_row + 1];
    let mut places: Vec<(usize, usize)> = rows
        .iter()
        .map(|row| {
            let column = filled[*row];
            filled[*row] += 1;
            place(column, *row)
        })
        .collect();
    places.push(place(0, root_row));
    let root = manifest.components.len();
    let width = place(filled.iter().copied().max().unwrap_or(1).max(1), 0).0;
    let height = place(0, root_row + 1).1;

    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"{width}\" height=\"{height}\" \
         font-family=\"sans-serif\" font-size=\"13\">\n\
         <rect width=\"100%\" height=\"100%\" fill=\"white\"/>\n"
    );
    for (index, component) in manifest.components.iter().enumerate() {
        for used in &component.uses {
            let provider = if is_of_root(used) { Some(root) } else { manifest.provider(used) };
            if let Some(provider) = provider {
                svg += &arrow(places[index], places[provider]);
            }
        }
    }
    for (component, at) in manifest.components.iter().zip(&places) {
        let colour = if devices(component).is_empty() { "#e8f0fe" } else { "#fdecd8" };
        svg += &node(*at, component.name, &devices(component).join(", "), colour);
    }
    svg += &node(places[root], "root", "starts all, keeps the ports", "#e6e6e6");
    svg + "</svg>\n"
}

fn place(column: usize, row: usize) -> (usize, usize) {
    (GAP.0 + column * (BOX.0 + GAP.0), GAP.0 + row * (BOX.1 + GAP.1))
}

fn arrow(from: (usize, usize), to: (usize, usize)) -> String {
    let (x1, y1) = (from.0 + BOX.0 / 2, from.1 + BOX.1);
    let (x2, y2) = (to.0 + BOX.0 / 2, to.1);
    format!(
        "<line x1=\"{x1}\" y1=\"{y1}\" x2=\"{x2}\" y2=\"{y2}\" stroke=\"#555\"/>\n\
         <circle cx=\"{x2}\" cy=\"{y2}\" r=\"4\" fill=\"#555\"/>\n"
    )
}

fn node((x, y): (usize, usize), name: &str, detail: &str, colour: &str) -> String {
    let (width, height) = BOX;
    let (middle, first, second) = (x + width / 2, y + 22, y + 40);
    format!(
        "<rect x=\"{x}\" y=\"{y}\" width=\"{width}\" height=\"{height}\" rx=\"6\" \
         fill=\"{colour}\" stroke=\"#555\"/>\n\
         <text x=\"{middle}\" y=\"{first}\" text-anchor=\"middle\" font-weight=\"bold\">{name}</text>\n\
         <text x=\"{middle}\" y=\"{second}\" text-anchor=\"middle\" font-size=\"10\">{detail}</text>\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::manifest::ManifestFile;

    const MANIFEST: &str = r#"
        [[component]]
        name = "client"
        program = "client"
        priority = 9
        memory = "1M"
        uses = ["echo", "supervisor"]
        channels = [{ to = "echo", memory = "64K" }]
        restart = { when = "never" }

        [[component]]
        name = "echo"
        program = "echo"
        priority = 10
        memory = "64K"
        offers = "echo"
        io-ports = ["0x3f8..0x3ff"]
        interrupts = [4]
        framebuffer = true
        pci = "1af4:1042"
        dma = "256K"

        [[component]]
        name = "pci"
        program = "pci"
        priority = 11
        memory = "64K"
        uses = ["devices"]
        io-ports = ["0xcf8..0xcff"]
    "#;

    #[test]
    fn the_text_says_who_may_do_what() {
        let file = ManifestFile::parse(MANIFEST).unwrap();
        let expected = "\
client
  runs        client, priority 9, 1 MiB
  on failure  it stays down
  calls       echo, supervisor
  shares      64 KiB with echo
echo
  runs        echo, priority 10, 64 KiB
  on failure  restarts, up to 16 times in a row
  offers      echo
  called by   client
  shares      64 KiB with client
  holds       I/O ports 0x3f8..0x3ff, interrupt 4, the screen, PCI 1af4:1042, dma 256 KiB
pci
  runs        pci, priority 11, 64 KiB
  on failure  restarts, up to 16 times in a row
  calls       devices
  holds       I/O ports 0xcf8..0xcff, every PCI device
";
        assert_eq!(text(&file.manifest().unwrap()), expected);
    }

    #[test]
    fn the_picture_has_a_box_for_each_and_a_line_for_each_right_to_call() {
        let file = ManifestFile::parse(MANIFEST).unwrap();
        let manifest = file.manifest().unwrap();
        assert_eq!(rows(&manifest), [0, 1, 0], "a caller stands above whom it calls");
        let svg = picture(&manifest);
        assert_eq!(svg.matches("font-weight").count(), 4, "three components and root");
        assert_eq!(svg.matches("<line ").count(), 3);
    }
}
