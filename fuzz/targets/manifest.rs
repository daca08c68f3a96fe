//! A packed manifest, which the root server reads at boot, is whole or refused; and what breaks no rule
//! has what the root server relies on.

#![no_main]

use koito_manifest::{HIGHEST_PRIORITY, MEMORY_BITS, MOST_COMPONENTS, Manifest, is_of_root};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|packed: &[u8]| {
    let manifest = match Manifest::unpack(packed) {
        Ok(manifest) => manifest,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return;
        }
    };
    let mut buffer = vec![0; packed.len() + (1 << 16)];
    let again = manifest.pack(&mut buffer).expect("it was packed before");
    assert_eq!(Manifest::unpack(again), Ok(manifest.clone()));

    let mut defects = 0;
    manifest.check(|place, defect| {
        assert!(place.component <= manifest.components.len() && !defect.to_string().is_empty());
        defects += 1;
    });
    assert_eq!(manifest.channels().count(), manifest.channels().take(4 * MOST_COMPONENTS).count());
    if defects > 0 {
        return;
    }
    for component in &manifest.components {
        assert!(component.priority <= HIGHEST_PRIORITY);
        assert!(MEMORY_BITS.contains(&component.memory_bits));
        for service in &component.uses {
            assert!(is_of_root(service) || manifest.provider(service).is_some());
        }
        for range in &component.io_ports {
            assert!(range.first <= range.last);
        }
    }
});
