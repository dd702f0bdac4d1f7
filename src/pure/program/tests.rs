//! The engine's tables and properties.

mod cafe;
mod cashback;
mod chain;
mod language;
mod matrix;
mod open;
mod points;
mod properties;
mod random;
mod refusals;
mod shop;
mod spend;
mod voids;
