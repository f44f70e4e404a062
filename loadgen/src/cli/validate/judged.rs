//! From what was typed to a judged report: what is read, which releases it is for, and on which
//! terms it is judged. It prints nothing.

use std::collections::BTreeMap;
use std::path::Path;

use policy::baseline::Baseline;
use policy::profile::Profile;
use policy::terms::Terms;
use policy::validate::{Report, Settings};
use policy::version::Versions;
use policy::waiver::{self, Waiver};

use super::cluster::Cluster;
use super::files::read_all;
use super::sets::Sets;
use crate::cli::exit::Failure;
use crate::cli::validate_args::{ProfileName, ValidateArgs};
use crate::cli::wall_clock::today;

/// A report in which each finding has its standing, and the texts that it is about.
pub(super) struct Judged {
    pub(super) report: Report,
    pub(super) files: BTreeMap<String, String>,
}

/// What is to be checked, before anything is.
pub(super) struct Given {
    pub(super) files: BTreeMap<String, String>,
    pub(super) sets: Sets,
    pub(super) settings: Settings,
}

impl Given {
    /// Reads files, or the cluster.
    pub(super) fn of(args: &ValidateArgs) -> Result<Self, Failure> {
        let given = Versions { istio: args.istio_version, cilium: args.cilium_version };
        let (files, versions) = match &args.context {
            Some(context) => {
                let cluster = Cluster::read(context, args.root_namespace.as_deref())?;
                let versions = Versions {
                    istio: given.istio.or(cluster.versions.istio),
                    cilium: given.cilium.or(cluster.versions.cilium),
                };
                (cluster.files, versions)
            }
            None => (read_all(&args.paths)?, given),
        };
        let settings = Settings { versions, root_namespace: args.root_namespace.clone() };
        Ok(Self { sets: Sets::of(&files)?, files, settings })
    }
}

impl Judged {
    /// Reads, checks and judges.
    pub(super) fn of(args: &ValidateArgs) -> Result<Self, Failure> {
        let terms = terms(args)?;
        let Given { files, sets, settings } = Given::of(args)?;
        let mut report = sets.check(&files, &settings);
        terms.judge(&mut report, &files);
        Ok(Self { report, files })
    }
}

/// Every mistake in the files that were named for it.
fn terms(args: &ValidateArgs) -> Result<Terms, Failure> {
    let (mut wrong, mut waivers) = (Vec::new(), Vec::new());
    for path in &args.waivers {
        match waivers_of(path) {
            Ok(read) => waivers.extend(read),
            Err(error) => wrong.push(error),
        }
    }
    let baseline = args.baseline.as_deref().and_then(|path| {
        let read =
            text(path).and_then(|text| Baseline::read(&text).map_err(|error| on(path, error)));
        read.map_err(|error| wrong.push(error)).ok()
    });
    if !wrong.is_empty() {
        return Err(Failure::Usage(wrong.join("\n")));
    }
    let profile = match args.profile {
        ProfileName::Hardened => Profile::Hardened,
        ProfileName::Baseline => Profile::Baseline,
        ProfileName::Article2026 => Profile::Article2026,
    };
    Ok(Terms {
        profile,
        waivers,
        baseline,
        warn_namespaces: args.warn_namespaces.clone(),
        today: Some(args.today.unwrap_or_else(today)),
    })
}

fn waivers_of(path: &Path) -> Result<Vec<Waiver>, String> {
    let text = text(path)?;
    waiver::read(&path.display().to_string(), &text).map_err(|mistakes| mistakes.to_string())
}

fn text(path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| on(path, error))
}

fn on(path: &Path, error: impl std::fmt::Display) -> String {
    format!("{}: {error}", path.display())
}
