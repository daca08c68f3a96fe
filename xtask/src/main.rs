//! The build interface.
fn main() {}
