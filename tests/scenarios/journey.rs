//! From a lab and a policy set to how a session ended, and what was said on the way.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};
use std::time::Duration;

use resolvet::{
    Answer, AttachError, Attachment, Client, Limits, Policies, QueryError, Recursive,
    RefusedAddresses,
};
use resolvet_engine::{Compiler, Engine, Options, Policy, PolicySet, Rule};
use resolvet_proto::doh::Method;
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Conveyed, Decision, Der, Finding, Judgement, Role, Severity,
    Transport, UsageProfile, Verdict,
};
use resolvet_proto::session::limits::LONGEST_DELAY;
use resolvet_proto::session::{Config, Entry, Failure, FailureKind, Step};
use resolvet_tests::lab::Lab;
use resolvet_tests::lab::dns::absolute;
use serde_json::{Map, Value, json};

/// How long one lookup may take. Loopback is quick; a silent resolver is asked three times.
const LOOKUP: Duration = Duration::from_millis(400);
/// The name that journeys ask for once a server is vetted; discovery never does.
pub(crate) const ASKED: &str = "www.example.net";

/// The engine of this process; compiled code is kept between runs.
static ENGINE: LazyLock<Engine> = LazyLock::new(|| {
    let mut options = Options::default();
    let program = programs().join("resolvet-compile");
    assert!(
        program.is_file(),
        "`{}` is missing: run `cargo build --workspace`",
        program.display()
    );
    options.compiler = Compiler::Program {
        path: program,
        arguments: Vec::new(),
    };
    options.cache = Some(PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("compiled"));
    Engine::new(options).unwrap()
});

/// The policies that were admitted so far.
static ADMITTED: Mutex<BTreeMap<String, Policy>> = Mutex::new(BTreeMap::new());

/// The folder of the programs of this build, which holds the folder of the tests.
fn programs() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    test.parent().unwrap().parent().unwrap().to_owned()
}

/// A policy that ships, as a rule without settings: `pkix` with authority, the others as restrictions.
pub(crate) fn rule(name: &str) -> Rule {
    let mut admitted = ADMITTED.lock().unwrap_or_else(PoisonError::into_inner);
    let policy = admitted.entry(name.to_owned()).or_insert_with(|| {
        let file = programs()
            .parent()
            .unwrap()
            .join("policies")
            .join(name)
            .with_extension("wasm");
        let octets = std::fs::read(&file).unwrap_or_else(|error| {
            panic!("`{}`: {error}: run `cargo xtask policies`", file.display())
        });
        ENGINE.admit(&octets).unwrap()
    });
    let mut rule = Rule::new(policy.clone());
    if name == "pkix" {
        rule.role = Role::Authority;
    }
    rule
}

/// The same rule with settings.
pub(crate) fn with_settings(mut rule: Rule, settings: Value) -> Rule {
    rule.settings = match settings {
        Value::Object(settings) => settings,
        _ => Map::new(),
    };
    rule
}

/// The rules that the program `resolvet` carries.
pub(crate) fn defaults() -> Vec<Rule> {
    ["pkix", "preference", "privacy"].map(rule).into()
}

/// A set of rules for a profile.
pub(crate) fn set(profile: &UsageProfile, rules: Vec<Rule>) -> PolicySet {
    PolicySet::new(&ENGINE, profile, rules).unwrap()
}

/// A set of rules for a profile, running.
pub(crate) fn policies(profile: &UsageProfile, rules: Vec<Rule>) -> Policies {
    Policies::new(&ENGINE, set(profile, rules))
}

/// A last change of a session's configuration.
type Edit = Box<dyn FnOnce(&mut Config) + Send>;

/// What a journey begins with.
pub(crate) struct Journey<'a> {
    lab: &'a Lab,
    resolver: Option<SocketAddr>,
    domain: String,
    profile: UsageProfile,
    conveyed: Conveyed,
    anchors: Vec<Der>,
    crls: Vec<Der>,
    rules: Vec<Rule>,
    lookup: Duration,
    transports: Vec<Transport>,
    method: Method,
    is_of_network: bool,
    refused: RefusedAddresses,
    edit: Option<Edit>,
}

/// A journey that has ended, or goes on with a vetted server.
pub(crate) struct Outcome {
    pub(crate) attachment: Attachment,
    pub(crate) policies: Policies,
    pub(crate) failure: Option<Failure>,
    pub(crate) story: Vec<Entry>,
}

