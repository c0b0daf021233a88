//! Runs `greenlit_fuzz::bitstreams`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenlit_fuzz::bitstreams(bytes));
