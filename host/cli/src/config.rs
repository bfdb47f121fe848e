//! The configuration file: what a journey begins with and which policies judge.

use std::{
    fmt, fs,
    net::SocketAddr,
    path::{Path, PathBuf},
};

use ipnet::IpNet;
use resolvet::{
    decisions::{Detail, LogOptions, Redaction},
    registry::{Reference, ReferenceError},
};
use resolvet_engine::{Limits, provenance::VerificationKey};
use resolvet_proto::{
    judgement::{Mode, Role, Stage, Transport},
    session::AtOnce,
};
use serde::{Deserialize, Deserializer, Serialize, de::Error as _};
use serde_json::{Map, Value};

use crate::{
    args::{PolicyTrust, Profile},
    exit::{UsageError, unreadable},
    servers::{OptionText, ServerText},
};

/// The template that `resolvet config template` writes. A test checks that it reads as the defaults, and that every key
/// in it is known.
pub(crate) const TEMPLATE: &str = include_str!("template.toml");

/// The word for the root's trust anchors of DNSSEC, among files.
pub(crate) const ROOT: &str = "root";

/// The only version of the form so far.
const VERSION: &str = "v1";

/// A configuration.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Config {
    pub(crate) version: String,
    #[serde(default)]
    pub(crate) network: Network,
    #[serde(default)]
    pub(crate) dnssec: Dnssec,
    #[serde(default)]
    pub(crate) privacy_token: PrivacyToken,
    #[serde(default)]
    pub(crate) keys: Keys,
    #[serde(default)]
    pub(crate) daemon: Daemon,
    #[serde(default)]
    pub(crate) policies: Policies,
    #[serde(default)]
    pub(crate) registry: Registry,
    #[serde(default)]
    pub(crate) decisions: Decisions,
    #[serde(default)]
    pub(crate) traces: Traces,
    /// The policies in order. Absent: the three that the program carries.
    #[serde(default, rename = "policy")]
    pub(crate) rules: Option<Vec<Rule>>,
}

/// What a journey begins with.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Network {
    pub(crate) resolver: Option<String>,
    pub(crate) profile: Option<Profile>,
    pub(crate) trust_anchors: Option<String>,
    pub(crate) end_entity: Vec<PathBuf>,
    pub(crate) revocation_lists: Vec<PathBuf>,
    pub(crate) discovery: Option<Vec<String>>,
    pub(crate) interface: Option<String>,
    pub(crate) network_options: Vec<OptionText>,
    pub(crate) servers: Vec<ServerText>,
    pub(crate) fallback: Vec<ServerText>,
    pub(crate) fallback_trust_anchors: Option<String>,
    pub(crate) resolver_info: Option<bool>,
    pub(crate) attempts: Option<u32>,
    pub(crate) attempts_at_once: Option<AtOnce>,
    pub(crate) attempt_delay_milliseconds: Option<u32>,
    #[serde(deserialize_with = "some")]
    pub(crate) handshake_milliseconds: Option<u32>,
    #[serde(deserialize_with = "some")]
    pub(crate) query_milliseconds: Option<u32>,
    pub(crate) transports: Vec<Transport>,
    pub(crate) doh_method: DohMethod,
    pub(crate) associated_templates: bool,
    pub(crate) legacy_resolver_info: bool,
}

/// How DNS over HTTPS sends queries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum DohMethod {
    #[default]
    Post,
    Get,
}

/// What the validation of discovery's answers begins at.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Dnssec {
    pub(crate) anchors: Vec<String>,
    pub(crate) negative_anchors: Vec<String>,
    pub(crate) tlsa: bool,
}

/// Which signed privacy statements are fetched.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct PrivacyToken {
    pub(crate) from: Vec<TokenSource>,
    pub(crate) extension_oid: Option<String>,
    pub(crate) refused_addresses: Vec<String>,
    #[serde(deserialize_with = "some")]
    pub(crate) milliseconds: Option<u32>,
}

/// Where a server says that one is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum TokenSource {
    ResolverInfo,
    Extension,
}

/// Where networks' keys are made.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Keys {
    pub(crate) store: Option<String>,
    pub(crate) pkcs11_module: Option<PathBuf>,
}