impl<'a> Journey<'a> {
    /// A journey to the lab's first site under the strict profile, with the lab's trust anchors, the certificate that an
    /// enrolment conveyed, and the policies that ship.
    pub(crate) fn new(lab: &'a Lab) -> Self {
        let certificates = lab
            .site()
            .servers()
            .iter()
            .map(|server| Der::from(server.identity.conveyed().as_ref()))
            .collect();
        Self {
            lab,
            resolver: None,
            domain: lab.site().domain().to_owned(),
            profile: UsageProfile::Strict,
            conveyed: Conveyed::Certificates { certificates },
            anchors: lab
                .anchors()
                .iter()
                .map(|anchor| Der::from(anchor.as_ref()))
                .collect(),
            crls: Vec::new(),
            rules: defaults(),
            lookup: LOOKUP,
            transports: vec![DOT],
            method: Method::default(),
            is_of_network: false,
            refused: RefusedAddresses::default(),
            edit: None,
        }
    }

    /// Without a domain: to the server that the resolver designates.
    pub(crate) fn of_network(mut self) -> Self {
        self.is_of_network = true;
        self.conveyed = Conveyed::NotEnrolled;
        self
    }

    /// With a session's configuration that was changed so, last of all.
    pub(crate) fn config(mut self, edit: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.edit = Some(Box::new(edit));
        self
    }

    /// With another way to the lab's resolver.
    pub(crate) fn resolver(mut self, resolver: SocketAddr) -> Self {
        self.resolver = Some(resolver);
        self
    }

    fn resolver_address(&self) -> SocketAddr {
        self.resolver.unwrap_or_else(|| self.lab.resolver())
    }

    pub(crate) fn domain(mut self, domain: &str) -> Self {
        self.domain = domain.to_owned();
        self
    }

    pub(crate) fn profile(mut self, profile: UsageProfile) -> Self {
        self.profile = profile;
        self
    }

    pub(crate) fn conveyed(mut self, conveyed: Conveyed) -> Self {
        self.conveyed = conveyed;
        self
    }

    pub(crate) fn anchors(mut self, anchors: Vec<Der>) -> Self {
        self.anchors = anchors;
        self
    }

    pub(crate) fn crls(mut self, crls: impl IntoIterator<Item = Vec<u8>>) -> Self {
        self.crls = crls.into_iter().map(Der::from).collect();
        self
    }

    pub(crate) fn rules(mut self, rules: Vec<Rule>) -> Self {
        self.rules = rules;
        self
    }

    /// Connects by these instead of DNS over TLS alone.
    pub(crate) fn over(mut self, transports: impl IntoIterator<Item = Transport>) -> Self {
        self.transports = transports.into_iter().collect();
        self
    }

    pub(crate) fn doh(mut self, method: Method) -> Self {
        self.method = method;
        self
    }

    /// Fetches from this machine, too, which nobody else may.
    pub(crate) fn fetching_here(self) -> Self {
        self.fetching_from(RefusedAddresses::none())
    }

    /// Fetches from all addresses but these.
    pub(crate) fn fetching_from(mut self, refused: RefusedAddresses) -> Self {
        self.refused = refused;
        self
    }

    /// What attaches.
    pub(crate) fn client(&self) -> Client {
        let policies = policies(&self.profile, self.rules.clone());
        let limits = Limits {
            handshake: Duration::from_secs(2),
            datagrams: Duration::from_secs(12),
            query: Duration::from_secs(3),
            fetch: Duration::from_secs(3),
            drain: Duration::from_millis(500),
        };
        let recursive = Recursive::new(self.resolver_address(), self.lookup);
        Client::new(policies, recursive)
            .with_limits(limits)
            .with_transports(self.transports.clone())
            .with_doh_method(self.method)
            .with_refused_addresses(self.refused.clone())
    }

    /// Goes until a server is vetted, this transport first.
    pub(crate) async fn attach_over(mut self, first: Transport) -> Outcome {
        let order = json!({ "transports": [first.as_str()] });
        self.rules[1] = with_settings(rule("preference"), order);
        self.attach().await
    }

    /// What attaches, and with what.
    pub(crate) fn prepared(self) -> (Client, Config) {
        let client = self.client();
        let mut config = if self.is_of_network {
            Config::of_network(self.resolver_address().ip(), 7)
        } else {
            Config::new(self.domain, 7)
        };
        config.usage_profile = self.profile;
        config.conveyed = self.conveyed;
        config.crls = self.crls;
        config.anchors = Arc::new(match self.anchors.is_empty() {
            true => AnchorSet::default(),
            false => AnchorSet::new(AnchorDatabase::Explicit, self.anchors),
        });
        // On a machine that is busy, whoever is first shall still be taken before another begins.
        config.attempt_delay = LONGEST_DELAY;
        if let Some(edit) = self.edit {
            edit(&mut config);
        }
        (client, config)
    }

