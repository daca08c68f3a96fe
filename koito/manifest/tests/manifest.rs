//! Rules and packed form of manifests.

use koito_manifest::{
    Channel, Component, DEVICES, Defect, Field, Manifest, PciDevice, PortRange, Restart,
    SUPERVISOR, Unreadable,
};

fn component(name: &str) -> Component<'_> {
    Component {
        name,
        program: "program",
        arguments: "",
        priority: 100,
        memory_bits: 20,
        most_pool_bits: 0,
        pool_bits: 0,
        offers: None,
        uses: Default::default(),
        channels: Default::default(),
        alarm: false,
        io_ports: Default::default(),
        interrupts: Default::default(),
        framebuffer: false,
        pci: None,
        dma_bits: 0,
        modules: Default::default(),
        on_request: false,
        restart: Restart::default(),
        heartbeat: 0,
    }
}

fn server<'a>(name: &'a str, uses: &[&'a str]) -> Component<'a> {
    Component { offers: Some(name), uses: uses.iter().copied().collect(), ..component(name) }
}

fn manifest<'a>(components: impl IntoIterator<Item = Component<'a>>) -> Manifest<'a> {
    Manifest { components: components.into_iter().collect() }
}

fn defects<'a>(manifest: &Manifest<'a>) -> Vec<(usize, Field, Defect<'a>)> {
    let mut defects = vec![];
    manifest.check(|place, defect| defects.push((place.component, place.field, defect)));
    defects
}

fn driver(name: &str, first: u16, last: u16, line: u8) -> Component<'_> {
    Component {
        io_ports: [PortRange { first, last }].into_iter().collect(),
        interrupts: [line].into_iter().collect(),
        ..component(name)
    }
}

#[test]
fn a_good_manifest_has_no_defects() {
    let good = manifest([
        driver("serial", 0x3f8, 0x3ff, 4),
        server("log", &[]),
        server("echo", &["log", SUPERVISOR]),
        Component { uses: ["echo", "log"].into_iter().collect(), ..component("client") },
    ]);
    assert_eq!(defects(&good), []);
}

#[test]
fn names_and_services_belong_to_one() {
    let bad = manifest([server("a", &[]), server("a", &[]), server("B!", &[]), server("", &[])]);
    assert_eq!(
        defects(&bad),
        [
            (1, Field::Name, Defect::NameTaken(0)),
            (1, Field::Offers, Defect::ServiceTaken("a")),
            (2, Field::Name, Defect::BadName("B!")),
            (2, Field::Offers, Defect::BadName("B!")),
            (3, Field::Name, Defect::BadName("")),
            (3, Field::Offers, Defect::BadName("")),
        ]
    );
    let bad = manifest([server(SUPERVISOR, &[])]);
    assert_eq!(defects(&bad), [(0, Field::Offers, Defect::ServiceTaken(SUPERVISOR))]);
}

#[test]
fn services_that_are_used_must_be_there() {
    let bad = manifest([server("a", &["b", "c"]), server("c", &[]), server("d", &["c", "c"])]);
    assert_eq!(
        defects(&bad),
        [
            (0, Field::Uses(0), Defect::NoSuchService("b")),
            (2, Field::Uses(1), Defect::UsedTwice("c")),
        ]
    );
}

#[test]
fn a_circle_of_calls_is_told_once_and_in_full() {
    let bad = manifest([
        server("a", &["b"]),
        server("b", &["x", "c"]),
        server("c", &["a"]),
        server("x", &[]),
        server("y", &["a"]),
    ]);
    let circle = Defect::Circle(["a", "b", "c"].into_iter().collect());
    assert_eq!(circle.to_string().split(": ").nth(1), Some("a -> b -> c -> a"));
    assert_eq!(defects(&bad), [(2, Field::Uses(0), circle)]);
    let alone = manifest([server("a", &["a"])]);
    assert!(matches!(defects(&alone)[..], [(0, Field::Uses(0), Defect::Circle(_))]));
}

