//! The manifest of a system with components: read, checked and packed.
//!
//! What it means and which rules it keeps is the business of `koito-manifest`, which the root
//! server uses as well. Here are only its text, and the lines in which something is wrong.

pub mod graph;
mod schema;

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use koito_manifest::{
    Channel, Component, Field, MOST_CHANNELS, MOST_COMPONENTS, MOST_DEVICES, MOST_MODULES,
    MOST_USES, Manifest, Place, Restart, Vec as List,
};

use schema::{Entry, File};
use toml::Spanned;

/// The boot module in which the root server finds it.
pub const MODULE: &str = "manifest";
/// More than the largest manifest that can be written.
const MOST_BYTES: usize = 64 * 1024;

/// A manifest that keeps all rules, with the text that it was read from.
#[derive(Debug)]
pub struct ManifestFile {
    file: File,
}

impl ManifestFile {
    /// Reads and checks files, as if they were one. Lines are counted through all of them.
    pub fn read(paths: &[PathBuf]) -> Result<Self> {
        let mut text = String::new();
        for path in paths {
            text += &fs::read_to_string(path)
                .with_context(|| format!("cannot read the manifest {}", path.display()))?;
        }
        let names: Vec<_> = paths.iter().map(|path| path.display().to_string()).collect();
        Self::parse(&text).with_context(|| format!("in {}", names.join(" and ")))
    }

    /// Reads and checks `text`. An error names every line that has a defect.
    fn parse(text: &str) -> Result<Self> {
        let read = Self { file: toml::from_str(text)? };
        let manifest = read.resolve(text)?;
        let mut defects = vec![];
        manifest.check(|place, defect| {
            defects.push((line(text, read.offset(place)), defect.to_string()));
        });
        drop(manifest);
        if defects.is_empty() {
            return Ok(read);
        }
        defects.sort();
        let lines: Vec<_> =
            defects.iter().map(|(line, defect)| format!("line {line}: {defect}")).collect();
        bail!("{}", lines.join("\n"))
    }

    /// It as the root server sees it.
    pub fn manifest(&self) -> Result<Manifest<'_>> {
        // Whatever can go wrong with a text went wrong when it was read.
        self.resolve("")
    }

    /// The programs that it needs, each once.
    pub fn programs(&self) -> Vec<&str> {
        let mut programs = vec![];
        for entry in &self.file.component {
            let program = entry.get_ref().program.get_ref().as_str();
            if !programs.contains(&program) {
                programs.push(program);
            }
        }
        programs
    }

    /// The same without components for which a boot module is missing, as only `modules` are there, or
    /// a part of the machine, since it only has `parts`; who would use them does without.
    pub fn without_missing(mut self, modules: &[String], parts: &[&str]) -> Self {
        let complete = |entry: &Entry| {
            let only_with = entry.only_with.as_ref().map(|it| it.get_ref().as_str());
            entry.modules.iter().all(|it| modules.contains(it.get_ref()))
                && only_with.is_none_or(|it| parts.contains(&it))
        };
        let (stay, go) = self.file.component.into_iter().partition(|it| complete(it.get_ref()));
        self.file.component = stay;
        let gone: Vec<Spanned<Entry>> = go;
        let gone: Vec<&str> = gone
            .iter()
            .filter_map(|entry| Some(entry.get_ref().offers.as_ref()?.get_ref().as_str()))
            .collect();
        for entry in &mut self.file.component {
            let entry = entry.get_mut();
            let there = |it: &Spanned<String>| modules.contains(it.get_ref());
            entry.modules.extend(entry.optional_modules.extract_if(.., |it| there(it)));
            entry.uses.retain(|service| !gone.contains(&service.get_ref().as_str()));
            entry.channels.retain(|channel| !gone.contains(&channel.get_ref().to.as_str()));
        }
        self
    }

    /// It in packed form.
    pub fn pack(&self) -> Result<Vec<u8>> {
        let mut buffer = vec![0; MOST_BYTES];
        let packed = self.manifest()?.pack(&mut buffer).context("the manifest is too large")?;
        Ok(packed.to_vec())
    }

    fn resolve(&self, text: &str) -> Result<Manifest<'_>> {
        let mut components = List::new();
        for entry in &self.file.component {
            let component = component(entry.get_ref(), text)?;
            if components.push(component).is_err() {
                let line = line(text, entry.span().start);
                bail!("line {line}: a system has at most {MOST_COMPONENTS} components");
            }
        }
        Ok(Manifest { components })
    }

    /// Where in the text something is.
    fn offset(&self, place: Place) -> usize {
        let Some(entry) = self.file.component.get(place.component) else { return 0 };
        let start = entry.span().start;
        let entry = entry.get_ref();
        let of = |spans: Vec<usize>, index: usize| spans.get(index).copied().unwrap_or(start);
        match place.field {
            Field::Name => entry.name.span().start,
            Field::Program => entry.program.span().start,
            Field::Priority => entry.priority.span().start,
            Field::Memory => entry.memory.span().start,
            Field::Pool => entry.pool.as_ref().map_or(start, |it| it.span().start),
            Field::MostPool => entry.most_pool.as_ref().map_or(start, |it| it.span().start),
            Field::Offers => entry.offers.as_ref().map_or(start, |it| it.span().start),
            Field::Restart => entry.restart.as_ref().map_or(start, |it| it.span().start),
            Field::Uses(index) => of(schema::starts(&entry.uses), index),
            Field::Framebuffer => entry.framebuffer.as_ref().map_or(start, |it| it.span().start),
            Field::Pci => entry.pci.as_ref().map_or(start, |it| it.span().start),
            Field::Dma => entry.dma.as_ref().map_or(start, |it| it.span().start),
            Field::Channels(index) => of(schema::starts(&entry.channels), index),
            Field::IoPorts(index) => of(schema::starts(&entry.io_ports), index),
            Field::Interrupts(index) => of(schema::starts(&entry.interrupts), index),
        }
    }
}

