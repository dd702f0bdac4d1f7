//! The engine's tables and properties.

mod cafe;
mod cashback;
mod chain;
mod matrix;
mod points;
mod shop;
mod spend;
mod voids;