fn with_channels<'a>(name: &'a str, to: &[(&'a str, u8)]) -> Component<'a> {
    let channel = |(to, memory_bits): &(&'a str, u8)| Channel { to, memory_bits: *memory_bits };
    let uses = ["a", "b"];
    let channels = to.iter().map(channel).collect();
    Component { uses: uses.into_iter().collect(), channels, ..component(name) }
}

#[test]
fn channels_lead_to_services_that_are_used() {
    let servers = || [server("a", &[]), server("b", &[]), server("c", &[])].into_iter();
    let good = manifest(servers().chain([with_channels("x", &[("a", 14), ("b", 24)])]));
    assert_eq!(defects(&good), []);
    let channels: Vec<_> = good.channels().map(|(from, it, to)| (from, it.to, to)).collect();
    assert_eq!(channels, [(3, "a", 0), (3, "b", 1)]);
    let bad = [("c", 14), ("a", 13), ("a", 25)];
    assert_eq!(
        defects(&manifest(servers().chain([with_channels("x", &bad)]))),
        [
            (3, Field::Channels(0), Defect::NotUsed("c")),
            (3, Field::Channels(1), Defect::BadChannel),
            (3, Field::Channels(2), Defect::UsedTwice("a")),
            (3, Field::Channels(2), Defect::BadChannel),
        ]
    );
    let names: Vec<String> = (0..9).map(|number| format!("client{number}")).collect();
    let clients = names.iter().map(|name| with_channels(name, &[("a", 14)]));
    let many = manifest(servers().chain(clients));
    assert_eq!(defects(&many), [(0, Field::Name, Defect::TooManyChannels)]);
}

#[test]
fn a_device_has_one_owner() {
    let bad = manifest([
        driver("a", 0x3f8, 0x3ff, 4),
        driver("b", 0x3ff, 0x400, 4),
        driver("c", 0x400, 0x402, 5),
        driver("d", 9, 8, 6),
    ]);
    assert_eq!(
        defects(&bad),
        [
            (1, Field::IoPorts(0), Defect::PortsTaken("a")),
            (1, Field::Interrupts(0), Defect::InterruptTaken("a")),
            (2, Field::IoPorts(0), Defect::PortsTaken("b")),
            (3, Field::IoPorts(0), Defect::BadRange(PortRange { first: 9, last: 8 })),
        ]
    );
    let twice = Component { interrupts: [7, 7].into_iter().collect(), ..component("e") };
    let expected = [(0, Field::Interrupts(1), Defect::InterruptTaken("e"))];
    assert_eq!(defects(&manifest([twice])), expected);
}

#[test]
fn numbers_out_of_range_are_refused() {
    let bad = manifest([
        Component { priority: 251, memory_bits: 15, pool_bits: 15, ..component("a") },
        Component {
            memory_bits: 35,
            restart: Restart { first_delay: 5, longest_delay: 4, ..Restart::default() },
            ..component("b")
        },
        Component { restart: Restart { tries: 0, ..Restart::default() }, ..component("c") },
        Component { pool_bits: 20, most_pool_bits: 19, on_request: true, ..component("d") },
        Component { most_pool_bits: 21, ..component("e") },
        Component { pool_bits: 20, most_pool_bits: 21, ..component("f") },
        Component { pool_bits: 20, most_pool_bits: 21, on_request: true, ..component("g") },
    ]);
    assert_eq!(
        defects(&bad),
        [
            (0, Field::Priority, Defect::TooUrgent),
            (0, Field::Memory, Defect::BadMemory),
            (0, Field::Pool, Defect::BadPool),
            (1, Field::Memory, Defect::BadMemory),
            (1, Field::Restart, Defect::BadRestart),
            (2, Field::Restart, Defect::BadRestart),
            (3, Field::MostPool, Defect::BadMostPool),
            (4, Field::MostPool, Defect::BadMostPool),
        ]
    );
    assert!(matches!(defects(&manifest([]))[..], [(0, Field::Name, Defect::Empty)]));
}

#[test]
fn what_was_packed_is_read_back() {
    let written = manifest([driver("serial", 0x3f8, 0x3ff, 4), server("echo", &[SUPERVISOR])]);
    let mut buffer = [0; 1000];
    let length = written.pack(&mut buffer).unwrap().len();
    assert_eq!(Manifest::unpack(&buffer[..length]), Ok(written.clone()));
    assert_eq!(Manifest::unpack(&buffer[..=length]), Err(Unreadable), "something stands behind");
    for cut in 0..length {
        assert_eq!(Manifest::unpack(&buffer[..cut]), Err(Unreadable));
        assert!(written.pack(&mut [0; 1000][..cut]).is_none());
    }
}

#[test]
fn damaged_bytes_are_an_error_or_a_manifest_that_can_be_checked() {
    let written = manifest([driver("serial", 0x3f8, 0x3ff, 4), server("echo", &["echo"])]);
    let mut buffer = [0; 1000];
    let length = written.pack(&mut buffer).unwrap().len();
    let mut read = 0;
    for (at, value) in (0..length).flat_map(|at| (0..=255).map(move |value| (at, value))) {
        let mut damaged = buffer;
        damaged[at] = value;
        if let Ok(manifest) = Manifest::unpack(&damaged[..length]) {
            manifest.check(|_, _| {});
            read += 1;
        }
    }
    assert!(read > length, "some damage leaves it readable");
}

#[test]
fn a_device_belongs_to_one_who_alone_shares_memory_with_it() {
    let disk = Some(PciDevice { vendor: 0x1af4, device: 0x1042, index: 0 });
    let another = disk.map(|disk| PciDevice { index: 1, ..disk });
    let bad = manifest([
        Component { pci: disk, dma_bits: 18, ..component("disk") },
        Component { pci: another, dma_bits: 18, ..component("twin") },
        Component { pci: disk, dma_bits: 30, ..component("thief") },
        Component { dma_bits: 18, ..component("dreamer") },
    ]);
    let expected = [
        (0, Field::Pci, Defect::NoPciServer),
        (1, Field::Pci, Defect::NoPciServer),
        (2, Field::Dma, Defect::BadDma),
        (2, Field::Pci, Defect::DeviceTaken("disk")),
        (2, Field::Pci, Defect::NoPciServer),
        (3, Field::Dma, Defect::BadDma),
    ];
    assert_eq!(defects(&bad), expected);
}

#[test]
fn pci_devices_are_managed_by_one() {
    let disk = Some(PciDevice { vendor: 0x1af4, device: 0x1042, index: 0 });
    let manages = |name| Component { uses: [DEVICES].into_iter().collect(), ..component(name) };
    let driver = Component { pci: disk, dma_bits: 18, ..component("disk") };
    let good = manifest([driver.clone(), manages("pci")]);
    assert_eq!((defects(&good), good.pci_server()), (vec![], Some(1)));
    let bad = manifest([driver, manages("pci"), manages("other")]);
    assert_eq!(defects(&bad), [(2, Field::Uses(0), Defect::TwoPciServers("pci"))]);
    let bad = manifest([server(DEVICES, &[])]);
    assert_eq!(defects(&bad), [(0, Field::Offers, Defect::ServiceTaken(DEVICES))]);
}
