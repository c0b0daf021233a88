//! Runs `greenlit_fuzz::profile`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenlit_fuzz::profile(bytes));
