//! What is said on a connection, and whether rules of HTTP and DNS let it through. Regular
//! expressions are those of Cilium's proxy, and match the whole.

use regex::RegexBuilder;

use super::holds::Holds;
use super::peer::is_name;
use crate::cilium::PortRule;
use crate::decide::Http;
use crate::source::{Node, Scalar, Value};

/// The largest compiled expression, which bounds what one costs. The proxy has a limit too.
const LARGEST_EXPRESSION: usize = 1 << 20;

/// What is said on a connection.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// The question does not say.
    Unsaid,
    /// A request of HTTP that the proxy can read.
    Http(Http),
    /// TLS, of which the proxy reads the name of the server alone.
    Tls {
        /// That name, where one is sent.
        server_name: Option<String>,
    },
    /// A question for a name.
    Dns(String),
}

/// Whether what is said may be said on a port. Without rules anything may.
pub(super) fn allows(rule: &PortRule, content: &Content) -> Holds {
    Holds::all([server_name(rule, content), beyond(rule), http(rule, content), dns(rule, content)])
}

/// Whether a rule looks at what is said at all.
pub(super) fn reads(rule: &PortRule) -> bool {
    rule.has_l7() || rule.listener.is_some()
}

/// Rules that nothing is known of here.
fn beyond(rule: &PortRule) -> Holds {
    if rule.kafka {
        Holds::unknown("what Kafka says")
    } else if rule.l7proto || !rule.l7.is_empty() {
        Holds::unknown("what a parser of another protocol makes of the call")
    } else if let Some(listener) = &rule.listener {
        Holds::unknown(format!("what the listener {listener} does"))
    } else {
        Holds::Yes
    }
}

fn server_name(rule: &PortRule, content: &Content) -> Holds {
    if rule.server_names.is_empty() {
        return Holds::Yes;
    }
    match content {
        Content::Tls { server_name: Some(name) } => {
            rule.server_names.iter().any(|wanted| wanted.eq_ignore_ascii_case(name)).into()
        }
        Content::Unsaid | Content::Tls { server_name: None } => {
            Holds::unknown("the server name of TLS (`sni NAME`)")
        }
        Content::Http(_) | Content::Dns(_) => Holds::No,
    }
}

fn http(rule: &PortRule, content: &Content) -> Holds {
    let rules = match &rule.http {
        Some(rules) if !rules.is_empty() => rules,
        _ => return Holds::Yes,
    };
    match content {
        Content::Http(request) => Holds::any(rules.iter().map(|rule| request_of(rule, request))),
        // The proxy takes it for a broken request, unless it ends TLS itself.
        Content::Tls { .. } if !rule.terminating_tls => Holds::No,
        Content::Tls { .. } | Content::Unsaid => Holds::unknown("the request (`METHOD /path`)"),
        Content::Dns(_) => Holds::No,
    }
}

fn dns(rule: &PortRule, content: &Content) -> Holds {
    let names = match &rule.dns {
        Some(names) if !names.is_empty() => names,
        _ => return Holds::Yes,
    };
    match content {
        Content::Dns(name) => names.iter().any(|wanted| is_name(wanted, name)).into(),
        Content::Unsaid => Holds::unknown("the name that is asked for (`dns NAME`)"),
        Content::Http(_) | Content::Tls { .. } => Holds::No,
    }
}

fn request_of(rule: &Node, request: &Http) -> Holds {
    let field = |name: &str, found: &str| match rule.member(name).and_then(Node::text) {
        None | Some("") => Holds::Yes,
        Some(expression) => matches(expression, found),
    };
    let items = |name: &str| rule.member(name).map(Node::items).unwrap_or_default();
    let headers = items("headers").iter().map(|node| header(node, request));
    let matched = items("headerMatches").iter().map(|node| header_match(node, request));
    Holds::all([
        field("method", &request.method),
        // The query is part of what is compared.
        field("path", &request.path),
        field("host", &request.host),
        Holds::all(headers),
        Holds::all(matched),
    ])
}

fn matches(expression: &str, found: &str) -> Holds {
    let build = |text: &str| RegexBuilder::new(text).size_limit(LARGEST_EXPRESSION).build();
    // Alone first: between other letters it could close a bracket that it did not open.
    let whole = build(expression).and_then(|_| build(&format!("^(?:{expression})$")));
    match whole {
        Ok(whole) => whole.is_match(found).into(),
        Err(_) => Holds::unknown(format!("what the expression `{expression}` means")),
    }
}

/// A name, or a name and a value, as in `X-Token: blue`.
fn header(node: &Node, request: &Http) -> Holds {
    let Some(text) = node.text() else { return Holds::No };
    match text.split_once(' ') {
        Some((name, value)) => is_sent(request, name.trim_end_matches(':'), Some(value)).into(),
        None => is_sent(request, text, None).into(),
    }
}

/// A name and a value; what is done when they are not sent may let the request through with a
/// header put right.
fn header_match(node: &Node, request: &Http) -> Holds {
    let text = |name: &str| match node.member(name).map(|node| &node.value) {
        Some(Value::Scalar(Scalar { text, .. })) if !text.is_empty() => Some(text.as_str()),
        _ => None,
    };
    if text("mismatch").is_some() {
        return Holds::Yes;
    }
    if let Some(secret) = node.path("secret.name").and_then(Node::text) {
        return Holds::unknown(format!("the secret {secret}"));
    }
    is_sent(request, text("name").unwrap_or_default(), text("value")).into()
}

fn is_sent(request: &Http, name: &str, value: Option<&str>) -> bool {
    let sent = request.headers.get(&name.to_lowercase());
    sent.is_some_and(|sent| value.is_none_or(|value| value == sent))
}
