//! Text to checked values.
