//! Any configuration is read or refused with a message; what is read is within its bounds.

#![no_main]

use std::collections::HashSet;

use a9n_abi::boot::Module;
use a9n_loader_core::config::Config;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|file: &[u8]| {
    match Config::parse(file) {
        Ok(config) => {
            assert!(!config.kernel.as_str().is_empty() && !config.init.as_str().is_empty());
            let mut names = HashSet::new();
            for module in config.modules() {
                assert!(module.name.len() <= Module::NAME_BYTES && names.insert(module.name));
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
});
