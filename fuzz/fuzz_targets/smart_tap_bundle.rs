//! `smart_tap_bundle` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampd_fuzz::smart_tap_bundle(data));
