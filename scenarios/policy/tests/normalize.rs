//! What becomes of a path, against what Envoy did with each of them: a denial of `/admin` and of
//! what is below it, and 13 ways to write it, in each way that a mesh can be set to.

use policy::inventory::PathNormalization::{self, *};
use policy::normalize::normalized;
use proptest::prelude::*;

/// Paths, and what became of each under NONE, BASE, `MERGE_SLASHES` and `DECODE_AND_MERGE_SLASHES`.
const TABLE: [(&str, [u16; 4]); 13] = [
    ("/admin", [403, 403, 403, 403]),
    ("//admin", [200, 200, 403, 403]),
    ("/./admin", [200, 403, 403, 403]),
    ("/x/../admin", [200, 403, 403, 403]),
    ("/%2fadmin", [200, 200, 200, 403]),
    ("/x%2f..%2fadmin", [200, 200, 200, 403]),
    ("/x/%2e%2e/admin", [200, 403, 403, 403]),
    ("/admin%2fx", [200, 200, 200, 403]),
    ("/admin;v=1", [200, 200, 200, 200]),
    ("/%61dmin", [200, 403, 403, 403]),
    ("\\admin", [400, 400, 400, 400]),
    ("/x\\..\\admin", [200, 403, 403, 403]),
    ("/ADMIN", [200, 200, 200, 200]),
];

const ALL: [PathNormalization; 4] = [None, Base, MergeSlashes, DecodeAndMergeSlashes];

#[test]
fn each_way_comes_to_what_envoy_does() {
    for (path, expected) in TABLE {
        for (how, expected) in ALL.into_iter().zip(expected) {
            let found = match normalized(path, how) {
                Option::None => 400,
                Some(path) if path == "/admin" || path.starts_with("/admin/") => 403,
                Some(_) => 200,
            };
            assert_eq!(found, expected, "{path} under {}", how.word());
        }
    }
}

#[test]
fn details() {
    for (path, expected) in [
        ("/", "/"),
        ("/a/.", "/a/"),
        ("/a/..", "/"),
        ("/../../a", "/a"),
        ("/a/./b/../c?x=/../y", "/a/c?x=/../y"),
        ("/%zz%4", "/%zz%4"),
        ("/a b", "/a%20b"),
        ("/ä", "/%C3%A4"),
        ("/%7Euser", "/~user"),
    ] {
        assert_eq!(normalized(path, Base).as_deref(), Some(expected), "{path}");
    }
    assert_eq!(normalized("/%00", Base), Option::None);
    assert_eq!(normalized("/a%5C..%5cb", DecodeAndMergeSlashes).as_deref(), Some("/b"));
}

proptest! {
    #[test]
    fn any_path_is_normalised_once_for_all(path in "/[a-c./%\\\\ 2eEfF?#0]{0,20}") {
        for how in [None, Base, MergeSlashes] {
            if let Some(once) = normalized(&path, how) {
                let (once_path, _) = once.split_at(once.find(['?', '#']).unwrap_or(once.len()));
                // What is decoded once may be something that is decoded again: `%2%65` is not.
                if !once_path.contains('%') {
                    prop_assert_eq!(normalized(&once, how), Some(once));
                }
            }
        }
    }

    #[test]
    fn no_text_makes_it_panic(path in any::<String>()) {
        for how in ALL {
            let _ = normalized(&path, how);
        }
    }
}