/// What the daemon does.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Daemon {
    pub(crate) domain: Option<String>,
    pub(crate) enrolment: Option<String>,
    pub(crate) designated: Option<bool>,
    pub(crate) listen: Vec<String>,
    pub(crate) control: Option<PathBuf>,
    pub(crate) state: Option<PathBuf>,
    pub(crate) watch: Option<bool>,
    #[serde(deserialize_with = "some")]
    pub(crate) queries: Option<u32>,
    #[serde(deserialize_with = "some")]
    pub(crate) streams: Option<u32>,
    pub(crate) cache_octets: Option<u32>,
    pub(crate) longest_ttl: Option<u32>,
    pub(crate) longest_negative_ttl: Option<u32>,
    pub(crate) drain_milliseconds: Option<u32>,
    pub(crate) metrics: Option<SocketAddr>,
}

/// Where more policies are and what they may use.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Policies {
    pub(crate) folder: Option<PathBuf>,
    pub(crate) cache: Option<PathBuf>,
    pub(crate) signature_required: Option<bool>,
    pub(crate) keys: Vec<String>,
    pub(crate) keys_needed: Option<usize>,
    pub(crate) revisions: Option<PathBuf>,
    pub(crate) sees: Option<Vec<String>>,
    pub(crate) limits: Limits,
    pub(crate) promotion: Promotion,
    #[serde(rename = "return")]
    pub(crate) back: Return,
    pub(crate) break_glass: BreakGlass,
}

/// For how long an operator may lift restrictions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct BreakGlass {
    pub(crate) longest_seconds: Option<u64>,
}

/// When a shadow takes the place of what it is tried beside, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Promotion {
    pub(crate) judgements: Option<u64>,
    pub(crate) other_outcomes: u64,
    pub(crate) other_findings: u64,
    pub(crate) recorded: Option<usize>,
}

/// When a new generation makes way for the one before, by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Return {
    pub(crate) faults: Option<u32>,
    pub(crate) seconds: Option<u64>,
}

/// How registries are spoken to that deliver policies.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Registry {
    pub(crate) cache: Option<PathBuf>,
    pub(crate) poll_seconds: Option<u32>,
    pub(crate) credentials: Option<PathBuf>,
    pub(crate) trust_anchors: Option<String>,
    pub(crate) plain_http: Vec<String>,
    #[serde(deserialize_with = "ranges")]
    pub(crate) refused: Vec<IpNet>,
    pub(crate) component_octets: Option<usize>,
    pub(crate) pull_milliseconds: Option<u32>,
}

/// A number of what nothing can be done without.
fn some<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<u32>, D::Error> {
    match u32::deserialize(deserializer)? {
        0 => Err(D::Error::custom("expected at least 1")),
        number => Ok(Some(number)),
    }
}

/// Ranges of addresses, as `10.0.0.0/8`.
fn ranges<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<IpNet>, D::Error> {
    let texts = Vec::<String>::deserialize(deserializer)?;
    let ranges = texts.iter().map(|text| {
        let wrong = |_| {
            D::Error::custom(format!(
                "`{text}` is no range of addresses such as `10.0.0.0/8`"
            ))
        };
        text.parse().map_err(wrong)
    });
    ranges.collect()
}

/// The log of decisions.
#[derive(Debug, Clone, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Decisions {
    pub(crate) log: Option<PathBuf>,
    pub(crate) record: Detail,
    pub(crate) redact: Vec<Redact>,
    pub(crate) guest_log: Option<bool>,
    pub(crate) file_octets: Option<u64>,
    pub(crate) files: Option<u32>,
    pub(crate) queue: Option<usize>,
}

/// Where the daemon exports traces to.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize, Default)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Traces {
    pub(crate) collector: Option<SocketAddr>,
    pub(crate) queue: Option<usize>,
    pub(crate) delay_milliseconds: Option<u32>,
}

/// What the log of decisions does not tell.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Redact {
    Names,
    Addresses,
}

impl Decisions {
    /// What is not told, by traces neither.
    pub(crate) fn redaction(&self) -> Redaction {
        Redaction {
            names: self.redact.contains(&Redact::Names),
            addresses: self.redact.contains(&Redact::Addresses),
        }
    }

