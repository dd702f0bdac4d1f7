//! The one integration binary (STYLE.md section 2): every file beside it is listed here, and `tidy` fails when one is not.

mod api_cases;
mod reader;
mod support;
mod systemd;
mod tags;
mod transcripts;
mod wallets;
