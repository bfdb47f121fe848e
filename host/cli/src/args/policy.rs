//! Arguments of `resolvet policy`.

use std::{path::PathBuf, time::Duration};

use clap::{Args, Subcommand, ValueEnum};
use resolvet::registry::Reference;
use resolvet_proto::date;

use super::Control;
use crate::config::{self, Config};

#[derive(Debug, Subcommand)]
pub(crate) enum PolicyCommand {
    /// List the policies of the configuration in the order in which they are evaluated.
    List {
        /// Configuration file.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        /// Folder of more policies.
        #[arg(long, value_name = "FOLDER")]
        policies: Option<PathBuf>,
        #[command(flatten)]
        trust: PolicyTrust,
    },
    /// Evaluate a policy over requests: JSON Lines in, one answer a line out.
    ///
    /// Each line is a request in the form that a policy's cases have, or `{"request": …, "settings": …}`. The answer is
    /// the verdict or ranking as JSON, `{"fault": …}` when the policy failed, or `{"error": …}` when the line is no
    /// request. Exit code 6 when there was a fault, 1 when there was an error, else 0.
    Run {
        /// A built-in policy's name (pkix, preference, privacy) or a component's file.
        policy: String,
        /// Requests; `-` is standard input.
        #[arg(long, value_name = "FILE|-")]
        request: PathBuf,
        /// Settings: a file of JSON, or JSON that begins with `{`.
        #[arg(long, value_name = "FILE|JSON")]
        settings: Option<String>,
        /// Which judgement, for a policy that makes several.
        #[arg(long, value_enum)]
        stage: Option<StageName>,
    },
    /// Have the daemon reload configuration and policies: all of it, or nothing when anything is refused.
    Reload {
        #[command(flatten)]
        control: Control,
    },
    /// Show live what the daemon's policies do: evaluations a second, verdicts, faults, durations, what a shadow would change.
    ///
    /// Ends with q or Ctrl-C. Without a terminal, give --once, or --format json for a document a line.
    Top(TopArguments),
    /// Ask the daemon how far each policy has come: verified, compiled, self-tested, shadowed, active, watched, or rolled back.
    ///
    /// Beside each are its revision, since when it has been there, how often it was asked and failed; of a version that is tried, what
    /// it would have changed, by finding; and what was refused last, with a code that stays.
    Status {
        #[command(flatten)]
        control: Control,
    },
    /// Ask the daemon which generations there were, what each changed, who or what wanted it, and what was refused.
    History {
        #[command(flatten)]
        control: Control,
    },
    /// Have the daemon use the version on trial (`shadow`) in place of the one that it is tried beside.
    ///
    /// That holds, over restarts too, as long as the configuration names the same two components. Root and the daemon's own
    /// user may do so.
    Promote {
        /// The policy, by its name. Default: all that are tried.
        policy: Option<String>,
        #[command(flatten)]
        control: Control,
    },
    /// Have the daemon go back to the policy set of an earlier generation.
    ///
    /// That holds, over restarts too, until the configured policies are others, or `policy reload` or `policy promote` says
    /// otherwise. Revisions that were reached stay reached. Root and the daemon's own user may do so.
    Rollback {
        /// The generation (see `policy history`). Default: the one before the active one.
        #[arg(long, value_name = "GENERATION")]
        to: Option<u64>,
        #[command(flatten)]
        control: Control,
    },
    /// Ask other policies what a log recorded, and say which decisions would change and by which findings.
    ///
    /// The log needs whole requests (`record = "full"` in `[decisions]`). Settings, limits, mode and role are the recorded
    /// ones; what other policies answered is taken from the log. Exit code 0 when nothing would change, 1 when a decision
    /// would, or a line could not be read; 6 when a policy failed that did not before.
    Replay {
        /// The log; several are read one after the other.
        #[arg(required = true, value_name = "LOG")]
        logs: Vec<PathBuf>,
        /// A policy that takes the place of the recorded one of its name, or is added as a restriction: a built-in
        /// policy's name or a component's file. May be given more than once.
        #[arg(long, required = true, value_name = "POLICY")]
        with: Vec<String>,
    },
    /// Run the cases of a policy in the sandbox: files of settings, request and expected answer.
    Cases {
        /// A built-in policy's name or a component's file.
        policy: String,
        /// Folder of *.json files.
        folder: PathBuf,
    },
    /// Compare two components, without running them: what the new one can see, judges and weighs beside the old one.
    Diff {
        /// A built-in policy's name or a component's file.
        old: String,
        /// The same.
        new: String,
    },
    /// Make a pair of keys that sign policies, in minisign's form.
    Keygen(KeygenArguments),
    /// Sign a component: its octets, a revision and an end. The signature is written beside it, in minisign's form.
    Sign(SignArguments),
    /// Push a component with its signatures to an OCI registry, as an artefact that tools of WebAssembly know.
    ///
    /// The signatures FILE.minisig and FILE.*.minisig travel inside the manifest, beside the component. The same component with the same
    /// signatures is the same artefact, with the same digest, whoever pushes it. What is printed last is the address by digest.
    Push(PushArguments),
    /// Pull a component with its signatures from an OCI registry, and write both as files.
    ///
    /// With --policy-key, or a configuration that has `policies.keys`, the signatures are verified and nothing is written when they do
    /// not suffice, or when a configuration that has this address names another policy for it. What is printed last is the address by digest.
    Pull(PullArguments),
    /// Say who signed a component, which revision it is and until when, or why it would be refused.
    Verify {
        /// The component's file. Its signatures are FILE.minisig and FILE.*.minisig.
        file: PathBuf,
        /// Configuration file, for its keys.
        #[arg(long, value_name = "FILE")]
        config: Option<PathBuf>,
        #[command(flatten)]
        trust: PolicyTrust,
    },
}

