//! One HTTP rule of a network policy as a condition on headers. It does not know who may ask.

use policy::source::Node;

use crate::envoy::bootstrap::expression::Expression;
use crate::envoy::bootstrap::matching;
use crate::envoy::bootstrap::untranslated::{Object, Remarks};

/// Everything that is asked for must be. An empty rule asks for nothing.
pub(super) fn rule(rule: &Node, of: Object<'_>, remarks: &mut Remarks) -> Expression {
    let mut all = Vec::new();
    let text = |name: &str| rule.member(name).and_then(Node::text).filter(|text| !text.is_empty());
    for (field, header) in [("path", ":path"), ("method", ":method"), ("host", ":authority")] {
        if let Some(pattern) = text(field) {
            all.push(matching::header_with(header, matching::regex(pattern)));
        }
    }
    let items = |name: &str| rule.member(name).map(Node::items).unwrap_or_default();
    all.extend(items("headers").iter().filter_map(Node::text).map(header));
    let mut all: Vec<Expression> = all.into_iter().map(Expression::Matcher).collect();
    for matched in items("headerMatches") {
        all.extend(header_match(matched, of, remarks));
    }
    Expression::All(all)
}

/// `X-Name: value`, or a name alone, which must only be there. Cilium takes the name to end at the
/// first space, so that `X-Name:value` is a name.
fn header(written: &str) -> serde_json::Value {
    match written.split_once(' ') {
        Some((name, value)) => {
            let exact = serde_json::json!({ "exact": value });
            matching::header_with(name.trim_end_matches(':'), exact)
        }
        None => matching::present(written),
    }
}

fn header_match(matched: &Node, of: Object<'_>, remarks: &mut Remarks) -> Option<Expression> {
    let text = |name: &str| matched.member(name).and_then(Node::text).unwrap_or_default();
    let (name, value, mismatch) = (text("name"), text("value"), text("mismatch"));
    let mut refuse = |field: &str, reason: &str| {
        let field = format!("ingress.toPorts.rules.http.headerMatches.{field}");
        remarks.refuse(of, matched.into(), field, reason);
        None
    };
    if matched.member("secret").is_some() {
        return refuse("secret", "secrets are not read here");
    }
    match mismatch {
        "" if value.is_empty() => Some(Expression::Matcher(matching::present(name))),
        "" => {
            let exact = serde_json::json!({ "exact": value });
            Some(Expression::Matcher(matching::header_with(name, exact)))
        }
        "LOG" => {
            remarks.note(of, format!("headerMatches `{name}`: LOG decides nothing"));
            None
        }
        _ => refuse("mismatch", "requests are not rewritten here"),
    }
}
