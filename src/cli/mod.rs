//! One file per command. Beside main and bin the only code that prints and exits.

pub mod phone;
