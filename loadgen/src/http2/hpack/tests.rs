use proptest::prelude::*;

use super::*;

type Fields = Vec<(String, String)>;

fn fields(decoder: &mut Decoder, block: &[u8]) -> Result<Fields, Malformed> {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
    let mut fields = Vec::new();
    decoder.decode(block, |name, value| fields.push((text(name), text(value))))?;
    Ok(fields)
}

fn bytes(hex: &str) -> Vec<u8> {
    let digits: Vec<u8> = hex.bytes().filter(u8::is_ascii_hexdigit).collect();
    let pair = |pair: &[u8]| {
        u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).expect("hexadecimal")
    };
    digits.chunks(2).map(pair).collect()
}

fn expected(fields: &[(&str, &str)]) -> Result<Fields, Malformed> {
    Ok(fields.iter().map(|(name, value)| ((*name).into(), (*value).into())).collect())
}

#[test]
fn integers_of_the_rfc() {
    for (value, prefix, code) in
        [(10, 5, &[0b01010][..]), (1337, 5, &[31, 154, 10]), (42, 8, &[42])]
    {
        let mut written = Vec::new();
        encode_integer(0, prefix, value, &mut written);
        assert_eq!(written, code);
        assert_eq!(integer(&mut &written[..], prefix), Ok(value));
    }
    assert_eq!(integer(&mut &[31, 0xff, 0xff, 0xff, 0xff, 1][..], 5), Err(Malformed));
    assert_eq!(integer(&mut &[31, 0x80][..], 5), Err(Malformed));
}

/// RFC 7541 appendix C.3 and C.4: three requests on one connection, plain and Huffman-coded.
#[test]
fn requests_of_the_rfc() {
    let plain = [
        "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "8286 84be 5808 6e6f 2d63 6163 6865",
        "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
    ];
    let coded = [
        "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
        "8286 84be 5886 a8eb 1064 9cbf",
        "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
    ];
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(4096);
        let host = (":authority", "www.example.com");
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[0])),
            expected(&[(":method", "GET"), (":scheme", "http"), (":path", "/"), host])
        );
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[1])),
            expected(&[
                (":method", "GET"),
                (":scheme", "http"),
                (":path", "/"),
                host,
                ("cache-control", "no-cache")
            ])
        );
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[2])),
            expected(&[
                (":method", "GET"),
                (":scheme", "https"),
                (":path", "/index.html"),
                host,
                ("custom-key", "custom-value")
            ])
        );
    }
}

/// RFC 7541 appendix C.5 and C.6: a table of 256 bytes, from which entries are evicted.
#[test]
fn responses_of_the_rfc_with_eviction() {
    let plain = [
        "4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a \
         3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
        "4803 3330 37c1 c0bf",
        "88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d 54c0 5a04 \
         677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049 5541 5851 5745 4f49 \
         553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e 3d31",
    ];
    let coded = [
        "4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0 82a6 2d1b ff6e \
         919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3",
        "4883 640e ffc1 c0bf",
        "88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab 77ad 94e7 \
         821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f 9587 3160 65c0 03ed \
         4ee5 b106 3d50 07",
    ];
    let (private, location) =
        (("cache-control", "private"), ("location", "https://www.example.com"));
    for blocks in [plain, coded] {
        let mut decoder = Decoder::new(256);
        let date = ("date", "Mon, 21 Oct 2013 20:13:21 GMT");
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[0])),
            expected(&[(":status", "302"), private, date, location])
        );
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[1])),
            expected(&[(":status", "307"), private, date, location])
        );
        let cookie = "foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1";
        assert_eq!(
            fields(&mut decoder, &bytes(blocks[2])),
            expected(&[
                (":status", "200"),
                private,
                ("date", "Mon, 21 Oct 2013 20:13:22 GMT"),
                location,
                ("content-encoding", "gzip"),
                ("set-cookie", cookie)
            ])
        );
        assert_eq!(decoder.table.field(62), Ok((&b"set-cookie"[..], cookie.as_bytes())));
        assert_eq!(decoder.table.field(65), Err(Malformed));
    }
}

