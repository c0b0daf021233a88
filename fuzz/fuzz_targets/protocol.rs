//! Runs `greenlit_fuzz::protocol`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| greenlit_fuzz::protocol(bytes));
