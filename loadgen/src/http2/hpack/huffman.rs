//! The Huffman code of HPACK (RFC 7541 §5.2 and appendix B). Knows strings, no fields.
//!
//! The code is canonical, so that the lengths alone give it: codes of one length are consecutive
//! and stand in the order of their symbols. All tables are computed from the lengths when this is
//! compiled.

use super::Malformed;

/// Bits of each symbol's code; the last is the end-of-string symbol, which no string may hold.
const LENGTHS: [u8; 257] = [
    13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28, //
    28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28, //
    6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6, //
    5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10, //
    13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, //
    7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6, //
    15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5, //
    6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28, //
    20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23, //
    24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24, //
    22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23, //
    21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23, //
    26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25, //
    19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27, //
    20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23, //
    26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26, //
    30,
];

const LONGEST: usize = 30;

/// Codes of at most this many bits are found by one look; all letters and digits are among them.
const SHORT: usize = 8;

const END_OF_STRING: u16 = 256;

/// The codes of one length.
#[derive(Clone, Copy)]
struct Length {
    /// The first of them.
    first: u32,
    /// How many there are.
    count: u32,
    /// Where the first one's symbol stands in `Tables::symbols`.
    symbols_from: u32,
}

struct Tables {
    /// Symbols in the order of their codes.
    symbols: [u16; 257],
    lengths: [Length; LONGEST + 1],
    codes: [u32; 257],
    /// By the next bits: the symbol and the bits of its code, 0 for a code that is longer.
    short: [(u8, u8); 1 << SHORT],
}

static TABLES: Tables = tables();

#[expect(
    clippy::cast_possible_truncation,
    reason = "symbols are below 257; `try_from` is not const"
)]
const fn tables() -> Tables {
    let mut tables = Tables {
        symbols: [0; 257],
        lengths: [Length { first: 0, count: 0, symbols_from: 0 }; LONGEST + 1],
        codes: [0; 257],
        short: [(0, 0); 1 << SHORT],
    };
    let (mut code, mut placed, mut length) = (0_u32, 0_usize, 1_usize);
    while length <= LONGEST {
        code <<= 1;
        tables.lengths[length].first = code;
        tables.lengths[length].symbols_from = placed as u32;
        let mut symbol = 0;
        while symbol < LENGTHS.len() {
            if LENGTHS[symbol] as usize == length {
                tables.symbols[placed] = symbol as u16;
                tables.codes[symbol] = code;
                if length <= SHORT {
                    let spare = SHORT - length;
                    let mut rest = 0;
                    while rest < 1 << spare {
                        tables.short[((code as usize) << spare) + rest] =
                            (symbol as u8, length as u8);
                        rest += 1;
                    }
                }
                code += 1;
                placed += 1;
            }
            symbol += 1;
        }
        tables.lengths[length].count = code - tables.lengths[length].first;
        length += 1;
    }
    tables
}

/// Bytes that the string takes when it is encoded.
pub(super) fn encoded_length(text: &[u8]) -> usize {
    let bits: usize = text.iter().map(|byte| usize::from(LENGTHS[usize::from(*byte)])).sum();
    bits.div_ceil(8)
}

/// Appends the string's code, filled up with ones.
pub(super) fn encode(text: &[u8], to: &mut Vec<u8>) {
    let (mut bits, mut have) = (0_u64, 0_u32);
    for byte in text {
        let symbol = usize::from(*byte);
        let length = u32::from(LENGTHS[symbol]);
        bits = bits << length | u64::from(TABLES.codes[symbol]);
        have += length;
        while have >= 8 {
            have -= 8;
            to.push(low_byte(bits >> have));
        }
    }
    if have > 0 {
        to.push(low_byte(bits << (8 - have) | (0xff >> have)));
    }
}

fn low_byte(bits: u64) -> u8 {
    u8::try_from(bits & 0xff).expect("eight bits")
}

/// Appends what the code stands for.
///
/// # Errors
///
/// The end-of-string symbol, and an end that is not fewer than eight ones (RFC 7541 §5.2).
pub(super) fn decode(mut code: &[u8], to: &mut Vec<u8>) -> Result<(), Malformed> {
    // The shortest code has 5 bits.
    to.reserve(code.len() * 8 / 5);
    // The next bits, from the highest down; those below are zero.
    let (mut bits, mut have) = (0_u64, 0_u32);
    loop {
        if have < 32 {
            refill(&mut code, &mut bits, &mut have);
        }
        let (symbol, length) = TABLES.short[high_bits(bits, SHORT)];
        let length = u32::from(length);
        if length != 0 && length <= have {
            to.push(symbol);
            bits <<= length;
            have -= length;
            continue;
        }
        if have < 8 && bits == !(u64::MAX >> have) {
            return Ok(());
        }
        let (symbol, length) = long_code(bits, have)?;
        to.push(symbol);
        bits <<= length;
        have -= length;
    }
}

