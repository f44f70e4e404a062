//! What was typed of `loadgen validate`. What it means is decided in `validate`.

use clap::{Args, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  loadgen validate manifests/ --istio-version 1.25.5 --cilium-version 1.17.5
  helm template mesh | loadgen validate -
  kubectl get peerauthentications,authorizationpolicies,cnp -A -o yaml | loadgen validate -
  loadgen validate manifests/ --format sarif > findings.sarif
  loadgen validate --explain-check AP005
  loadgen validate manifests/ --explain shop/pay:8080
  loadgen validate manifests/ --can 'from front/web, POST /v1/charge to shop/pay:8080'

Exit codes:
  0 nothing of that severity · 2 unusable input, or nothing to check · 3 findings
  --explain and --can: 0 whatever the answer is, \"not decidable\" too · 2 where the question or the
  input can not be read, or no file holds the workload to explain";

/// Check Istio and Cilium security resources.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub struct ValidateArgs {
    /// Files, folders, or `-` for standard input
    #[arg(value_name = "PATH", required_unless_present_any = ["list_checks", "explain_check"])]
    pub paths: Vec<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Text)]
    pub format: Format,
    /// The least severity that fails
    #[arg(long, value_enum, default_value_t = FailOn::High, value_name = "SEVERITY")]
    pub fail_on: FailOn,
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
    #[arg(long)]
    pub list_checks: bool,
    /// Say what is in force on a port, and which document decides: NAMESPACE/WORKLOAD:PORT
    #[arg(long, value_name = "WORKLOAD", conflicts_with = "can")]
    pub explain: Option<String>,
    /// Say whether a call goes through, and by which rule (see `--help` for the grammar)
    #[arg(long, value_name = "QUESTION", long_help = can_help())]
    pub can: Option<String>,
    /// Say what a check is about, why, and what to do
    #[arg(long, value_name = "ID")]
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
