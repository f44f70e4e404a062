//! What identities come to where only addresses are known. It does not know which policy asks.

use policy::source::Node;

use super::Endpoint;
use crate::envoy::bootstrap::expression::Expression;
use crate::envoy::bootstrap::matching;

/// Whoever calls from an address of one of these.
pub(super) fn of<'e>(endpoints: impl IntoIterator<Item = &'e Endpoint>) -> Expression {
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