    /// What the log is made with; `None` where none is wanted.
    pub(crate) fn options(&self) -> Option<LogOptions> {
        let mut options = LogOptions::new(self.log.clone()?);
        options.record = self.record;
        options.redaction = self.redaction();
        options.guest_log = self.guest_log.unwrap_or(options.guest_log);
        options.file_octets = self.file_octets.unwrap_or(options.file_octets);
        options.files = self.files.unwrap_or(options.files);
        options.queue = self.queue.unwrap_or(options.queue);
        Some(options)
    }
}

impl Policies {
    /// What the arguments say wins.
    pub(crate) fn trusting(&mut self, trust: PolicyTrust) {
        if trust.unsigned_policies {
            self.signature_required = Some(false);
        }
        if !trust.policy_key.is_empty() {
            self.keys = trust.policy_key;
        }
    }
}

/// One configured use of a policy.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Rule {
    /// What the component's manifest must say. Without a place, the one of this name that the program carries.
    pub(crate) name: Option<String>,
    /// A component's file.
    pub(crate) file: Option<PathBuf>,
    /// Where a registry has the component.
    #[serde(default)]
    pub(crate) registry: Option<Reference>,
    /// Another version, which the daemon tries beside this one.
    #[serde(default)]
    pub(crate) shadow: Option<Place>,
    #[serde(default)]
    pub(crate) stages: Option<Vec<Stage>>,
    #[serde(default)]
    pub(crate) mode: Mode,
    #[serde(default)]
    pub(crate) role: Role,
    #[serde(default)]
    pub(crate) settings: Map<String, Value>,
    /// Whether it reads its settings once, and every evaluation begins with the memory that it has then.
    #[serde(default)]
    pub(crate) snapshot: bool,
    #[serde(default)]
    pub(crate) limits: Option<Limits>,
    /// What it may import. Absent: what `[policies]` says, for a file.
    #[serde(default)]
    pub(crate) sees: Option<Vec<String>>,
}

/// What is expected of a component where it is used.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expected<'a> {
    /// The name in its manifest.
    pub(crate) name: Option<&'a str>,
    /// What it may import.
    pub(crate) sees: Option<&'a [String]>,
}

impl Rule {
    /// The name of the one that the program carries, where it is that.
    pub(crate) fn carried(&self) -> Option<&str> {
        let is_elsewhere = self.file.is_some() || self.registry.is_some();
        self.name.as_deref().filter(|_| !is_elsewhere)
    }

    /// What is expected of its component, and of the one that is tried beside it.
    pub(crate) fn expected<'a>(&'a self, policies: &'a Policies) -> Expected<'a> {
        Expected {
            name: self.name.as_deref(),
            sees: self.sees.as_deref().or(policies.sees.as_deref()),
        }
    }

    /// The address in a registry of its component or of the one that is tried.
    pub(crate) fn addresses(&self) -> impl Iterator<Item = &Reference> {
        let shadow = self.shadow.as_ref().and_then(Place::registry);
        self.registry.iter().chain(shadow)
    }

    fn check(&self) -> Result<(), String> {
        let limits = self.limits.as_ref().map_or(Ok(()), Limits::check);
        limits.map_err(|error| format!("a `[[policy]]`: {error}"))?;
        let is_one = match (&self.file, &self.registry) {
            (None, None) => self.name.is_some(),
            (file, registry) => file.is_none() || registry.is_none(),
        };
        if !is_one {
            return Err(
                "a `[[policy]]` has one of `file` and `registry`, or the `name` alone of one that this program carries"
                    .into(),
            );
        }
        // A signature says nothing of the place where a component is used, and who runs a registry moves its tags.
        match self.addresses().next().filter(|_| self.name.is_none()) {
            Some(address) => Err(format!(
                "a `[[policy]]` with `{address}` needs `name`: write the name that the policy's manifest says, such as \
                 `name = \"company-rule\"`, so that the registry cannot put another one in its place that the same key signed"
            )),
            None => Ok(()),
        }
    }
}

/// Where a component is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub(crate) enum Place {
    File(PathBuf),
    Registry(Reference),
}

