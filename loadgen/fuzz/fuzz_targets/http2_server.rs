//! `loadgen_fuzz::http2_server` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::http2_server(bytes));
