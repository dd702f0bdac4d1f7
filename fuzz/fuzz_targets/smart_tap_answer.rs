//! `smart_tap_answer` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampd_fuzz::smart_tap_answer(data));
