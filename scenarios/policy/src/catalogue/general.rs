//! Checks of any kind of resource.

use super::Check;
use crate::finding::Severity::{Critical, High, Info, Low, Medium};

const FIELDS: &str =
    "https://kubernetes.io/docs/reference/using-api/api-concepts/#field-validation";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "GN001",
        severity: Critical,
        title: "a field that the kind does not have",
        why: "kubectl refuses it, but a controller, Helm or any client without strict field \
              validation writes the object without the field, and what is left can mean the \
              opposite.",
        fix: "take the field out, or say what was meant with a field that exists.",
        source: FIELDS,
        releases: "every release; fields by release",
        refuses: true,
    },
    Check {
        id: "GN002",
        severity: High,
        title: "a key that is written twice",
        why: "readers of YAML take the last of the two without a word, and people read the first.",
        fix: "keep one of the two.",
        source: "https://yaml.org/spec/1.2.2/#3213-node-comparison",
        releases: "every release",
        refuses: true,
    },
    Check {
        id: "GN003",
        severity: Low,
        title: "an older version of the API",
        why: "security.istio.io/v1 and networking.istio.io/v1 are served since Istio 1.22 with the \
              same fields; older versions go away at some time.",
        fix: "write the version v1.",
        source: "https://istio.io/latest/blog/2024/v1-apis/",
        releases: "Istio 1.22 and newer",
        refuses: false,
    },
    Check {
        id: "GN004",
        severity: High,
        title: "a known hole of the release",
        why: "the release that was given, or that runs, has a vulnerability with a number, and resources \
              meet its condition. It is told once, at the first of them.",
        fix: "upgrade to one of the releases that repaired it.",
        source: "https://istio.io/latest/news/security/",
        releases: "those of the table scenarios/policy/data/cves.tsv",
        refuses: false,
    },
    Check {
        id: "GN005",
        severity: Medium,
        title: "a waiver that does not hold",
        why: "a waiver needs somebody who answers for it, a reason and a last day. One that has expired \
              waives nothing any more (high), and one that waives nothing hides what comes next (low).",
        fix: "write `CHECK owner=WHO reason=WHY until=YYYY-MM-DD`; repair what is waived, agree on a new \
              day, or take the waiver out.",
        source: "https://csrc.nist.gov/pubs/sp/800/37/r2/final",
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "GN006",
        severity: Medium,
        title: "a template that is not rendered",
        why: "what it will say is not known, so nothing in it was checked.",
        fix: "render it first, e.g. with `helm template`, and give the result.",
        source: "https://helm.sh/docs/helm/helm_template/",
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "GN007",
        severity: Low,
        title: "the same object twice",
        why: "the one that is applied last replaces the other, whichever was meant.",
        fix: "keep one of the two.",
        source: "https://kubernetes.io/docs/concepts/overview/working-with-objects/names/",
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "GN008",
        severity: High,
        title: "the cluster has something else",
        why: "the object of the file and the one of the cluster are not the same, so that what \
              was reviewed is not what is in force.",
        fix: "apply the file, or take the change over into it.",
        source: "https://argo-cd.readthedocs.io/en/stable/user-guide/diffing/",
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "GN009",
        severity: Info,
        title: "nothing to check",
        why: "no object of a kind that is checked was found, which is not the same as nothing \
              being wrong.",
        fix: "give the files with the policies.",
        source: "https://github.com/cilium/cilium/issues/17471",
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "GN010",
        severity: High,
        title: "a value that the API server refuses",
        why: "the object is not created, or an older one stays as it was: nothing of what is \
              written here is in force.",
        fix: "write a value that the field's schema accepts.",
        source: "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/\
                 custom-resource-definitions/#validation",
        releases: "every release; limits by release",
        refuses: true,
    },
    Check {
        id: "GN011",
        severity: Medium,
        title: "a key without a value",
        why: "the API server drops it, so the object means what it means without the key: a \
              `selector` without a value selects everything.",
        fix: "write the value, or take the key out.",
        source: "https://kubernetes.io/docs/tasks/extend-kubernetes/custom-resources/\
                 custom-resource-definitions/#defaulting-and-nullable",
        releases: "every release",
        refuses: false,
    },
];