/// What is pushed where.
#[derive(Debug, Args)]
pub(crate) struct PushArguments {
    /// The component's file.
    pub(crate) file: PathBuf,
    /// Where to: `oci://registry/repository:tag`. The tag is moved when everything else is there.
    #[arg(value_name = "OCI://REGISTRY/REPOSITORY:TAG")]
    pub(crate) reference: Reference,
    /// Annotation of the manifest, for people; may be given more than once. Title and version are there already.
    #[arg(long, value_name = "NAME=VALUE", value_parser = annotation)]
    pub(crate) annotation: Vec<(String, String)>,
    /// Push a component even though nobody signed it.
    #[arg(long)]
    pub(crate) unsigned: bool,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

/// What is pulled from where.
#[derive(Debug, Args)]
pub(crate) struct PullArguments {
    /// Where from: a tag, or `oci://registry/repository@sha256:…` for exactly this artefact.
    #[arg(value_name = "OCI://REGISTRY/REPOSITORY:TAG")]
    pub(crate) reference: Reference,
    /// File that the component is written to; its signatures become FILE.minisig and FILE.N.minisig, and others beside it go. Default:
    /// the policy's name with the ending `.wasm`, here.
    #[arg(long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    #[command(flatten)]
    pub(crate) trust: PolicyTrust,
    #[command(flatten)]
    pub(crate) registry: RegistryArguments,
}

/// How a registry is spoken to.
#[derive(Debug, Args)]
pub(crate) struct RegistryArguments {
    /// Configuration file, for its section `registry`.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Speak to this registry without TLS.
    #[arg(long)]
    plain_http: bool,
    /// Docker's configuration, for credentials. Default: `registry.credentials`, else config.json in $DOCKER_CONFIG or ~/.docker.
    #[arg(long, value_name = "FILE")]
    credentials: Option<PathBuf>,
}

impl RegistryArguments {
    /// What the configuration says of registries and of keys, and how it names the policy at this address; what the arguments say
    /// wins.
    pub(crate) fn read(
        self,
        reference: &Reference,
    ) -> anyhow::Result<(config::Registry, config::Policies, Option<String>)> {
        let config = self.config.as_deref().map(Config::read).transpose()?;
        let Config {
            mut registry,
            policies,
            rules,
            ..
        } = config.unwrap_or_default();
        let mut rules = rules.into_iter().flatten();
        let rule = rules.find(|rule| rule.addresses().any(|address| address == reference));
        if self.plain_http {
            registry.plain_http.push(reference.registry().to_owned());
        }
        registry.credentials = self.credentials.or(registry.credentials);
        Ok((registry, policies, rule.and_then(|rule| rule.name)))
    }
}

fn annotation(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once('=').unwrap_or_default();
    match name {
        "" => Err("expected NAME=VALUE".into()),
        name => Ok((name.to_owned(), value.to_owned())),
    }
}

/// Whom policies from files are believed by.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct PolicyTrust {
    /// Public key of minisign by which policies from files are signed, or its file; may be given more than once. Any one
    /// suffices, unless the configuration says `keys-needed`.
    #[arg(long, value_name = "KEY|FILE")]
    pub(crate) policy_key: Vec<String>,
    /// Take policies from files without a signature.
    #[arg(long, conflicts_with = "policy_key")]
    pub(crate) unsigned_policies: bool,
}

