//! Wing 2: what device and hub share that touches the world.

pub mod clock;
pub mod config;
pub mod pin;
pub mod priority;
