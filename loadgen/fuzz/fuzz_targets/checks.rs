//! `loadgen_fuzz::checks` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::checks(bytes));
