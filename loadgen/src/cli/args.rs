//! What was typed. What it means is decided in `run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Parser, Subcommand, ValueEnum};

use super::agents::Agents;
use super::drive_args::DriveArgs;
use super::existing_args::ExistingArgs;
use super::precision::Targets;

const EXAMPLES: &str = "\
Examples:
  loadgen --scenario strict-mtls            what strict mTLS costs, in about six minutes
  loadgen --scenario strict-mtls --quick    the same as a smoke run, within a minute
  loadgen --scenario strict-mtls --dry-run  what would be done, and how long it takes
  loadgen selftest --quick                  does it tell the truth here, and what can it resolve
  loadgen list                              what can be run here
  loadgen report results/…                  a finished run, rendered again
  loadgen compare results/… results/…       an older and a newer run: is anything more expensive

Exit codes:
  0 done · 1 internal, or results could not be written · 2 usage or unreadable scenario
  3 policy findings · 4 testbed · 5 posture not proven · 6 no valid measurement
  7 gate failed · 130 interrupted, what was measured is kept";

/// The hidden command by which testbeds start this program again as a part of theirs.
pub const SUBJECT: &str = "subject";
/// The hidden command by which they start other programs, which end with this one.
pub const TETHER: &str = "tether";
/// The hidden command by which a run finds out whether its parts can stand in pods.
pub const TRY_PODS: &str = "try-pods";

/// The command by which a run starts this program again as a part of its generator.
pub const AGENT: &str = "agent";

/// What mesh security costs: open-loop load through variants of a mesh, each proven before it is
/// measured, compared block by block.
#[derive(Debug, Parser)]
#[command(name = "loadgen", version, after_help = EXAMPLES, max_term_width = 100)]
#[command(args_conflicts_with_subcommands = true, arg_required_else_help = true)]
pub struct Cli {
    /// Something other than a run.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// A run.
    #[command(flatten)]
    pub run: RunArgs,
}

/// Something other than a run.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List scenarios and testbeds, and what each testbed finds and misses here
    List {
        /// How to print
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Drive any URL in an open loop
    Drive(Box<DriveArgs>),
    /// Prove that loadgen tells the truth on this machine, and say what it can tell apart here
    Selftest(Box<super::selftest_args::SelftestArgs>),
    /// Render a finished or interrupted run again, byte for byte
    Report {
        /// A folder that a run wrote
        run_dir: PathBuf,
    },
    /// Compare two finished runs: has what is paid for security become more?
    Compare(super::compare::CompareArgs),
    /// Answer requests: the server that load generators are judged against
    Serve(Box<super::serve_args::ServeArgs>),
    /// Be a part of a generator: send shares of trials for a coordinator, which --agents starts
    #[command(name = AGENT)]
    Agent(Box<super::agent_args::AgentArgs>),
    /// Make the credentials of a run whose agents are started elsewhere
    Credentials(super::credentials::CredentialsArgs),
    /// Make, look at or delete a scenario's kind clusters, apart from any run; print the roles that a
    /// run on any other cluster needs
    Cluster(super::cluster_args::ClusterArgs),
    /// Check Istio and Cilium security resources: what opens access, and what is refused
    Validate(Box<super::validate_args::ValidateArgs>),
    /// Print completions for a shell
    Completions {
        /// For which shell
        shell: clap_complete::Shell,
    },
    /// Print the manual page
    Man,
    /// Be a part of a testbed
    #[command(name = SUBJECT, hide = true)]
    Subject {
        /// Which part
        role: SubjectRole,
    },
    /// Become another program, which ends with its parent
    #[command(name = TETHER, hide = true)]
    Tether {
        /// Parent, cores, program, its arguments
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        arguments: Vec<String>,
    },
    /// Lay out the layout `pods` and end
    #[command(name = TRY_PODS, hide = true)]
    TryPods,
}

/// A part of a testbed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum SubjectRole {
    /// The server behind the sidecars.
    Origin,
    /// Beside the caller.
    Client,
    /// Beside the origin.
    Server,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Output {
    /// For people.
    Text,
    /// For programs.
    Json,
}

/// Where to run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TestbedChoice {
    /// The most real one that is ready; says which and why.
    Auto,
    /// loadgen's own sidecars, as processes on this machine.
    Embedded,
    /// Envoy processes on this machine.
    Envoy,
    /// A kind cluster.
    Kind,
    /// An existing cluster.
    Cluster,
}

/// Where the processes of the testbed envoy stand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LayoutChoice {
    /// On the loopback, each listener on a port of its own.
    Ports,
    /// In network namespaces, with connections captured as in a pod.
    Pods,
}

