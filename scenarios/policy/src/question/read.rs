//! The grammar of questions.

use std::collections::BTreeMap;
use std::net::IpAddr;

use super::cursor::Piece;
use super::parts::Parts;
use super::{Destination, Mistake, Question, Source, Subject, Unreadable};
use crate::endpoint::{ENTITIES, Protocol};
use crate::source::nearest;

/// What a question may say, for people.
pub const GRAMMAR: &str = "\
A question: from WHO[, WHAT]... to WHERE

WHO    NAMESPACE/ACCOUNT         pods that run as this service account
       NAMESPACE/ACCOUNT{app=a}  those of them with these labels
       spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT
       ADDRESS, world            somebody outside the cluster
       host, remote-node, kube-apiserver, ingress, health, init, unmanaged
WHERE  NAMESPACE/WORKLOAD:PORT   a Pod, Deployment, StatefulSet, DaemonSet, ReplicaSet, Job or
                                 CronJob by name and its own port, or a Service and its port
       NAMESPACE/NAME{app=a}:PORT  a workload that no file holds, by its labels
       ADDRESS:PORT, NAME:PORT   outside the cluster
WHAT   METHOD /path?query        a request of HTTP
       host NAME                 its Host header; without it the port's own name is not known
       header NAME: VALUE        another of its headers
       token ISSUER SUBJECT      of a token that was verified
       claim NAME=VALUE          of that token
       plaintext                 the caller speaks no mTLS
       tls, sni NAME             the caller speaks TLS of its own
       tcp, udp, sctp            the protocol (TCP without it)
       icmp TYPE, icmpv6 TYPE    an echo request is 8 and 128; WHERE is then without a port
       dns NAME                  a question for a name
       address ADDRESS           of the caller, as the workload sees it
       client ADDRESS            of the client, as headers that are believed have it
Values with commas or blanks stand in double quotes.";

impl Question {
    /// Reads a question. Everything that is wrong in it is reported.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut reader = Reader { text, mistakes: Vec::new() };
        let question = reader.question();
        reader.finish(question)
    }
}

impl Subject {
    /// Reads `NAMESPACE/WORKLOAD:PORT`.
    pub fn read(text: &str) -> Result<Self, Unreadable> {
        let mut reader = Reader { text, mistakes: Vec::new() };
        let subject = reader.subject(Piece::whole(text), true);
        reader.finish(subject)
    }
}

/// Reads a text and keeps what is wrong in it.
pub(super) struct Reader<'q> {
    text: &'q str,
    mistakes: Vec<Mistake>,
}

impl<'q> Reader<'q> {
    fn finish<T>(mut self, value: Option<T>) -> Result<T, Unreadable> {
        match value.filter(|_| self.mistakes.is_empty()) {
            Some(value) => Ok(value),
            None => {
                self.mistakes.sort_by_key(|mistake| mistake.column);
                Err(Unreadable { question: self.text.to_owned(), mistakes: self.mistakes })
            }
        }
    }

    pub(super) fn expected(&mut self, expected: &str, at: Piece<'_>, help: Option<String>) {
        const SHOWN: usize = 60;
        let column = self.text[..at.at].chars().count() + 1;
        let shown: String = at.text.chars().take(SHOWN).flat_map(char::escape_debug).collect();
        let found = if shown.is_empty() { "nothing".to_owned() } else { format!("`{shown}`") };
        self.mistakes.push(Mistake { column, expected: expected.to_owned(), found, help });
    }

    fn question(&mut self) -> Option<Question> {
        let whole = Piece::whole(self.text);
        let (from, rest) = whole.first_word();
        if from.text != "from" {
            let help = Some("e.g. from front/web, POST /v1/charge to shop/pay:8080".to_owned());
            self.expected("`from`", whole, help);
            return None;
        }
        let Some((call, destination)) = rest.split_word("to") else {
            let help = Some("a question ends in `to NAMESPACE/WORKLOAD:PORT`".to_owned());
            let end = whole.part(whole.text.len(), whole.text.len());
            self.expected("`to` and what is called", end, help);
            return None;
        };
        let (who, mut rest) = match call.split(',') {
            Some((who, rest)) => (who, Some(rest)),
            None => (call, None),
        };
        let source = self.source(who);
        let mut parts = Parts::default();
        while let Some(more) = rest {
            let (part, after) = match more.split(',') {
                Some((part, after)) => (part, Some(after)),
                None => (more, None),
            };
            parts.take(part, self);
            rest = after;
        }
        let with_port = !matches!(parts.protocol, Some(Protocol::Icmp { .. }));
        let destination = self.destination(destination, with_port);
        self.contradictions(&parts, call);
        Some(parts.into_question(source?, destination?))
    }

    fn contradictions(&mut self, parts: &Parts, at: Piece<'_>) {
        let tcp = matches!(parts.protocol, None | Some(Protocol::Tcp));
        if parts.request.is_some() && !tcp {
            self.expected("a request of HTTP over TCP", at, None);
        }
        if parts.request.is_none() && parts.of_request {
            let help = Some("add the request, e.g. GET /".to_owned());
            self.expected("`METHOD /path` beside a host, a header or a token", at, help);
        }
        if parts.request.is_some() && parts.tls {
            let help = Some("leave one of the two out".to_owned());
            self.expected("a request or TLS of the caller's own, which hides it", at, help);
        }
    }

