//! Wing 3: the device.

pub mod reader;
