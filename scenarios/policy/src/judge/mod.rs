//! Judgements that several checks share, each on values alone. They know no kind of resource and
//! make no finding.

pub(crate) mod affected;
pub(crate) mod breadth;
pub(crate) mod cidr;
