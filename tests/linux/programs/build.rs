//! Programs for Linux lie at fixed addresses, as static ones do there; at others than KOITO's own programs, so that a
//! debugger stops where it should.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none") {
        println!("cargo::rustc-link-arg-bins=--image-base=0x10000000");
    }
}
