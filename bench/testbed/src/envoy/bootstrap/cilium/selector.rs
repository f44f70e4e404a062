//! Selectors of endpoints, and what identities come to where only addresses are known. It does not
//! know which policy a selector is of.

use std::borrow::Cow;

use policy::Workload;
use policy::finding::Span;
use policy::source::{Node, Value};

use super::Endpoint;
use crate::envoy::bootstrap::expression::Expression;
use crate::envoy::bootstrap::matching;

/// A label that every pod has, and that a selector may name instead of meaning its own namespace.
const NAMESPACE: &str = "io.kubernetes.pod.namespace";

/// A selector of a policy.
pub(super) struct Selector<'s> {
    pub(super) node: &'s Node,
    /// The policy's, in which the selector looks unless it says otherwise.
    pub(super) namespace: Option<&'s str>,
}

impl Selector<'_> {
    /// Whether it selects a workload. What it asks that is not known of one is handed to `refuse`
    /// and taken for not true.
    pub(super) fn matches(
        &self,
        workload: &Workload,
        mut refuse: impl FnMut(Span, String),
    ) -> bool {
        let labels = self.node.member("matchLabels").map(Node::entries).unwrap_or_default();
        let expressions = self.node.member("matchExpressions").map(Node::items).unwrap_or_default();
        let mut names_namespace = false;
        let mut all = true;
        for label in labels {
            let Ok(found) = known(&label.key, workload) else {
                refuse((&label.value).into(), format!("matchLabels `{}`", label.key));
                return false;
            };
            names_namespace |= is_namespace(&label.key);
            all &= found == Some(written(&label.value).as_ref());
        }
        for expression in expressions {
            let text = |name: &str| expression.member(name).and_then(Node::text);
            let key = text("key").unwrap_or_default();
            let Ok(found) = known(key, workload) else {
                refuse(expression.into(), format!("matchExpressions `{key}`"));
                return false;
            };
            names_namespace |= is_namespace(key);
            let values = expression.member("values").map(Node::items).unwrap_or_default();
            let among = || values.iter().any(|value| found == Some(written(value).as_ref()));
            all &= match text("operator").unwrap_or_default() {
                "In" => among(),
                // A label that is not there is not among them either.
                "NotIn" => !among(),
                "Exists" => found.is_some(),
                _ => found.is_none(),
            };
        }
        let near = self.namespace.is_none_or(|namespace| workload.namespace == namespace);
        all && (names_namespace || near)
    }
}

fn bare(key: &str) -> &str {
    key.strip_prefix("k8s:").or_else(|| key.strip_prefix("any:")).unwrap_or(key)
}

fn is_namespace(key: &str) -> bool {
    bare(key) == NAMESPACE
}

/// A label of a workload; an error for one that only a cluster knows.
fn known<'w>(key: &str, workload: &'w Workload) -> Result<Option<&'w str>, ()> {
    let key = bare(key);
    if key == NAMESPACE {
        return Ok(Some(&workload.namespace));
    }
    if key.contains(':') || key.starts_with("io.cilium.k8s.") {
        return Err(());
    }
    Ok(workload.labels.get(key).map(String::as_str))
}

fn written(node: &Node) -> Cow<'_, str> {
    match &node.value {
        Value::Scalar(scalar) => Cow::Borrowed(&scalar.text),
        _ => Cow::Borrowed(""),
    }
}

/// Whoever calls from an address of one of these.
pub(super) fn addresses<'e>(endpoints: impl IntoIterator<Item = &'e Endpoint>) -> Expression {
    let each = endpoints.into_iter().flat_map(|endpoint| &endpoint.addresses).filter_map(|one| {
        matching::block("direct_remote_ip", &one.to_string()).map(Expression::Matcher)
    });
    Expression::One(each.collect())
}

/// `fromCIDR`, or one of `fromCIDRSet` with what is taken out of it.
pub(super) fn range(item: &Node) -> Option<Expression> {
    let block = |text: &str| matching::block("direct_remote_ip", text).map(Expression::Matcher);
    if let Some(text) = item.text() {
        return block(text);
    }
    let range = block(item.member("cidr")?.text()?)?;
    let except = item.member("except").map(Node::items).unwrap_or_default();
    let mut without = Vec::new();
    for part in except {
        without.push(block(part.text()?)?);
    }
    Some(Expression::All(vec![range, Expression::One(without).not()]))
}
