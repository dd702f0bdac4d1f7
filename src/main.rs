//! stampd.
fn main() {}