/// Takes whole bytes from the code, as many as there is room for.
fn refill(code: &mut &[u8], bits: &mut u64, have: &mut u32) {
    if let Some((next, _)) = code.split_first_chunk::<8>() {
        let bytes = (64 - *have) / 8;
        let taken = u64::from_be_bytes(*next) & !(u64::MAX.checked_shr(8 * bytes).unwrap_or(0));
        *bits |= taken >> *have;
        *have += 8 * bytes;
        *code = &code[usize::try_from(bytes).expect("at most 8")..];
    } else {
        while let (true, Some((next, rest))) = (*have <= 56, code.split_first()) {
            *bits |= u64::from(*next) << (56 - *have);
            *have += 8;
            *code = rest;
        }
    }
}

/// The symbol whose code, longer than `SHORT`, the bits begin with.
#[cold]
fn long_code(bits: u64, have: u32) -> Result<(u8, u32), Malformed> {
    for length in SHORT + 1..=LONGEST {
        let of_length = TABLES.lengths[length];
        let code = u32::try_from(high_bits(bits, length)).expect("at most 30 bits");
        let nth = code.wrapping_sub(of_length.first);
        if nth < of_length.count {
            let at = usize::try_from(of_length.symbols_from + nth).expect("below 257");
            let symbol = TABLES.symbols[at];
            let length = u32::try_from(length).expect("at most 30");
            if length > have || symbol == END_OF_STRING {
                return Err(Malformed);
            }
            return Ok((u8::try_from(symbol).expect("below 256"), length));
        }
    }
    Err(Malformed)
}

fn high_bits(bits: u64, count: usize) -> usize {
    usize::try_from(bits >> (64 - count)).expect("usize has at least 32 bits here")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoded(code: &[u8]) -> Result<Vec<u8>, Malformed> {
        let mut text = Vec::new();
        decode(code, &mut text).map(|()| text)
    }

    #[test]
    fn codes_are_those_of_the_appendix() {
        assert_eq!(TABLES.codes[usize::from(b'0')], 0x0);
        assert_eq!(TABLES.codes[usize::from(b'X')], 0xfc);
        assert_eq!(TABLES.codes[usize::from(b'{')], 0x7ffe);
        assert_eq!(TABLES.codes[255], 0x3ff_ffee);
        assert_eq!(TABLES.codes[usize::from(END_OF_STRING)], 0x3fff_ffff);
        assert_eq!(TABLES.lengths[LONGEST].count, 4);
    }

    #[test]
    fn the_examples_of_the_rfc_decode_and_encode() {
        let examples: [(&[u8], &str); 4] = [
            (
                &[0xf1, 0xe3, 0xc2, 0xe5, 0xf2, 0x3a, 0x6b, 0xa0, 0xab, 0x90, 0xf4, 0xff],
                "www.example.com",
            ),
            (&[0xa8, 0xeb, 0x10, 0x64, 0x9c, 0xbf], "no-cache"),
            (&[0x64, 0x02], "302"),
            (
                &[
                    0xd0, 0x7a, 0xbe, 0x94, 0x10, 0x54, 0xd4, 0x44, 0xa8, 0x20, 0x05, 0x95, 0x04,
                    0x0b, 0x81, 0x66, 0xe0, 0x82, 0xa6, 0x2d, 0x1b, 0xff,
                ],
                "Mon, 21 Oct 2013 20:13:21 GMT",
            ),
        ];
        for (code, text) in examples {
            assert_eq!(decoded(code), Ok(text.as_bytes().to_vec()), "{text}");
            let mut encoded = Vec::new();
            encode(text.as_bytes(), &mut encoded);
            assert_eq!(encoded, code, "{text}");
            assert_eq!(encoded_length(text.as_bytes()), code.len());
        }
    }

    #[test]
    fn padding_is_fewer_than_eight_ones() {
        assert_eq!(decoded(&[0b0000_0111]), Ok(b"0".to_vec()));
        assert_eq!(decoded(&[0b0000_0110]), Err(Malformed));
        assert_eq!(decoded(&[0b0000_0111, 0xff]), Err(Malformed));
        assert_eq!(decoded(&[0xff]), Err(Malformed));
        assert_eq!(decoded(&[]), Ok(Vec::new()));
    }

    #[test]
    fn the_end_of_string_symbol_is_refused() {
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xff]), Err(Malformed));
        assert_eq!(decoded(&[0xff, 0xff, 0xff, 0xfc]), Err(Malformed));
    }

    proptest! {
        #[test]
        fn what_was_encoded_decodes(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            let mut code = Vec::new();
            encode(&text, &mut code);
            prop_assert_eq!(code.len(), encoded_length(&text));
            prop_assert_eq!(decoded(&code), Ok(text));
        }

        /// A code that is accepted is the only one of its text: nothing is let through.
        #[test]
        fn what_decodes_encodes_to_the_same(code in proptest::collection::vec(any::<u8>(), 0..40)) {
            if let Ok(text) = decoded(&code) {
                let mut again = Vec::new();
                encode(&text, &mut again);
                prop_assert_eq!(again, code);
            }
        }
    }
}
