//! `loadgen_fuzz::serve_request` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::serve_request(bytes));
