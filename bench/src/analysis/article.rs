//! The article's table beside what was measured. A claim about a mesh is answered by that mesh or
//! not at all. Knows comparisons as rows; measures nothing.

use crate::quantile::Quantile;
use crate::record::{ArticleClaimRecord, ArticleRow, ClaimVerdict, ComparisonRow, Estimate};

/// Testbeds that run real meshes; on all others no claim about one can be answered.
const MESH_TESTBEDS: [&str; 2] = ["kind", "cluster"];

/// Every claim in order; after the claims of a table row, what this testbed measured in their place.
pub(super) fn rows(
    claims: &[ArticleClaimRecord],
    comparisons: &[ComparisonRow],
    testbed: &str,
) -> Vec<ArticleRow> {
    let mut rows = Vec::new();
    for same_row in claims.chunk_by(|a, b| a.row == b.row) {
        rows.extend(same_row.iter().map(|claim| answered(claim, comparisons, testbed)));
        rows.extend(own(same_row, comparisons, testbed));
    }
    rows
}

fn answered(
    claim: &ArticleClaimRecord,
    comparisons: &[ComparisonRow],
    testbed: &str,
) -> ArticleRow {
    let found = answer(claim, comparisons, testbed);
    let verdict = match &found {
        Ok((claimed_us, estimate)) => compared(*claimed_us, estimate),
        Err(_) => ClaimVerdict::NotMeasured,
    };
    ArticleRow {
        row: claim.row.clone(),
        column: claim.column.clone(),
        claimed: Some(claim.claimed.clone()),
        measured: found.as_ref().ok().map(|(_, estimate)| *estimate),
        measured_memory: None,
        measure: None,
        testbed: testbed.to_owned(),
        why_not: found.err(),
        verdict,
    }
}

/// The claim in microseconds and the estimate that answers it, or why there is none.
fn answer(
    claim: &ArticleClaimRecord,
    comparisons: &[ComparisonRow],
    testbed: &str,
) -> Result<(f64, Estimate), String> {
    if let Some(why_not) = &claim.why_not {
        return Err(why_not.clone());
    }
    let (Some(name), Some(quantile)) = (&claim.comparison, claim.quantile) else {
        return Err("no comparison of this scenario answers it".to_owned());
    };
    let claimed_us = latency_us(&claim.claimed)
        .ok_or_else(|| format!("`{}` is not a latency", claim.claimed))?;
    if !MESH_TESTBEDS.contains(&testbed) {
        let subject = match testbed {
            "embedded" => "loadgen's own sidecar",
            "envoy" => "Envoy without a mesh",
            _ => "a testbed without a mesh",
        };
        return Err(format!(
            "this run used {subject}, not {}; only a mesh testbed answers it",
            claim.column
        ));
    }
    let row = comparisons
        .iter()
        .filter(|row| original(&row.name) == name && row.quantile == quantile)
        .find(|row| mesh_of(row) == claim.mesh.as_deref())
        .ok_or_else(|| {
            let mesh = claim.mesh.as_deref().unwrap_or("the mesh in question");
            format!("this run did not compare `{name}` on {mesh}")
        })?;
    row.overhead_us.map(|estimate| (claimed_us, estimate)).ok_or_else(|| no_estimate(row))
}

fn no_estimate(row: &ComparisonRow) -> String {
    row.remark.clone().unwrap_or_else(|| "there is no estimate".to_owned())
}

fn compared(claimed_us: f64, estimate: &Estimate) -> ClaimVerdict {
    if claimed_us < estimate.low {
        ClaimVerdict::MeasuredHigher
    } else if claimed_us > estimate.high {
        ClaimVerdict::MeasuredLower
    } else {
        ClaimVerdict::WithinInterval
    }
}

/// The extra rows: every measurement of the same thing that no claim of this row is about. Where
/// there is no mesh that is one; on a mesh testbed, the versions that the article does not know.
fn own(
    claims: &[ArticleClaimRecord],
    comparisons: &[ComparisonRow],
    testbed: &str,
) -> Vec<ArticleRow> {
    let mut asked: Vec<(&str, Quantile)> = Vec::new();
    for claim in claims {
        if let (Some(name), Some(quantile)) = (&claim.comparison, claim.quantile)
            && !asked.contains(&(name, quantile))
        {
            asked.push((name, quantile));
        }
    }
    let Some(row) = claims.first().map(|claim| claim.row.clone()) else {
        return Vec::new();
    };
    let extra =
        |mesh: Option<&str>, measured: Option<Estimate>, why_not: Option<String>| ArticleRow {
            row: row.clone(),
            column: match mesh {
                Some(mesh) => format!("this testbed: {testbed}, {mesh}"),
                None => format!("this testbed: {testbed}"),
            },
            claimed: None,
            measured,
            measured_memory: None,
            measure: None,
            testbed: testbed.to_owned(),
            verdict: if why_not.is_some() {
                ClaimVerdict::NotMeasured
            } else {
                ClaimVerdict::NoClaim
            },
            why_not,
        };
    let mut rows = Vec::new();
    for (name, quantile) in asked {
        let mut found = comparisons
            .iter()
            .filter(|row| original(&row.name) == name && row.quantile == quantile)
            .peekable();
        if found.peek().is_none() {
            let why_not = format!("this run did not compare `{name}`");
            rows.push(extra(None, None, Some(why_not)));
        }
        let claimed = |mesh: Option<&str>| claims.iter().any(|claim| claim.mesh.as_deref() == mesh);
        for row in found.filter(|row| mesh_of(row).is_none() || !claimed(mesh_of(row))) {
            let why_not = row.overhead_us.is_none().then(|| no_estimate(row));
            rows.push(extra(mesh_of(row), row.overhead_us, why_not));
        }
    }
    rows
}

/// The mesh version that a comparison was made on: `istio-1.25` of `strict@istio-1.25`. The
/// baseline may stand without a mesh; two different meshes answer no claim about either.
fn mesh_of(row: &ComparisonRow) -> Option<&str> {
    let (_, candidate) = row.candidate.split_once('@')?;
    let baseline = row.baseline.split_once('@').map(|(_, mesh)| mesh);
    baseline.is_none_or(|mesh| mesh == candidate).then_some(candidate)
}

/// The comparison's name in the scenario, without a mesh version.
fn original(name: &str) -> &str {
    name.split_once('@').map_or(name, |(original, _)| original)
}

/// A latency as the article writes it, in microseconds: `1.1ms`, `800 µs`, `2s`. `None` for
/// anything else.
fn latency_us(claimed: &str) -> Option<f64> {
    const UNITS: [(&str, f64); 5] =
        [("ms", 1e3), ("µs", 1.0), ("μs", 1.0), ("us", 1.0), ("s", 1e6)];
    let claimed = claimed.trim();
    let (number, unit) =
        UNITS.iter().find_map(|(name, us)| Some((claimed.strip_suffix(name)?, us)))?;
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number >= 0.0).then_some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn latencies_are_read_as_the_article_writes_them() {
        assert_eq!(latency_us("1.1ms"), Some(1100.0));
        assert_eq!(latency_us(" 0.8 ms "), Some(800.0));
        assert_eq!(latency_us("250µs"), Some(250.0));
        assert_eq!(latency_us("2s"), Some(2e6));
        for other in ["12MB", "Yes", "-1ms", "ms", "", "NaNms", "4-5 ms"] {
            assert_eq!(latency_us(other), None, "{other}");
        }
    }
}
