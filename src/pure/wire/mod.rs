//! Shapes that cross a wire, each with a version: the LAN API's JSON, and an event's canonical bytes. Domain types are
//! converted here and are never serialized themselves.

pub mod cbor;
pub mod checksum;
pub mod entry;
pub mod event;
pub mod lan;
pub mod standing;
pub mod text;
