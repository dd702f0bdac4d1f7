//! The one integration binary (STYLE.md section 2): every file beside it is listed here, and `tidy` fails when one is not.

mod api_books;
mod api_cases;
mod api_contract;
mod api_events;
mod api_moves;
mod api_sales;
mod bad_start;
mod books;
mod cli;
mod cli_books;
mod console;
mod crash;
mod disk;
mod doctor;
mod lost_books;
mod reader;
mod support;
mod systemd;
mod tags;
mod tap_path;
mod transcripts;
mod wallets;