impl Place {
    pub(crate) fn file(&self) -> Option<&Path> {
        match self {
            Self::File(file) => Some(file),
            Self::Registry(_) => None,
        }
    }

    fn file_mut(&mut self) -> Option<&mut PathBuf> {
        match self {
            Self::File(file) => Some(file),
            Self::Registry(_) => None,
        }
    }

    pub(crate) const fn registry(&self) -> Option<&Reference> {
        match self {
            Self::File(_) => None,
            Self::Registry(reference) => Some(reference),
        }
    }
}

impl TryFrom<String> for Place {
    type Error = ReferenceError;

    fn try_from(text: String) -> Result<Self, ReferenceError> {
        match Reference::is_meant(&text) {
            true => text.parse().map(Self::Registry),
            false => Ok(Self::File(text.into())),
        }
    }
}

impl From<Place> for String {
    fn from(place: Place) -> Self {
        place.to_string()
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::File(file) => file.display().fmt(f),
            Self::Registry(reference) => reference.fmt(f),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            version: VERSION.into(),
            network: Network::default(),
            dnssec: Dnssec::default(),
            privacy_token: PrivacyToken::default(),
            keys: Keys::default(),
            daemon: Daemon::default(),
            policies: Policies::default(),
            registry: Registry::default(),
            decisions: Decisions::default(),
            traces: Traces::default(),
            rules: None,
        }
    }
}

impl Config {
    /// Reads a configuration; paths in it are relative to its folder.
    pub(crate) fn read(path: &Path) -> anyhow::Result<Self> {
        let text =
            fs::read_to_string(path).map_err(|error| unreadable("configuration", path, &error))?;
        let mut config = Self::parse(&text).map_err(|reason| {
            UsageError(format!("configuration `{}`: {reason}", path.display()))
        })?;
        config.relative_to(path.parent().unwrap_or(Path::new(".")));
        Ok(config)
    }

    fn parse(text: &str) -> Result<Self, String> {
        let config: Self =
            toml::from_str(text).map_err(|error| error.to_string().trim_end().to_owned())?;
        if config.version != VERSION {
            return Err(format!(
                "`version` is `{}`: expected `{VERSION}`",
                config.version
            ));
        }
        let limits = config.policies.limits.check();
        limits.map_err(|error| format!("[policies]: {error}"))?;
        for rule in config.rules.iter().flatten() {
            rule.check()?;
        }
        Ok(config)
    }

