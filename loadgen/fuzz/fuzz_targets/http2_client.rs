//! `loadgen_fuzz::http2_client` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::http2_client(bytes));
