//! The configuration file: what it may say, and that errors name the line.

use a9n_loader_core::config::{Config, ConfigError, Problem};
use proptest::prelude::*;

const BASIC: &str = "kernel = a9n/kernel.elf\ninit = a9n/init.elf\n";

fn refused(text: &str) -> ConfigError {
    Config::parse(text.as_bytes()).expect_err("must be refused")
}

#[test]
fn a_full_configuration_is_read() {
    let text = "\u{feff}# demonstration\r\n\r\n kernel=/a9n/kernel.elf \r\ninit = a9n/init.elf\r\n\
                module = partner  a9n/modules/partner\r\nmodule = x a9n/modules/x\r\n\
                command_line = verbose = yes # kept\r\n";
    let config = Config::parse(text.as_bytes()).unwrap();
    assert_eq!(config.kernel.as_str(), "a9n/kernel.elf");
    assert_eq!(config.init.as_str(), "a9n/init.elf");
    assert_eq!(config.command_line, "verbose = yes # kept");
    let modules: Vec<_> =
        config.modules().map(|it| (it.name, it.path.as_str().to_owned())).collect();
    let expected = [("partner", "a9n/modules/partner"), ("x", "a9n/modules/x")];
    assert_eq!(modules, expected.map(|(name, path)| (name, path.to_owned())));
}

#[test]
fn errors_name_the_line() {
    let cases = [
        ("kernel = a\nnonsense\n", 2, Problem::NoEqualsSign),
        ("kernel = a\n\ncolour = red\n", 3, Problem::UnknownKey),
        ("init = a\ninit = b\n", 2, Problem::Repeated),
        ("kernel =\n", 1, Problem::BadPath),
        ("# x\nmodule = lonely\n", 2, Problem::BadModule),
        ("module = a b\nmodule = a c\n", 2, Problem::Repeated),
        ("init = a\n", 0, Problem::NoKernel),
        ("kernel = a\n", 0, Problem::NoInit),
    ];
    for (text, line, problem) in cases {
        assert_eq!(refused(text), ConfigError { line, problem }, "{text:?}");
    }
    let long = format!("module = {} a\n", "n".repeat(49));
    assert_eq!(refused(&long).problem, Problem::LongName);
    let long = format!("kernel = {}\n", "n".repeat(65));
    assert_eq!(refused(&long).problem, Problem::BadPath);
    assert_eq!(Config::parse(b"\xff").unwrap_err().problem, Problem::NotText);
    assert_eq!(
        refused("kernel = a\nnonsense\n").to_string(),
        "line 2: no `=`: write `key = value`"
    );
}

proptest! {
    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        let _ = Config::parse(&bytes);
    }

    #[test]
    fn any_text_after_a_good_start(line in "[a-z =#/\n\r]{0,80}") {
        let text = format!("{BASIC}{line}");
        if let Ok(config) = Config::parse(text.as_bytes()) {
            prop_assert_eq!(config.kernel.as_str(), "a9n/kernel.elf");
            prop_assert!(config.modules().all(|module| !module.path.as_str().is_empty()));
        }
    }
}
