//! `loadgen_fuzz::http1_answer` under libFuzzer.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| loadgen_fuzz::http1_answer(bytes));
