//! The tables, as an operating system comes from one to the next.

use amateras_boot::{ACPI_ROOT, Image, Wishes};

/// The bytes of the table at `address`: their sum is zero, and they say what they are.
fn table<'a>(memory: &'a [u8], address: u64, signature: &[u8]) -> &'a [u8] {
    let at = address as usize;
    let length = number(memory, at + 4, 4) as usize;
    let table = &memory[at..at + length];
    assert_eq!(&table[..4], signature);
    assert_eq!(sum(table), 0, "{signature:?}");
    table
}

fn sum(bytes: &[u8]) -> u8 {
    bytes.iter().fold(0, |sum, byte| sum.wrapping_add(*byte))
}

fn number(memory: &[u8], offset: usize, bytes: usize) -> u64 {
    memory[offset..offset + bytes].iter().rev().fold(0, |sum, byte| sum << 8 | u64::from(*byte))
}

/// The memory of a machine with so many processors, before its kernel begins.
fn memory(processors: usize) -> Vec<u8> {
    let mut kernel = vec![0; 3 << 20];
    let mut put = |offset: usize, bytes: &[u8]| {
        kernel[offset..offset + bytes.len()].copy_from_slice(bytes);
    };
    put(0x1fe, &[0x55, 0xaa, 0xeb, 0x6a]);
    put(0x202, b"HdrS\x0f\x02");
    put(0x211, &[1]);
    put(0x22c, &0x7fff_ffff_u32.to_le_bytes());
    put(0x236, &[1]);
    put(0x238, &2047_u32.to_le_bytes());
    put(0x258, &0x100_0000_u64.to_le_bytes());
    put(0x260, &0x80_0000_u32.to_le_bytes());
    let mut memory = vec![0; 32 << 20];
    let wishes = Wishes { memory: 32 << 20, processors, command_line: "", initrd: &(&[] as &[u8]) };
    let kernel = &kernel[..];
    let image = Image::parse(&kernel).unwrap();
    image.plan(wishes).unwrap().load(&mut memory[..]).unwrap();
    memory
}

#[test]
fn one_table_leads_to_the_next() {
    let memory = memory(1);
    assert_eq!(number(&memory, 0x7000 + 0x70, 8), ACPI_ROOT, "the zero page tells where");
    let root = &memory[ACPI_ROOT as usize..][..36];
    assert_eq!((&root[..8], sum(&root[..20]), sum(root)), (&b"RSD PTR "[..], 0, 0));
    let list = table(&memory, number(root, 24, 8), b"XSDT");
    let fixed = table(&memory, number(list, 36, 8), b"FACP");
    table(&memory, number(list, 44, 8), b"APIC");
    assert_eq!(list.len(), 52);
    assert_eq!(number(fixed, 40, 4), number(fixed, 140, 8));
    table(&memory, number(fixed, 140, 8), b"DSDT");
    let shared = number(fixed, 132, 8);
    assert_eq!((&memory[shared as usize..][..4], shared % 64), (&b"FACS"[..], 0));
}

#[test]
fn the_fixed_hardware_is_where_its_devices_answer() {
    let memory = memory(1);
    let list = table(&memory, number(&memory, ACPI_ROOT as usize + 24, 8), b"XSDT");
    let fixed = table(&memory, number(list, 36, 8), b"FACP");
    use amateras_devices::power;
    for (at, port, bytes) in [
        (148, power::EVENT, 4),
        (172, power::CONTROL, 2),
        (208, power::TIMER, 4),
        (116, power::RESET, 1),
    ] {
        let register = &fixed[at..at + 12];
        assert_eq!((register[0], register[1]), (1, bytes * 8), "a port of its width");
        assert_eq!(number(register, 4, 8), port.into());
    }
    assert_eq!((fixed[128], fixed[46]), (power::RESET_VALUE, power::LINE));
}

#[test]
fn every_processor_and_every_line_is_listed() {
    for processors in [1, 8] {
        let memory = memory(processors);
        let list = table(&memory, number(&memory, ACPI_ROOT as usize + 24, 8), b"XSDT");
        let table = table(&memory, number(list, 44, 8), b"APIC");
        let (mut at, mut local, mut lines) = (44, vec![], vec![]);
        while at < table.len() {
            let entry = &table[at..at + usize::from(table[at + 1])];
            match entry[0] {
                0 => local.push((entry[3], entry[4])),
                1 => assert_eq!(number(entry, 4, 8), 0xfec0_0000),
                2 => lines.push((entry[3], entry[4], number(entry, 8, 2))),
                kind => panic!("{kind}"),
            }
            at += entry.len();
        }
        assert_eq!(at, table.len());
        let expected: Vec<_> = (0..processors as u8).map(|number| (number, 1)).collect();
        assert_eq!(local, expected);
        assert_eq!(lines, [(0, 2, 0), (9, 9, 13), (10, 10, 13), (11, 11, 13), (5, 5, 13)]);
    }
}
