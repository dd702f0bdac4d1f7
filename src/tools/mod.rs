//! Wing 4: tools that installers, till makers and tests drive the shop with.

pub mod demo;
pub mod phone;
