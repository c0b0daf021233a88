//! Runs `greenlit_fuzz::containers`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenlit_fuzz::containers(bytes));