/// What is shown live.
#[derive(Debug, Args)]
pub(crate) struct TopArguments {
    #[command(flatten)]
    pub(crate) control: Control,
    /// Seconds from one look to the next, 0.1 to 3600.
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = interval)]
    pub(crate) interval: Duration,
    /// Look twice, an interval apart, print what happened between, and end.
    #[arg(long)]
    pub(crate) once: bool,
}

fn interval(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().unwrap_or(f64::NAN);
    match (0.1..=3_600.0).contains(&seconds) {
        true => Ok(Duration::from_secs_f64(seconds)),
        false => Err("expected seconds, 0.1 to 3600".into()),
    }
}

/// Which keys are made.
#[derive(Debug, Args)]
pub(crate) struct KeygenArguments {
    /// File of the secret key, made with mode 0600.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_key: PathBuf,
    /// File of the public key. Default: that of the secret key, with the ending `.pub`.
    #[arg(long, value_name = "FILE")]
    pub(crate) public_key: Option<PathBuf>,
    /// File descriptor whose first line is the password that protects the secret key. Default: ask on the terminal.
    #[arg(long, value_name = "N")]
    pub(crate) password_fd: Option<u32>,
    /// Protect the secret key only by its file's mode.
    #[arg(long, conflicts_with = "password_fd")]
    pub(crate) no_password: bool,
}

/// What is signed, and with what.
#[derive(Debug, Args)]
pub(crate) struct SignArguments {
    /// The component's file.
    pub(crate) file: PathBuf,
    /// File of the secret key, of this program or of minisign.
    #[arg(long, value_name = "FILE")]
    pub(crate) secret_key: PathBuf,
    /// File descriptor whose first line is the key's password. Default: ask on the terminal, when the key has one.
    #[arg(long, value_name = "N")]
    pub(crate) password_fd: Option<u32>,
    /// A number that is higher than that of the version before: a host takes no lower one. Default: the seconds since 1970.
    #[arg(long, value_name = "N")]
    pub(crate) revision: Option<u64>,
    /// The last moment at which a host admits it, `2027-01-31T00:00:00Z`. Default: in 90 days.
    #[arg(long, value_name = "TIME", value_parser = moment)]
    pub(crate) not_after: Option<u64>,
    /// Sign what the signature FILE.minisig says already, as a further person; the signature becomes FILE.KEY.minisig. With --revision
    /// it must say this one; without, none that lies more than a day beyond the seconds since 1970.
    #[arg(long, conflicts_with = "not_after", requires = "policy_key")]
    pub(crate) join: bool,
    /// Public key of somebody who signed before, or its file; may be given more than once. What is joined must be by one of them.
    #[arg(long, value_name = "KEY|FILE", requires = "join")]
    pub(crate) policy_key: Vec<String>,
}

fn moment(text: &str) -> Result<u64, String> {
    date::rfc3339(text).ok_or_else(|| "expected a time such as 2027-01-31T00:00:00Z".into())
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum StageName {
    Validation,
    Selection,
    Privacy,
}