    fn source(&mut self, who: Piece<'_>) -> Option<Source> {
        if let Ok(address) = who.text.parse::<IpAddr>() {
            return Some(Source::Address(address));
        }
        if who.text == "world" {
            return Some(Source::World);
        }
        if let Some(entity) = ENTITIES.iter().find(|entity| **entity == who.text) {
            return Some(Source::Entity(entity));
        }
        let (name, labels) = self.labels(who)?;
        if let Some(rest) = name.text.strip_prefix("spiffe://") {
            return self.spiffe(name, rest, labels);
        }
        let Some((namespace, account)) = name.split('/') else {
            let near = nearest(who.text, ENTITIES.into_iter().chain(["world"]));
            let help = near.map(|word| format!("did you mean `{word}`?"));
            self.expected("NAMESPACE/ACCOUNT, an address or `world`", who, help);
            return None;
        };
        let (namespace, account) = (self.name(namespace), self.name(account));
        Some(Source::Account {
            trust_domain: None,
            namespace: namespace?,
            account: account?,
            labels,
        })
    }

    fn spiffe(
        &mut self,
        at: Piece<'_>,
        rest: &str,
        labels: Option<BTreeMap<String, String>>,
    ) -> Option<Source> {
        let parts: Vec<&str> = rest.split('/').collect();
        match parts.as_slice() {
            [domain, "ns", namespace, "sa", account]
                if [domain, namespace, account].iter().all(|part| !part.is_empty()) =>
            {
                Some(Source::Account {
                    trust_domain: Some((*domain).to_owned()),
                    namespace: (*namespace).to_owned(),
                    account: (*account).to_owned(),
                    labels,
                })
            }
            _ => {
                self.expected("spiffe://DOMAIN/ns/NAMESPACE/sa/ACCOUNT", at, None);
                None
            }
        }
    }

    /// A name, and the labels behind it. The outer option is whether they can be read.
    fn labels<'p>(
        &mut self,
        piece: Piece<'p>,
    ) -> Option<(Piece<'p>, Option<BTreeMap<String, String>>)> {
        let Some(open) = piece.text.find('{') else { return Some((piece, None)) };
        let Some(inside) = piece.text[open..].strip_suffix('}') else {
            self.expected("`}` at the end of the labels", piece, None);
            return None;
        };
        let mut labels = BTreeMap::new();
        let mut at = open + 1;
        for pair in inside[1..].split(',') {
            let part = piece.part(at, at + pair.len());
            at += pair.len() + 1;
            match part.text.split_once('=') {
                _ if part.text.is_empty() => {}
                Some((key, value)) if !key.trim().is_empty() => {
                    labels.insert(key.trim().to_owned(), value.trim().to_owned());
                }
                _ => self.expected("KEY=VALUE", part, None),
            }
        }
        Some((piece.part(0, open), Some(labels)))
    }

    /// A name of Kubernetes.
    fn name(&mut self, piece: Piece<'_>) -> Option<String> {
        let letter = |letter: char| {
            letter.is_ascii_lowercase() || letter.is_ascii_digit() || letter == '-' || letter == '.'
        };
        if piece.text.is_empty() || piece.text.len() > 253 || !piece.text.chars().all(letter) {
            let parts = piece.text.contains(char::is_whitespace);
            let help = parts.then(|| "a `,` stands between the parts of a question".to_owned());
            self.expected("a name of lower-case letters, digits, `-` and `.`", piece, help);
            return None;
        }
        Some(piece.text.to_owned())
    }

    fn port(&mut self, piece: Piece<'_>) -> Option<u16> {
        let port = piece.text.parse().ok().filter(|port| *port > 0);
        if port.is_none() {
            self.expected("a port from 1 to 65535", piece, None);
        }
        port
    }

    fn subject(&mut self, piece: Piece<'_>, with_port: bool) -> Option<Subject> {
        let (name, port) = match piece.split_last(':') {
            Some((name, port)) => (name, self.port(port)),
            None if with_port => {
                self.expected("NAMESPACE/WORKLOAD:PORT", piece, None);
                return None;
            }
            None => (piece, Some(0)),
        };
        let (name, labels) = self.labels(name)?;
        let Some((namespace, name)) = name.split('/') else {
            self.expected("NAMESPACE/WORKLOAD:PORT", piece, None);
            return None;
        };
        let (namespace, name) = (self.name(namespace), self.name(name));
        Some(Subject { namespace: namespace?, name: name?, labels, port: port? })
    }

    fn destination(&mut self, piece: Piece<'_>, with_port: bool) -> Option<Destination> {
        if piece.text.contains('/') || piece.text.contains('{') {
            return self.subject(piece, with_port).map(Destination::Workload);
        }
        let address = |text: &str| {
            let plain = text.strip_prefix('[').and_then(|text| text.strip_suffix(']'));
            plain.unwrap_or(text).parse::<IpAddr>().ok()
        };
        if !with_port && let Some(address) = address(piece.text) {
            return Some(Destination::Address(address, 0));
        }
        let Some((name, port)) = piece.split_last(':') else {
            let expected = "NAMESPACE/WORKLOAD:PORT, ADDRESS:PORT or NAME:PORT";
            self.expected(expected, piece, None);
            return None;
        };
        let port = self.port(port);
        match address(name.text) {
            Some(address) => Some(Destination::Address(address, port?)),
            None => Some(Destination::Name(self.name(name)?, port?)),
        }
    }
}