/// A component as `entry` describes it.
fn component<'a>(entry: &'a Entry, text: &str) -> Result<Component<'a>> {
    let at = |offset: usize| format!("line {}", line(text, offset));
    let heartbeat = match &entry.heartbeat {
        None => 0,
        Some(period) => {
            schema::milliseconds(period.get_ref()).with_context(|| at(period.span().start))?
        }
    };
    let restart = match &entry.restart {
        None => Restart::default(),
        Some(policy) => policy.get_ref().resolve().with_context(|| at(policy.span().start))?,
    };
    let mut channels = List::new();
    for channel in &entry.channels {
        let schema::Shared { to, memory } = channel.get_ref();
        let place = || at(channel.span().start);
        let memory_bits = schema::memory_bits(memory).with_context(place)?;
        if channels.push(Channel { to, memory_bits }).is_err() {
            bail!("{}: at most {MOST_CHANNELS} channels", place());
        }
    }
    let mut io_ports = List::new();
    for range in &entry.io_ports {
        let ports = schema::port_range(range.get_ref()).with_context(|| at(range.span().start))?;
        if io_ports.push(ports).is_err() {
            bail!("{}: at most {MOST_DEVICES} ranges of I/O ports", at(range.span().start));
        }
    }
    let pci = match &entry.pci {
        None => None,
        Some(device) => {
            Some(schema::pci_device(device.get_ref()).with_context(|| at(device.span().start))?)
        }
    };
    let optional_bits = |memory: &Option<Spanned<String>>| match memory {
        None => Ok(0),
        Some(memory) => {
            schema::memory_bits(memory.get_ref()).with_context(|| at(memory.span().start))
        }
    };
    Ok(Component {
        framebuffer: entry.framebuffer.as_ref().is_some_and(|it| *it.get_ref()),
        pci,
        dma_bits: optional_bits(&entry.dma)?,
        pool_bits: optional_bits(&entry.pool)?,
        most_pool_bits: optional_bits(&entry.most_pool)?,
        name: entry.name.get_ref(),
        program: entry.program.get_ref(),
        arguments: &entry.arguments,
        priority: *entry.priority.get_ref(),
        memory_bits: schema::memory_bits(entry.memory.get_ref())
            .with_context(|| at(entry.memory.span().start))?,
        offers: entry.offers.as_ref().map(|service| service.get_ref().as_str()),
        uses: list::<_, _, MOST_USES>(&entry.uses, |service| service.as_str())
            .map_err(|offset| anyhow::anyhow!("{}: at most {MOST_USES} services", at(offset)))?,
        channels,
        alarm: entry.alarm,
        io_ports,
        interrupts: list::<_, _, MOST_DEVICES>(&entry.interrupts, |line| *line).map_err(
            |offset| anyhow::anyhow!("{}: at most {MOST_DEVICES} interrupts", at(offset)),
        )?,
        modules: list::<_, _, MOST_MODULES>(&entry.modules, |name| name.as_str())
            .map_err(|offset| anyhow::anyhow!("{}: at most {MOST_MODULES} modules", at(offset)))?,
        on_request: entry.on_request,
        restart,
        heartbeat,
    })
}

