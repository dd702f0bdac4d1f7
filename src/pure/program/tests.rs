//! The engine's tables and properties.

mod cafe;
mod shop;
