//! `hid_pos` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampd_fuzz::hid_pos(data));
