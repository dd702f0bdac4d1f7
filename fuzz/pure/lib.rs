//! `stampd::pure`, as far as it takes bytes from chips, phones and scanners: the very sources of the daemon.

/// As in the daemon.
#[path = "."]
pub mod pure {
    #[path = "../../src/pure/apdu/mod.rs"]
    pub mod apdu;
    #[path = "../../src/pure/domain/mod.rs"]
    pub mod domain;
    #[path = "../../src/pure/tap/mod.rs"]
    pub mod tap;
}
