//! `loadgen_fuzz::schema` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::schema(bytes));
