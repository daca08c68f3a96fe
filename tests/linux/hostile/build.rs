//! Programs for Linux lie where static programs lie there; nothing moves them.

fn main() {
    if std::env::var("CARGO_CFG_TARGET_OS").is_ok_and(|system| system == "none") {
        println!("cargo::rustc-link-arg-bins=--image-base=0x400000");
    }
}
