//! Command and response bytes, status words, TLV, AIDs; no card, no I/O.