/// Entries of bounded number, or where in the text there is one too many.
fn list<'a, T, U, const N: usize>(
    entries: &'a [toml::Spanned<T>],
    make: impl Fn(&'a T) -> U,
) -> Result<List<U, N>, usize> {
    let mut list = List::new();
    for entry in entries {
        list.push(make(entry.get_ref())).map_err(|_| entry.span().start)?;
    }
    Ok(list)
}

/// The line, counted from 1, of a byte of `text`.
fn line(text: &str, offset: usize) -> usize {
    text.bytes().take(offset).filter(|byte| *byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Two components, whose lines can be changed.
    const GOOD: &str = r#"
[[component]]
name = "serial"
program = "koito-serial"
priority = 200
memory = "512K"
offers = "console"
io-ports = ["0x3f8..0x3ff"]
interrupts = [4]
restart = { first-delay = "5ms", longest-delay = "1s", tries = 3 }
heartbeat = "500ms"

[[component]]
name = "shell"
program = "koito-shell"
priority = 100
memory = "1M"
uses = ["console", "supervisor"]
alarm = true
"#;

    fn refused(from: &str, to: &str) -> String {
        assert!(GOOD.contains(from), "{from:?} is in the text");
        let error = ManifestFile::parse(&GOOD.replacen(from, to, 1)).unwrap_err();
        format!("{error:#}")
    }

    #[test]
    fn what_is_written_is_what_root_reads() {
        let file = ManifestFile::parse(GOOD).unwrap();
        assert_eq!(file.programs(), ["koito-serial", "koito-shell"]);
        let packed = file.pack().unwrap();
        let manifest = Manifest::unpack(&packed).unwrap();
        assert_eq!(manifest, file.manifest().unwrap());
        let [serial, shell] = &manifest.components[..] else { panic!("there are two") };
        assert_eq!((serial.memory_bits, serial.heartbeat), (19, 500));
        assert_eq!((serial.restart.longest_delay, serial.restart.tries), (1000, 3));
        assert_eq!((serial.io_ports[0].first, serial.io_ports[0].last), (0x3f8, 0x3ff));
        assert_eq!((&shell.uses[..], shell.alarm), (&["console", "supervisor"][..], true));
    }

    #[test]
    fn defects_name_their_lines() {
        let error = refused("\"console\", \"sup", "\"disk\", \"sup");
        assert_eq!(error, "line 18: nobody offers the service \"disk\"");
        let error = refused("name = \"shell\"", "name = \"serial\"");
        assert_eq!(error, "line 14: another component has this name");
        let error = refused("alarm = true", "interrupts = [3, 4]\nio-ports = [\"0x3fa\"]");
        assert_eq!(
            error,
            "line 19: \"serial\" has this interrupt, too\n\
             line 20: \"serial\" has some of these I/O ports, too"
        );
        let disk = |lines: &str| {
            let managed = "pci = \"1af4:1042\"\nuses = [\"devices\"]";
            let text = GOOD.replacen("interrupts = [4]", managed, 1);
            let text = text.replacen("alarm = true", lines, 1);
            format!("{:#}", ManifestFile::parse(&text).unwrap_err())
        };
        assert_eq!(disk("pci = \"1af4:1042\""), "line 20: \"serial\" has this device, too");
        assert!(disk("dma = \"64K\"").starts_with("line 20: a component with a PCI device"));
        assert!(disk("pci = \"1af4\"").starts_with("line 20: \"1af4\" is no PCI device"));
        assert!(
            disk("pci = \"1af4:1042/x\"").starts_with("line 20: \"1af4:1042/x\" is no PCI device")
        );
        let managed = "pci = \"1af4:1042\"\nuses = [\"devices\"]";
        let text = GOOD.replacen("interrupts = [4]", managed, 1);
        let file = ManifestFile::parse(&text.replacen("alarm = true", "pci = \"1af4:1042/1\"", 1));
        let pci = file.unwrap().manifest().unwrap().components[1].pci.unwrap();
        assert_eq!((pci.index, pci.to_string().as_str()), (1, "1af4:1042/1"));
        let text = GOOD.replacen("interrupts = [4]", "framebuffer = true", 1);
        let text = text.replacen("alarm = true", "framebuffer = true", 1);
        let error = format!("{:#}", ManifestFile::parse(&text).unwrap_err());
        assert_eq!(error, "line 19: \"serial\" has the framebuffer, too");
        let error = refused("interrupts = [4]", "uses = [\"shell\"]");
        assert_eq!(error, "line 9: nobody offers the service \"shell\"");
        let error = refused("alarm = true", "offers = \"console\"");
        let taken = "line 19: the service \"console\" is offered by somebody else already";
        assert_eq!(error, taken);
    }

    #[test]
    fn who_lacks_a_boot_module_is_left_out() {
        let text = GOOD.replacen("heartbeat =", "modules = [\"font\"]\nheartbeat =", 1);
        let file = ManifestFile::parse(&text).unwrap();
        assert_eq!(file.manifest().unwrap().components[0].modules[..], ["font"]);
        let file = file.without_missing(&["font".into()], &[]);
        assert_eq!(file.manifest().unwrap().components.len(), 2);
        let file = file.without_missing(&[], &[]);
        let manifest = file.manifest().unwrap();
        assert_eq!(manifest.components[0].uses[..], ["supervisor"]);
        assert_eq!((manifest.components.len(), file.programs().len()), (1, 1));
    }

    #[test]
    fn who_is_there_for_a_part_of_the_machine_comes_and_goes_with_it() {
        let text = GOOD.replacen("heartbeat =", "only-with = \"port\"\nheartbeat =", 1);
        let channel = "channels = [{ to = \"console\", memory = \"16K\" }]";
        let text = text.replacen("alarm = true", channel, 1);
        let read = || ManifestFile::parse(&text).unwrap();
        let (with, without) =
            (read().without_missing(&[], &["port"]), read().without_missing(&[], &["disk"]));
        assert_eq!(with.manifest().unwrap().components[1].channels.len(), 1);
        let manifest = without.manifest().unwrap();
        assert_eq!(manifest.components.len(), 1);
        assert_eq!(manifest.components[0].uses[..], ["supervisor"]);
        assert!(manifest.components[0].channels.is_empty());
    }

    #[test]
    fn circles_are_shown() {
        let error = refused("interrupts = [4]", "uses = [\"ui\"]");
        assert!(error.contains("line 9"), "{error}");
        let text = GOOD.replacen("interrupts = [4]", "uses = [\"ui\"]", 1).replacen(
            "alarm = true",
            "offers = \"ui\"",
            1,
        );
        let error = format!("{:#}", ManifestFile::parse(&text).unwrap_err());
        let circle = "components must not call each other in a circle: serial -> shell -> serial";
        assert_eq!(error, format!("line 18: {circle}"));
    }

    #[test]
    fn values_that_cannot_be_read_name_their_lines() {
        assert!(refused("\"512K\"", "\"500K\"").contains("line 6: "));
        assert!(refused("\"512K\"", "\"much\"").contains("power of two"));
        let channel = |to: &str, memory: &str| {
            let line = format!("channels = [{{ to = \"{to}\", memory = \"{memory}\" }}]");
            refused("alarm = true", &line)
        };
        assert!(channel("disk", "64K").starts_with("line 19: a channel leads to a service"));
        assert!(channel("console", "8K").starts_with("line 19: a channel has at least 16 KiB"));
        assert!(refused("\"500ms\"", "\"500\"").contains("line 11: "));
        assert!(refused("\"0x3f8..0x3ff\"", "\"0x3f8-0x3ff\"").contains("line 8: "));
        assert!(refused("tries = 3", "attempts = 3").contains("attempts"));
        assert!(refused("name = \"serial\"", "nam = \"serial\"").contains("line 3"));
        let many = refused("interrupts = [4]", "interrupts = [1, 2, 3, 5, 6]");
        assert_eq!(many, "line 9: at most 4 interrupts");
    }

    /// Every key that there is, so that changes meet all of them.
    const ALL: &str = include_str!("../../koito/koito.toml");

    proptest! {
        /// Whatever becomes of a manifest's text: it is refused in words, or it is what root reads.
        #[test]
        fn a_spoilt_text_is_refused_or_means_something(
            spoils in prop::collection::vec((0..3_u8, any::<usize>(), any::<usize>(), any::<char>()), 1..6),
        ) {
            let mut lines: Vec<String> = ALL.lines().map(str::to_owned).collect();
            for (how, from, to, character) in spoils {
                let (from, to) = (from % lines.len(), to % lines.len());
                match how {
                    0 => lines.insert(to, lines[from].clone()),
                    1 if lines.len() > 1 => drop(lines.remove(from)),
                    _ => {
                        let places: Vec<_> = lines[from].char_indices().collect();
                        if let Some((place, _)) = places.get(to % places.len().max(1)) {
                            lines[from].insert(*place, character);
                        }
                    }
                }
            }
            match ManifestFile::parse(&lines.join("\n")) {
                Ok(file) => {
                    let packed = file.pack().expect("there is room");
                    prop_assert_eq!(Manifest::unpack(&packed), Ok(file.manifest().expect("it was read")));
                }
                Err(error) => prop_assert!(!error.to_string().is_empty()),
            }
        }
    }
}