/// How the intended send times are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ArrivalsChoice {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
}

/// How the generator waits for the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PacingChoice {
    /// Sleep to shortly before, then spin: the most punctual where it may go before other threads.
    Hybrid,
    /// Spin all the time.
    Spin,
    /// Never spin.
    Sleep,
}

/// Whether cores are kept from sleeping.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum AwakeChoice {
    /// On a virtual machine.
    Auto,
    /// Yes.
    On,
    /// No.
    Off,
}

/// A run. What is not given comes from the scenario.
#[derive(Debug, Args)]
pub struct RunArgs {
    /// A scenario by name (see `loadgen list`), or a folder with a scenario.yaml
    #[arg(long, value_name = "NAME|DIR")]
    pub scenario: Option<String>,
    /// Where to run
    #[arg(long, value_enum, default_value_t = TestbedChoice::Auto, value_name = "WHERE")]
    pub testbed: TestbedChoice,
    /// On the testbed envoy: where its processes stand. `pods` needs root or user namespaces, `ip` and
    /// `iptables`; where it is not possible it is `ports`, and the reason is told
    #[arg(long, value_enum, default_value_t = LayoutChoice::Ports, value_name = "HOW")]
    pub layout: LayoutChoice,
    /// Requests a second that are offered, whatever the replies do
    #[arg(long, value_name = "R")]
    pub rate: Option<f64>,
    /// Spacing of the requests
    #[arg(long, value_enum, value_name = "HOW")]
    pub arrivals: Option<ArrivalsChoice>,
    /// Measured window of each trial, e.g. 5s or 800ms
    #[arg(long, value_name = "D", value_parser = duration)]
    pub duration: Option<Duration>,
    /// Discarded time before each window
    #[arg(long, value_name = "D", value_parser = duration)]
    pub warm_up: Option<Duration>,
    /// Blocks; each holds every variant once, the control twice, in drawn order; with --precision,
    /// blocks at most [default there: 60]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub blocks: Option<u32>,
    /// End after the block with which every overhead is known so well: to ±5% of the baseline or to
    /// ±50us, at p50 and p99; or by quantile, p50=2%,p99=50us
    #[arg(long, value_name = "HOW-WELL", value_parser = Targets::parse)]
    pub precision: Option<Targets>,
    /// With --precision: begin no block that would end later than this
    #[arg(long, value_name = "D", value_parser = duration, requires = "precision")]
    pub max_time: Option<Duration>,
    /// Keep-alive connections of the generator
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub connections: Option<u32>,
    /// Send by several processes instead of one, each with its share of one schedule; what they
    /// record is added up without loss: N that are started on this machine, or those at these
    /// addresses, which `loadgen agent` started
    #[arg(long, value_name = "N|HOST:PORT,…", value_parser = Agents::parse)]
    pub agents: Option<Agents>,
    /// With --agents HOST:PORT,…: the folder that `loadgen credentials` made for this run
    #[arg(long, value_name = "DIR", requires = "agents")]
    pub credentials: Option<PathBuf>,
    /// How the generator waits for the next send; never spins on a core that it shares
    #[arg(long, value_enum, default_value_t = PacingChoice::Hybrid, value_name = "HOW")]
    pub pacing: PacingChoice,
    /// Keep cores from sleeping with threads of the idle class, which give way to everything: a
    /// virtual machine's idle core is given to others and comes back late
    #[arg(long, value_enum, default_value_t = AwakeChoice::Auto, value_name = "WHEN")]
    pub keep_awake: AwakeChoice,
    /// The number that every random choice is drawn from [default: drawn, printed and stored]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Only these variants, by name; comparisons that need others are left out. On the testbed envoy
    /// also in a version, compared with each other: strict@envoy-1.36.2,strict@envoy-1.40.0
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub variants: Vec<String>,
    /// The cluster, where it is one that is there.
    #[command(flatten)]
    pub existing: ExistingArgs,
    /// Where the run folder is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// A smoke run of at most a minute, unless --blocks, --warm-up or --duration ask for more; its
    /// results say so on every page
    #[arg(long)]
    pub quick: bool,
    /// Leave the testbed up after the run, print its addresses, and end with Ctrl-C; clusters stay
    /// until `loadgen cluster down`, also when a step fails
    #[arg(long)]
    pub keep: bool,
    /// Take kind clusters that are up, change nothing in them but policies, and refuse them when they
    /// are not what the plan wants
    #[arg(long)]
    pub reuse: bool,
    /// Print the plan and how long it takes, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A duration as people write it; the same form as in scenario files.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    scenarios::units::duration(text).map_err(|error| error.to_string())
}
