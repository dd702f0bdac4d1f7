//! Wing 1: what can be right or wrong by itself.
//!
//! **Invariant:** nothing below this module does I/O, reads a clock, draws a random number, locks, logs or starts a
//! thread. Time and fresh ids arrive as arguments.

pub mod apdu;
pub mod domain;
pub mod passes;
pub mod program;
pub mod resolve;
pub mod tap;
pub mod text;
pub mod wire;
