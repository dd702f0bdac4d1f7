//! Text to checked values.

pub mod programme;