    fn relative_to(&mut self, folder: &Path) {
        let join = |path: &mut PathBuf| *path = folder.join(&*path);
        self.network.end_entity.iter_mut().for_each(join);
        self.network.revocation_lists.iter_mut().for_each(join);
        self.keys.pkcs11_module.iter_mut().for_each(join);
        self.daemon.control.iter_mut().for_each(join);
        self.daemon.state.iter_mut().for_each(join);
        self.policies.folder.iter_mut().for_each(join);
        self.policies.cache.iter_mut().for_each(join);
        self.decisions.log.iter_mut().for_each(join);
        self.policies.revisions.iter_mut().for_each(join);
        self.registry.cache.iter_mut().for_each(join);
        self.registry.credentials.iter_mut().for_each(join);
        for key in &mut self.policies.keys {
            // A key stands here itself, or in a file.
            if VerificationKey::parse(key).is_err() {
                *key = folder.join(&*key).to_string_lossy().into_owned();
            }
        }
        self.rules
            .iter_mut()
            .flatten()
            .flat_map(|rule| {
                let shadow = rule.shadow.as_mut().and_then(Place::file_mut);
                rule.file.as_mut().into_iter().chain(shadow)
            })
            .for_each(join);
        let network = &mut self.network;
        let anchors = [
            &mut network.trust_anchors,
            &mut network.fallback_trust_anchors,
            &mut self.registry.trust_anchors,
        ];
        for anchors in anchors.into_iter().flatten().filter(|a| *a != "system") {
            *anchors = folder.join(&*anchors).to_string_lossy().into_owned();
        }
        for anchors in self.dnssec.anchors.iter_mut().filter(|a| *a != ROOT) {
            *anchors = folder.join(&*anchors).to_string_lossy().into_owned();
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use resolvet_proto::discovery::DomainName;

    use super::*;
    use crate::servers::servers;

    #[test]
    fn the_template_reads_as_the_defaults() {
        assert_eq!(Config::parse(TEMPLATE).unwrap(), Config::default());
    }

    #[test]
    fn every_key_of_the_template_is_known() {
        // A line `# key = value` is a key that is switched off; what is prose has a capital or no equals sign. Elements of a list
        // stand on lines of their own, indented.
        let uncommented: String = TEMPLATE
            .lines()
            .map(|line| match line.strip_prefix("# ") {
                Some(rest) if rest.starts_with('[') || is_key(rest) || is_of_list(rest) => rest,
                _ => line,
            })
            .flat_map(|line| [line, "\n"])
            .collect();
        let config =
            Config::parse(&uncommented).unwrap_or_else(|error| panic!("{error}\n{uncommented}"));
        assert!(
            config.network.resolver.is_some(),
            "the keys were switched on"
        );
        assert_eq!(config.rules.unwrap().len(), 5);
        let servers = servers("servers", &config.network.servers).unwrap();
        let domain = DomainName::parse("example.net").unwrap();
        for server in &servers {
            assert_eq!(server.check(Some(&domain)), Ok(()), "{server:?}");
        }
        assert_eq!(servers.len(), 4);
    }

    fn is_of_list(line: &str) -> bool {
        line == "]" || line.starts_with("  \"") || line.starts_with("  {")
    }

    fn is_key(line: &str) -> bool {
        line.split_once(" = ").is_some_and(|(key, _)| {
            key.bytes()
                .all(|octet| octet.is_ascii_lowercase() || octet == b'-')
        })
    }

    #[test]
    fn unknown_keys_and_versions_are_refused() {
        for (text, expected) in [
            ("", "missing field `version`"),
            ("version = \"v2\"", "`version` is `v2`: expected `v1`"),
            ("version = \"v1\"\nnetwrok = 1", "unknown field `netwrok`"),
            (
                "version = \"v1\"\n[[policy]]\nrole = \"authority\"",
                "one of `file` and `registry`, or the `name` alone",
            ),
            (
                "version = \"v1\"\n[[policy]]\nname = \"rule\"\nfile = \"rule.wasm\"\nregistry = \"oci://registry.example.net/rule:stable\"",
                "one of `file` and `registry`, or the `name` alone",
            ),
            (
                "version = \"v1\"\n[[policy]]\nregistry = \"oci://registry.example.net/rule:stable\"",
                "with `oci://registry.example.net/rule:stable` needs `name`",
            ),
            (
                "version = \"v1\"\n[[policy]]\nfile = \"rule.wasm\"\nshadow = \"oci://registry.example.net/rule:next\"",
                "with `oci://registry.example.net/rule:next` needs `name`",
            ),
            (
                "version = \"v1\"\n[[policy]]\nregistry = \"oci://registry.example.net/rule\"",
                "expected a tag",
            ),
            (
                "version = \"v1\"\n[policies.limits]\ntime-milliseconds = 0",
                "[policies]: `limits.time-milliseconds` is 0: expected at least 1",
            ),
            (
                "version = \"v1\"\n[policies.limits]\nmemory-octets = 4294967297",
                "[policies]: `limits.memory-octets` is 4294967297",
            ),
            (
                "version = \"v1\"\n[[policy]]\nname = \"pkix\"\nlimits = { time-milliseconds = 0 }",
                "a `[[policy]]`: `limits.time-milliseconds` is 0",
            ),
            (
                "version = \"v1\"\n[registry]\nrefused = [\"10.0.0.0/33\"]",
                "`10.0.0.0/33` is no range",
            ),
            (
                "version = \"v1\"\n[daemon]\nqueries = 0",
                "queries = 0\n  |           ^\nexpected at least 1",
            ),
            (
                "version = \"v1\"\n[network]\nservers = [{ transport = \"dot\", nam = \"a.example\" }]",
                "unknown field `nam`, expected one of `transport`, `name`",
            ),
            (
                "version = \"v1\"\n[network]\nfallback = [853]",
                "expected a DNS stamp, or a table",
            ),
        ] {
            let error = Config::parse(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
