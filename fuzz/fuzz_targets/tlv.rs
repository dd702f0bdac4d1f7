//! `tlv_bytes` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| stampd_fuzz::tlv_bytes(data));
