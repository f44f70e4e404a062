//! The parts of a question between who calls and what is called.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cursor::Piece;
use super::read::Reader;
use super::{Destination, Question, Source};
use crate::endpoint::Protocol;
use crate::source::{listed, nearest};

/// Words that begin a part, beside methods.
const WORDS: [&str; 15] = [
    "address",
    "claim",
    "client",
    "dns",
    "header",
    "host",
    "icmp",
    "icmpv6",
    "plaintext",
    "sctp",
    "sni",
    "tcp",
    "tls",
    "token",
    "udp",
];

/// What was said so far of a call.
#[derive(Debug, Default)]
pub(super) struct Parts {
    pub(super) protocol: Option<Protocol>,
    pub(super) request: Option<(String, String)>,
    /// Whether something is said that only a request has.
    pub(super) of_request: bool,
    pub(super) tls: bool,
    plaintext: bool,
    host: Option<String>,
    headers: BTreeMap<String, String>,
    token: Option<(String, String)>,
    claims: BTreeMap<String, Vec<String>>,
    address: Option<IpAddr>,
    client: Option<IpAddr>,
    sni: Option<String>,
    dns: Option<String>,
}

impl Parts {
    /// Takes in one part.
    pub(super) fn take(&mut self, part: Piece<'_>, reader: &mut Reader<'_>) {
        let (word, value) = part.first_word();
        let alone = |reader: &mut Reader<'_>| {
            if !value.text.is_empty() {
                reader.expected("`,` or `to`", value, None);
            }
        };
        match word.text {
            "plaintext" => {
                self.plaintext = true;
                alone(reader);
            }
            "tls" => {
                self.tls = true;
                alone(reader);
            }
            "tcp" | "udp" | "sctp" => {
                alone(reader);
                let protocol = match word.text {
                    "tcp" => Protocol::Tcp,
                    "udp" => Protocol::Udp,
                    _ => Protocol::Sctp,
                };
                once(&mut self.protocol, Some(protocol), word, reader);
            }
            "icmp" | "icmpv6" => match value.text.parse() {
                Ok(kind) => {
                    let protocol = Protocol::Icmp { v6: word.text == "icmpv6", kind };
                    once(&mut self.protocol, Some(protocol), word, reader);
                }
                Err(_) => reader.expected("a type of ICMP from 0 to 255", value, None),
            },
            "sni" => {
                self.tls = true;
                once(&mut self.sni, filled(value, "a name", reader), word, reader);
            }
            "dns" => once(&mut self.dns, filled(value, "a name", reader), word, reader),
            "address" => once(&mut self.address, address(value, reader), word, reader),
            "client" => once(&mut self.client, address(value, reader), word, reader),
            "host" | "header" | "token" | "claim" => self.of_request(word, value, reader),
            _ if value.text.starts_with('/') => {
                let request = request(word, value, reader);
                once(&mut self.request, request, part, reader);
            }
            _ => {
                let near = nearest(word.text, WORDS);
                let help = match near {
                    _ if is_method(word.text) => format!("add the path: {} /", word.text),
                    Some(near) => format!("did you mean `{near}`?"),
                    None => format!("the words known here are {}", listed(WORDS)),
                };
                reader.expected("`METHOD /path` or one of the known words", part, Some(help));
            }
        }
    }

    fn of_request(&mut self, word: Piece<'_>, value: Piece<'_>, reader: &mut Reader<'_>) {
        self.of_request = true;
        match word.text {
            "host" => once(&mut self.host, filled(value, "a host", reader), word, reader),
            "header" => match value.split(':') {
                Some((name, value)) if !name.text.is_empty() => {
                    let value = value.unquoted().to_owned();
                    self.headers.insert(name.text.to_lowercase(), value);
                }
                _ => reader.expected("NAME: VALUE", value, None),
            },
            "token" => {
                let (issuer, subject) = value.first_word();
                let one = !subject.text.contains(char::is_whitespace);
                if issuer.text.is_empty() || subject.text.is_empty() || !one {
                    reader.expected("the token's issuer and its subject", value, None);
                } else {
                    let token = (issuer.unquoted().to_owned(), subject.unquoted().to_owned());
                    once(&mut self.token, Some(token), word, reader);
                }
            }
            _ => match value.split('=') {
                Some((name, value)) if !name.text.is_empty() => {
                    let all = self.claims.entry(name.text.to_owned()).or_default();
                    all.push(value.unquoted().to_owned());
                }
                _ => reader.expected("NAME=VALUE", value, None),
            },
        }
    }

    /// The question, once who calls and what is called are known.
    pub(super) fn into_question(self, source: Source, destination: Destination) -> Question {
        Question {
            source,
            destination,
            protocol: self.protocol,
            plaintext: self.plaintext,
            request: self.request,
            host: self.host,
            headers: self.headers,
            token: self.token,
            claims: self.claims,
            address: self.address,
            client: self.client,
            sni: self.sni,
            tls: self.tls,
            dns: self.dns,
        }
    }
}

/// Keeps a value, unless there is one already.
fn once<T>(kept: &mut Option<T>, value: Option<T>, at: Piece<'_>, reader: &mut Reader<'_>) {
    if kept.is_some() {
        reader.expected("each thing to be said once", at, None);
    } else {
        *kept = value;
    }
}

fn filled(value: Piece<'_>, expected: &str, reader: &mut Reader<'_>) -> Option<String> {
    let text = value.unquoted();
    if text.is_empty() || text.contains(char::is_whitespace) {
        reader.expected(expected, value, None);
        return None;
    }
    Some(text.to_owned())
}

fn address(value: Piece<'_>, reader: &mut Reader<'_>) -> Option<IpAddr> {
    let address = value.text.parse().ok();
    if address.is_none() {
        reader.expected("an address such as 10.1.2.3", value, None);
    }
    address
}

fn is_method(word: &str) -> bool {
    !word.is_empty() && word.chars().all(|letter| letter.is_ascii_uppercase())
}

fn request(
    method: Piece<'_>,
    target: Piece<'_>,
    reader: &mut Reader<'_>,
) -> Option<(String, String)> {
    let letter = |letter: char| letter.is_ascii_alphabetic() || letter == '-' || letter == '_';
    if !method.text.chars().all(letter) {
        reader.expected("a method such as GET", method, None);
        return None;
    }
    if method.text != method.text.to_uppercase() {
        let help = Some(format!("methods are in capitals: {}", method.text.to_uppercase()));
        reader.expected("a method such as GET", method, help);
        return None;
    }
    if target.text.contains(char::is_whitespace) {
        let help = Some("write a blank in a path as %20".to_owned());
        reader.expected("a path without blanks", target, help);
        return None;
    }
    Some((method.text.to_owned(), target.text.to_owned()))
}
