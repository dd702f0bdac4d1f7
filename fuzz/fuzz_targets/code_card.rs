//! `code_card` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampd_fuzz::code_card(data));
