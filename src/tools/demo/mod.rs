//! `stampd demo`: makes a shop out of nothing, to look at and to drive from other programs.

pub mod keys;
