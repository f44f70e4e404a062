//! What was agreed on before a report is judged: the profile, waivers, what is known already, and
//! where warnings are enough. Nothing is found here; what was found gets its standing.

use std::collections::{BTreeMap, BTreeSet};

use jiff::civil::Date;

use crate::baseline::{Baseline, fingerprint};
use crate::finding::{Finding, Severity, Standing};
use crate::pattern::Pattern;
use crate::profile::Profile;
use crate::validate::Report;
use crate::waiver::{self, Waiver};

/// The terms of a judgement.
#[derive(Debug, Clone, Default)]
pub struct Terms {
    /// Which checks are asked for.
    pub profile: Profile,
    /// From files; those of annotations come with the report.
    pub waivers: Vec<Waiver>,
    /// What is known already.
    pub baseline: Option<Baseline>,
    /// Namespaces of which only warnings are wanted.
    pub warn_namespaces: Vec<Pattern>,
    /// The day; without one no waiver has expired.
    pub today: Option<Date>,
}

impl Terms {
    /// Gives every finding its severity, its fingerprint and its standing. Files are those that were
    /// validated, by path.
    pub fn judge(&self, report: &mut Report, files: &BTreeMap<String, String>) {
        let profile = self.profile;
        report.findings.append(&mut report.of_the_article);
        report.findings.retain(|finding| profile.asks_for(finding.check));
        report.not_evaluated.retain(|(id, _)| {
            crate::catalogue::find(id).is_none_or(|check| profile.asks_for(check))
        });
        let waivers: Vec<Waiver> = self.waivers.iter().chain(&report.waivers).cloned().collect();
        let waivers = self.asked(waivers);
        let wrong = waiver::apply(&waivers, self.today, &mut report.findings);
        report.findings.extend(wrong);
        for finding in &mut report.findings {
            finding.severity = profile.severity(finding.check, finding.severity);
        }
        in_order(&mut report.findings);
        fingerprint(&mut report.findings, files);
        if let Some(baseline) = &self.baseline {
            report.gone = baseline.apply(&mut report.findings);
        }
        for finding in &mut report.findings {
            let namespace = finding.namespace().unwrap_or_default();
            let warn = self.warn_namespaces.iter().any(|pattern| pattern.matches(namespace));
            if warn && finding.standing == Standing::Counts {
                finding.standing = Standing::Warning;
            }
        }
    }

    /// The waivers of checks that the profile asks for: the others can waive nothing, which is not
    /// their fault.
    fn asked(&self, waivers: Vec<Waiver>) -> Vec<Waiver> {
        let asked = |id: &String| {
            crate::catalogue::find(id).is_some_and(|check| self.profile.asks_for(check))
        };
        waivers.into_iter().filter(|waiver| waiver.checks.iter().any(asked)).collect()
    }
}

/// In the order of files and lines.
pub(crate) fn in_order(findings: &mut [Finding]) {
    findings.sort_by(|a, b| {
        let rest = || (a.span, a.check.id, &a.message).cmp(&(b.span, b.check.id, &b.message));
        a.path.cmp(&b.path).then_with(rest)
    });
}

impl Report {
    /// The findings that fail where this severity does, in their order.
    #[must_use]
    pub fn failing(&self, from: Severity) -> Vec<&Finding> {
        let fails =
            |finding: &&Finding| finding.standing == Standing::Counts && finding.severity >= from;
        self.findings.iter().filter(fails).collect()
    }

    /// The share of the objects without a finding of a severity, those left out that somebody
    /// answers for; what is only known, or only a warning, is there all the same. Nothing where
    /// there is no object.
    #[must_use]
    pub fn compliance_ratio(&self, from: Severity) -> Option<f64> {
        let open = |finding: &&Finding| {
            finding.severity >= from && !matches!(finding.standing, Standing::Waived { .. })
        };
        let objects: BTreeSet<(&str, &str)> = self
            .findings
            .iter()
            .filter(open)
            .filter(|finding| !finding.object.is_empty())
            .map(|finding| (finding.path.as_str(), finding.object.as_str()))
            .collect();
        let all = u32::try_from(self.objects).ok().filter(|all| *all > 0)?;
        let with = u32::try_from(objects.len()).unwrap_or(u32::MAX).min(all);
        Some(f64::from(all - with) / f64::from(all))
    }
}
