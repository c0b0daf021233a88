//! Runs `greenlit_fuzz::manifest`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenlit_fuzz::manifest(bytes));
