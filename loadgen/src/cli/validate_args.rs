//! What was typed of `loadgen validate`. What it means is decided in `validate`.

use std::convert::Infallible;
use std::path::PathBuf;
use std::str::FromStr;

use clap::{Args, ValueEnum};
use policy::pattern::Pattern;

const EXAMPLES: &str = "\
Examples:
  loadgen validate manifests/ --istio-version 1.25.5 --cilium-version 1.17.5
  helm template mesh | loadgen validate -
  kubectl get peerauthentications,authorizationpolicies,cnp -A -o yaml | loadgen validate -
  loadgen validate 'manifests/**/*.yaml' --format sarif > findings.sarif
  loadgen validate --context prod --metrics :9464
  loadgen validate manifests/ --write-baseline known.json
  loadgen validate manifests/ --baseline known.json --warn-namespaces 'dev-*'
  loadgen validate --explain-check AP005
  loadgen validate manifests/ --explain shop/pay:8080
  loadgen validate manifests/ --can 'from front/web, POST /v1/charge to shop/pay:8080'

Exit codes:
  0 nothing of that severity · 2 unusable input, or nothing to check · 3 findings
  --explain and --can: 0 whatever the answer is, \"not decidable\" too · 2 where the question or the
  input can not be read, or no file holds the workload to explain";

/// What findings are judged by, which says nothing of an answer.
const JUDGED: [&str; 9] = [
    "fail_on",
    "profile",
    "fail_fast",
    "warn_namespaces",
    "waivers",
    "baseline",
    "write_baseline",
    "today",
    "metrics",
];

/// Check Istio and Cilium security resources.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ValidateArgs {
    /// Files, folders, patterns such as 'apps/**/*.yaml', or `-` for standard input
    #[arg(
        value_name = "PATH",
        required_unless_present_any = ["list_checks", "explain_check", "context"]
    )]
    pub paths: Vec<String>,
    /// Read a live cluster instead, by `kubectl get` and nothing else
    #[arg(long, value_name = "KUBE_CONTEXT", conflicts_with = "paths")]
    pub context: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// Which checks, and how much each matters
    #[arg(long, value_enum, default_value_t = ProfileName::Hardened)]
    pub profile: ProfileName,
    /// The least severity that fails
    #[arg(long, value_enum, default_value_t = FailOn::High, value_name = "SEVERITY")]
    pub fail_on: FailOn,
    /// Show the first finding that fails, and no other
    #[arg(long)]
    pub fail_fast: bool,
    /// Namespaces whose findings fail nothing, e.g. 'dev-*'
    #[arg(long, value_name = "PATTERN", value_delimiter = ',')]
    pub warn_namespaces: Vec<Pattern>,
    /// Waivers: check, object or path, owner, reason, until (may be repeated)
    #[arg(long, value_name = "FILE")]
    pub waivers: Vec<PathBuf>,
    /// Fail on findings only that are not in this file
    #[arg(long, value_name = "FILE", conflicts_with = "write_baseline")]
    pub baseline: Option<PathBuf>,
    /// Write down what is found now, for --baseline
    #[arg(long, value_name = "FILE")]
    pub write_baseline: Option<PathBuf>,
    /// The day that waivers are held against [default: today, in UTC]
    #[arg(long, value_name = "YYYY-MM-DD")]
    pub today: Option<jiff::civil::Date>,
    /// Write Prometheus metrics to a file, or serve them on loopback until Ctrl-C
    #[arg(long, value_name = "FILE|:PORT")]
    pub metrics: Option<MetricsTo>,
    /// The release of Istio, e.g. 1.25.5
    #[arg(long, value_name = "V")]
    pub istio_version: Option<policy::version::Version>,
    /// The release of Cilium, e.g. 1.17.5
    #[arg(long, value_name = "V")]
    pub cilium_version: Option<policy::version::Version>,
    /// The namespace whose policies are mesh-wide [default: as the mesh's configuration has it, or
    /// istio-system]
    #[arg(long, value_name = "NS")]
    pub root_namespace: Option<String>,
    /// List every check; with `--format markdown` the page of checks
    #[arg(long, conflicts_with_all = ["paths", "context"], conflicts_with_all = JUDGED)]
    pub list_checks: bool,
    /// Say what is in force on a port, and which document decides: NAMESPACE/WORKLOAD:PORT
    #[arg(long, value_name = "WORKLOAD", conflicts_with = "can", conflicts_with_all = JUDGED)]
    pub explain: Option<String>,
    /// Say whether a call goes through, and by which rule (see `--help` for the grammar)
    #[arg(long, value_name = "QUESTION", conflicts_with_all = JUDGED, long_help = can_help())]
    pub can: Option<String>,
    /// Say what a check is about, why, and what to do
    #[arg(
        long,
        value_name = "ID",
        conflicts_with_all = ["paths", "context", "format", "list_checks"],
        conflicts_with_all = JUDGED
    )]
    pub explain_check: Option<String>,
}

/// The grammar of questions, for the long help.
fn can_help() -> String {
    format!(
        "Say whether a call goes through, and by which rule, by each mesh and by both together\n\n{}",
        policy::question::GRAMMAR
    )
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Format {
    /// For people, with the lines underlined.
    Text,
    /// One document.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// For CI servers.
    Junit,
    /// Annotations of GitHub Actions.
    Github,
    /// A table.
    Markdown,
}

/// Which checks, and how much each matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ProfileName {
    /// All that opens access or is not in force.
    Hardened,
    /// The same with habits and stages of a migration made less of.
    Baseline,
    /// The four points of the article's own program, as written there.
    #[value(name = "article-2026")]
    Article2026,
}

/// Where metrics go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MetricsTo {
    /// Into a file, for a collector of text files.
    File(PathBuf),
    /// To whoever asks on that port of this machine; 0 is any that is free.
    Port(u16),
}

impl FromStr for MetricsTo {
    type Err = Infallible;

    fn from_str(text: &str) -> Result<Self, Infallible> {
        let port = text.strip_prefix(':').and_then(|port| port.parse().ok());
        Ok(port.map_or_else(|| Self::File(PathBuf::from(text)), Self::Port))
    }
}

/// The least severity that fails.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum FailOn {
    /// Only what does the opposite of what it says.
    Critical,
    /// What opens access, or is not in force.
    High,
    /// What is wider than it looks.
    Medium,
    /// Habits too.
    Low,
    /// Everything.
    Info,
    /// Nothing: findings are shown only.
    Never,
}
