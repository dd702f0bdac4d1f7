//! The only reader of OS time.
