//! What `make bench` prints: each benchmark beside its limit.
fn main() {}
