//! HPACK (RFC 7541): fields as bytes and back. Knows no frame, and of no field what it means.
//!
//! What is written never touches the peer's dynamic table, so that a block is the same bytes each
//! time. What is read may use ours.

mod huffman;
mod table;
#[cfg(test)]
mod tests;

use table::Table;

/// The dynamic table's size until a setting says otherwise (RFC 9113 §6.5.2).
pub(super) const DEFAULT_TABLE: u32 = 4096;

/// The size update that empties the table: the whole instruction.
pub(super) const EMPTY_THE_TABLE: u8 = 0b0010_0000;

/// The bytes are no field block; nothing on the connection can be understood any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Malformed;

/// Appends a field: by its index where the static table has it, else as a literal that no table
/// keeps. The name is in lower case.
pub(super) fn encode(name: &[u8], value: &[u8], to: &mut Vec<u8>) {
    let same_name = |entry: &(&str, &str)| entry.0.as_bytes() == name;
    let whole = |entry: &(&str, &str)| same_name(entry) && entry.1.as_bytes() == value;
    if let Some(at) = table::STATIC.iter().position(whole) {
        encode_integer(0b1000_0000, 7, at + 1, to);
        return;
    }
    match table::STATIC.iter().position(same_name) {
        Some(at) => encode_integer(0, 4, at + 1, to),
        None => {
            to.push(0);
            encode_string(name, to);
        }
    }
    encode_string(value, to);
}

fn encode_string(text: &[u8], to: &mut Vec<u8>) {
    let coded = huffman::encoded_length(text);
    if coded < text.len() {
        encode_integer(0b1000_0000, 7, coded, to);
        huffman::encode(text, to);
    } else {
        encode_integer(0, 7, text.len(), to);
        to.extend_from_slice(text);
    }
}

/// RFC 7541 §5.1: in the low bits of the first byte if it fits there.
fn encode_integer(first: u8, prefix_bits: u32, value: usize, to: &mut Vec<u8>) {
    let most = (1_usize << prefix_bits) - 1;
    if value < most {
        to.push(first | low_byte(value));
        return;
    }
    to.push(first | low_byte(most));
    let mut rest = value - most;
    while rest >= 0x80 {
        to.push(low_byte(rest) | 0x80);
        rest >>= 7;
    }
    to.push(low_byte(rest));
}

fn low_byte(value: usize) -> u8 {
    u8::try_from(value & 0xff).expect("eight bits")
}

/// Understands one peer's blocks, in the order in which they come.
#[derive(Debug, Clone)]
pub(super) struct Decoder {
    table: Table,
    name: Vec<u8>,
    value: Vec<u8>,
}

impl Decoder {
    /// With a dynamic table of at most that size, which the peer is told in our settings.
    pub(super) fn new(table: u32) -> Self {
        let limit = usize::try_from(table).expect("usize has at least 32 bits here");
        Self { table: Table::new(limit), name: Vec::new(), value: Vec::new() }
    }

    /// Shows every field of the block, in its order.
    pub(super) fn decode(
        &mut self,
        mut block: &[u8],
        mut show: impl FnMut(&[u8], &[u8]),
    ) -> Result<(), Malformed> {
        let mut fields_seen = false;
        while let Some(first) = block.first().copied() {
            if first & 0b1110_0000 == 0b0010_0000 {
                // A size update stands before all fields (RFC 7541 §4.2).
                if fields_seen {
                    return Err(Malformed);
                }
                self.table.resize(integer(&mut block, 5)?)?;
                continue;
            }
            fields_seen = true;
            if first & 0b1000_0000 != 0 {
                let (name, value) = self.table.field(integer(&mut block, 7)?)?;
                show(name, value);
                continue;
            }
            let kept = first & 0b0100_0000 != 0;
            let index = integer(&mut block, if kept { 6 } else { 4 })?;
            if index == 0 {
                string(&mut block, &mut self.name)?;
            } else {
                self.name.clear();
                self.name.extend_from_slice(self.table.field(index)?.0);
            }
            string(&mut block, &mut self.value)?;
            show(&self.name, &self.value);
            if kept {
                self.table.insert(&self.name, &self.value);
            }
        }
        Ok(())
    }
}

/// Takes an integer whose first byte has that many bits of it.
fn integer(block: &mut &[u8], prefix_bits: u32) -> Result<usize, Malformed> {
    let (first, mut rest) = block.split_first().ok_or(Malformed)?;
    let most = (1_usize << prefix_bits) - 1;
    let mut value = usize::from(*first) & most;
    if value == most {
        // Four more bytes give 2²⁸, above every length and index that can be meant.
        for shift in [0, 7, 14, 21] {
            let (next, after) = rest.split_first().ok_or(Malformed)?;
            rest = after;
            value += (usize::from(*next) & 0x7f) << shift;
            if next & 0x80 == 0 {
                *block = rest;
                return Ok(value);
            }
        }
        return Err(Malformed);
    }
    *block = rest;
    Ok(value)
}

/// Takes a string and puts it in place of what is there.
fn string(block: &mut &[u8], to: &mut Vec<u8>) -> Result<(), Malformed> {
    let coded = block.first().ok_or(Malformed)? & 0b1000_0000 != 0;
    let length = integer(block, 7)?;
    let (text, rest) = block.split_at_checked(length).ok_or(Malformed)?;
    *block = rest;
    to.clear();
    if coded {
        huffman::decode(text, to)
    } else {
        to.extend_from_slice(text);
        Ok(())
    }
}

/// What someone wants to know of a block, gathered field by field.
pub(super) trait Meaning: Copy + Default {
    /// The next field.
    fn field(&mut self, name: &[u8], value: &[u8]);
}

/// Reads blocks for what they mean, and remembers the last few: a peer says the same again and
/// again, and as long as the table has not changed, equal bytes mean the same.
#[derive(Debug, Clone)]
pub(super) struct Blocks<M> {
    decoder: Decoder,
    remembered: [Remembered<M>; 4],
    oldest: usize,
}

#[derive(Debug, Clone)]
struct Remembered<M> {
    block: Vec<u8>,
    /// The table's, when the block was read; `None` while there is no block.
    version: Option<u64>,
    meaning: M,
}

/// Longer blocks are read anew each time, so that little is kept for a connection.
const LONGEST_REMEMBERED: usize = 1024;

impl<M: Meaning> Blocks<M> {
    pub(super) fn new(table: u32) -> Self {
        let nothing = || Remembered { block: Vec::new(), version: None, meaning: M::default() };
        Self {
            decoder: Decoder::new(table),
            remembered: [nothing(), nothing(), nothing(), nothing()],
            oldest: 0,
        }
    }

    pub(super) fn read(&mut self, block: &[u8]) -> Result<M, Malformed> {
        let version = self.decoder.table.version();
        let known = self
            .remembered
            .iter()
            .find(|known| known.version == Some(version) && known.block == block);
        if let Some(known) = known {
            return Ok(known.meaning);
        }
        let mut meaning = M::default();
        self.decoder.decode(block, |name, value| meaning.field(name, value))?;
        if block.len() <= LONGEST_REMEMBERED && self.decoder.table.version() == version {
            let place = &mut self.remembered[self.oldest];
            place.block.clear();
            place.block.extend_from_slice(block);
            place.version = Some(version);
            place.meaning = meaning;
            self.oldest = (self.oldest + 1) % self.remembered.len();
        }
        Ok(meaning)
    }
}