    /// Goes until a server is vetted or the session has failed.
    pub(crate) async fn attach(self) -> Outcome {
        let (client, config) = self.prepared();
        let policies = client.policies().clone();
        let attachment = client.attach(config).unwrap();
        let failure = match attachment.vetted().await {
            Ok(_) => None,
            Err(AttachError::Failed(failure)) => Some(failure),
            Err(error) => panic!("{error}"),
        };
        let story = attachment.story().await.unwrap();
        Outcome {
            attachment,
            policies,
            failure,
            story,
        }
    }
}

impl Outcome {
    /// How it failed.
    pub(crate) fn kind(&self) -> Option<FailureKind> {
        self.failure.as_ref().map(|failure| failure.kind)
    }

    /// Asks for the address of [`ASKED`].
    pub(crate) async fn ask(&self) -> Result<Answer, QueryError> {
        self.attachment
            .query(ASKED, hickory_proto::rr::RecordType::A)
            .await
    }

    /// The judgements of certificates, in order.
    pub(crate) fn validations(&self) -> Vec<&Judgement<Verdict>> {
        self.story
            .iter()
            .filter_map(|entry| match &entry.step {
                Step::Validation { judgement, .. } => Some(judgement),
                _ => None,
            })
            .collect()
    }

    /// The judgements of privacy, in order.
    pub(crate) fn assessments(&self) -> Vec<&Judgement<Verdict>> {
        self.story
            .iter()
            .filter_map(|entry| match &entry.step {
                Step::Assessment { judgement, .. } => Some(judgement),
                _ => None,
            })
            .collect()
    }

    /// Codes of discovery's notes, as words.
    pub(crate) fn notes(&self) -> Vec<String> {
        self.story
            .iter()
            .filter_map(|entry| match &entry.step {
                Step::Note(note) => serde_json::to_value(note.code)
                    .ok()?
                    .as_str()
                    .map(str::to_owned),
                _ => None,
            })
            .collect()
    }

    /// Words for how connections failed.
    pub(crate) fn connection_failures(&self) -> Vec<String> {
        self.story
            .iter()
            .filter_map(|entry| match &entry.step {
                Step::ConnectionFailed { reason, .. } => Some(format!("{reason:?}")),
                _ => None,
            })
            .collect()
    }

    /// The host names to which connections were attempted, in order.
    pub(crate) fn attempts(&self) -> Vec<String> {
        self.story
            .iter()
            .filter_map(|entry| match &entry.step {
                Step::Attempt { target, .. } => Some(target.clone()),
                _ => None,
            })
            .collect()
    }

    /// How many lookups discovery made.
    pub(crate) fn lookups(&self) -> usize {
        self.story
            .iter()
            .filter(|entry| matches!(entry.step, Step::Query { .. }))
            .count()
    }
}

/// Codes of the findings of severity error that a rejecting policy gave, in order and without repetition.
pub(crate) fn errors(judgement: &Judgement<Verdict>) -> Vec<&str> {
    let verdicts = judgement
        .evaluations
        .iter()
        .filter_map(|evaluation| evaluation.result.as_ref().ok());
    let mut codes: Vec<&str> = verdicts
        .filter(|verdict| verdict.decision == Decision::Reject)
        .flat_map(|verdict| &verdict.findings)
        .filter(|finding| finding.severity == Severity::Error)
        .map(|finding| finding.code.as_str())
        .collect();
    codes.dedup();
    codes
}

/// Every finding of a judgement.
pub(crate) fn findings(judgement: &Judgement<Verdict>) -> Vec<&Finding> {
    let verdicts = judgement
        .evaluations
        .iter()
        .filter_map(|evaluation| evaluation.result.as_ref().ok());
    verdicts.flat_map(|verdict| &verdict.findings).collect()
}

/// Nothing but discovery's lookups was asked in clear text, and no server over TLS was asked anything.
pub(crate) fn nothing_leaked(lab: &Lab) {
    let asked = absolute(ASKED).unwrap();
    assert!(
        !lab.dns().journal().asked_for(&asked),
        "`{ASKED}` was asked for in clear text"
    );
    for server in lab.sites().iter().flat_map(|site| site.servers()) {
        let queries = server.dot.journal().queries();
        assert!(
            queries.is_empty(),
            "{} was asked {queries:?} without being vetted",
            server.host
        );
    }
}

/// The transport that the lab's servers speak.
pub(crate) const DOT: Transport = Transport::Dot;