#[test]
fn an_index_that_points_nowhere_is_malformed() {
    for block in ["80", "be", "ff 80 01", "7e 01 61", "0f 50 01 61"] {
        assert_eq!(fields(&mut Decoder::new(4096), &bytes(block)), Err(Malformed), "{block}");
    }
}

#[test]
fn a_size_update_stands_first_and_keeps_to_the_limit() {
    assert_eq!(fields(&mut Decoder::new(0), &bytes("20 88")), expected(&[(":status", "200")]));
    assert_eq!(fields(&mut Decoder::new(0), &bytes("88 20")), Err(Malformed));
    assert_eq!(fields(&mut Decoder::new(0), &bytes("21 88")), Err(Malformed));
    assert_eq!(
        fields(&mut Decoder::new(4096), &bytes("3f e1 1f 88")),
        expected(&[(":status", "200")])
    );
    assert_eq!(fields(&mut Decoder::new(4096), &bytes("3f e2 1f 88")), Err(Malformed));
}

#[test]
fn a_field_larger_than_the_table_empties_it() {
    let mut decoder = Decoder::new(64);
    assert!(fields(&mut decoder, &bytes("40 01 61 01 62")).is_ok());
    assert!(decoder.table.field(62).is_ok());
    let long = "c".repeat(60);
    let mut block = vec![0x40, 1, b'a'];
    encode_integer(0, 7, long.len(), &mut block);
    block.extend_from_slice(long.as_bytes());
    assert_eq!(fields(&mut decoder, &block), expected(&[("a", &long)]));
    assert_eq!(decoder.table.field(62), Err(Malformed));
}

#[derive(Debug, Clone, Copy, Default, PartialEq)]
struct Count(usize);

impl Meaning for Count {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        self.0 += name.len() * 1000 + value.len();
    }
}

#[test]
fn equal_bytes_are_read_anew_once_the_table_has_changed() {
    let mut blocks = Blocks::<Count>::new(4096);
    blocks.read(&bytes("40 01 61 01 62")).unwrap();
    assert_eq!(blocks.read(&[0xbe]), Ok(Count(1001)));
    assert_eq!(blocks.read(&[0xbe]), Ok(Count(1001)));
    blocks.read(&bytes("40 01 61 02 62 62")).unwrap();
    assert_eq!(blocks.read(&[0xbe]), Ok(Count(1002)));
    assert_eq!(blocks.read(&[0xbf]), Ok(Count(1001)));
    assert_eq!(blocks.read(&[0x20, 0xbe]), Err(Malformed));
}

proptest! {
    #[test]
    fn what_was_encoded_decodes(
        name in "[a-z0-9-]{1,20}",
        value in "[ -~]{0,200}",
        at in 0_usize..61,
    ) {
        let statik = table::STATIC[at];
        let written = [(name.as_str(), value.as_str()), (statik.0, value.as_str()), statik];
        let mut block = Vec::new();
        for (name, value) in written {
            encode(name.as_bytes(), value.as_bytes(), &mut block);
        }
        prop_assert_eq!(fields(&mut Decoder::new(0), &block), expected(&written));
    }

    /// Through any sequence of blocks, remembering changes nothing.
    #[test]
    fn remembered_or_not_a_block_means_the_same(
        blocks in proptest::collection::vec(
            proptest::sample::select(vec![
                "be", "bf", "88 be", "40 01 61 01 62", "40 01 63 00", "20", "3f 45 be", "88 89", "be bf",
            ]),
            0..60,
        )
    ) {
        let mut remembering = Blocks::<Count>::new(160);
        let mut plain = Decoder::new(160);
        for block in blocks {
            let block = bytes(block);
            let mut count = Count::default();
            let read = plain.decode(&block, |name, value| count.field(name, value)).map(|()| count);
            prop_assert_eq!(remembering.read(&block), read);
            if read.is_err() {
                break;
            }
        }
    }

    #[test]
    fn no_bytes_panic_and_the_table_keeps_to_its_size(
        blocks in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..60), 0..8)
    ) {
        let mut decoder = Decoder::new(200);
        for block in blocks {
            if decoder.decode(&block, |_, _| ()).is_err() {
                break;
            }
        }
    }
}
