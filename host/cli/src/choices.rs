//! What a person may do about a hard failure (the draft's section 11), each choice with the commands to run.

use resolvet::{
    AttachError,
    enrolment::{EnrolError, NetworkName},
};
use resolvet_proto::{
    enrolment::journey::{Choice, Failure},
    session::{self, FailureKind},
};
use serde::Serialize;

use crate::{
    args::{Command, TrustCommand},
    exit::enrolment_error,
};

/// What a command was about, as far as its arguments say.
#[derive(Debug, Clone, Default)]
pub(crate) struct Subject {
    domain: Option<String>,
    network: Option<String>,
    thing: bool,
    is_enrolled: bool,
}

/// A choice and how it is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(crate) struct ChoiceReport {
    pub(crate) choice: Choice,
    /// In words.
    pub(crate) text: &'static str,
    /// The commands, in order; none where none would help.
    pub(crate) commands: Vec<String>,
}

impl Subject {
    pub(crate) fn of(command: &Command) -> Self {
        let (domain, network, thing) = match command {
            Command::Discover {
                domain, journey, ..
            }
            | Command::Explain { domain, journey } => (domain, &journey.network, false),
            Command::Query { via, journey, .. } => (via, &journey.network, false),
            Command::Bootstrap(arguments) => {
                (&arguments.domain, &arguments.network, arguments.brski)
            }
            Command::Trust(TrustCommand::Renew { network, .. }) => {
                return Self {
                    network: Some(network.clone()),
                    ..Self::default()
                };
            }
            _ => return Self::default(),
        };
        Self {
            domain: domain.clone(),
            network: network.clone(),
            thing,
            is_enrolled: false,
        }
    }

    /// A journey to this domain, with the enrolment of this network or without one.
    pub(crate) fn journey(domain: &str, network: Option<&NetworkName>) -> Self {
        Self {
            domain: Some(domain.to_owned()),
            network: network.map(ToString::to_string),
            thing: false,
            is_enrolled: network.is_some(),
        }
    }

    /// How this device enrols.
    fn bootstrap(&self, more: &str) -> String {
        let domain = self.domain.as_deref().unwrap_or("DOMAIN").escape_debug();
        let who = match self.thing {
            true => "--brski …",
            false => "--user NAME",
        };
        let network = self.network.as_deref().map(str::escape_debug);
        let network = network.map_or_else(String::new, |name| format!(" --network {name}"));
        format!("resolvet bootstrap {domain} {who}{network}{more}")
    }

    /// The choice with its commands.
    fn report(&self, choice: Choice) -> Option<ChoiceReport> {
        let (text, commands) = match choice {
            Choice::AnotherNetwork => (
                "attach to another network, and run the same command there",
                vec![],
            ),
            Choice::TrustThisNetwork => {
                let name = self.network.as_ref().or(self.domain.as_ref());
                let name = name.map_or("NAME", String::as_str).escape_debug();
                (
                    "if you trust this network, enrol in it: its DNS server is used under the strict profile then",
                    vec![format!("resolvet network trust {name}"), self.bootstrap("")],
                )
            }
            Choice::EnrolAnew => ("enrol anew", vec![self.bootstrap("")]),
            Choice::TryLater => ("try again later", vec![]),
            Choice::NameTheDomain => (
                "say which domain's DNS server is meant",
                vec![match self.thing {
                    true => self.bootstrap(""),
                    false => self.bootstrap(" --est URL"),
                }],
            ),
            Choice::AnotherResolver => (
                "ask another resolver: run the same command with `--resolver ADDRESS`, or set `network.resolver`",
                vec![],
            ),
            // A choice of a later version of the library has no words here.
            _ => return None,
        };
        Some(ChoiceReport {
            choice,
            text,
            commands,
        })
    }

    fn reports(&self, choices: impl IntoIterator<Item = Choice>) -> Vec<ChoiceReport> {
        let reports = choices.into_iter().filter_map(|choice| self.report(choice));
        reports.collect()
    }

    /// The choices after a session that ended without a server.
    pub(crate) fn of_session(&self, failure: &session::Failure) -> Vec<ChoiceReport> {
        use Choice::{AnotherNetwork, AnotherResolver, EnrolAnew, TrustThisNetwork, TryLater};
        let trust = match self.is_enrolled {
            true => EnrolAnew,
            false => TrustThisNetwork,
        };
        let choices: &[Choice] = match failure.kind {
            FailureKind::NothingDiscovered | FailureKind::ConnectionFailed => {
                &[TryLater, AnotherNetwork]
            }
            FailureKind::Unanswered => &[AnotherResolver, TryLater, AnotherNetwork],
            FailureKind::Downgrade => &[AnotherNetwork, TryLater],
            FailureKind::ValidationRefused => &[AnotherNetwork, trust],
            FailureKind::PrivacyRefused | FailureKind::SelectionRefused => &[AnotherNetwork],
            // What failed is this device's own.
            _ => &[],
        };
        self.reports(choices.iter().copied())
    }

    /// The choices that an error leaves.
    pub(crate) fn of_error(&self, error: &anyhow::Error) -> Vec<ChoiceReport> {
        if let Some(failure) = journey_failure(error) {
            return self.reports(failure.choices.iter().copied());
        }
        match error.downcast_ref::<AttachError>() {
            Some(AttachError::Failed(failure)) => self.of_session(failure),
            _ => Vec::new(),
        }
    }
}

/// How a journey of enrolment ended, where it was one that did.
fn journey_failure(error: &anyhow::Error) -> Option<&Failure> {
    match enrolment_error(error)? {
        EnrolError::Journey(failure) => Some(failure),
        _ => None,
    }
}

/// The choices as lines for a person.
pub(crate) fn lines(choices: &[ChoiceReport]) -> Vec<String> {
    let line = |choice: &ChoiceReport| {
        let commands: Vec<String> = choice
            .commands
            .iter()
            .map(|command| format!("`{command}`"))
            .collect();
        match commands.is_empty() {
            true => choice.text.to_owned(),
            false => format!("{}: {}", choice.text, commands.join(", then ")),
        }
    };
    choices.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "tests may fail loudly")]

    use super::*;

    fn failure(kind: FailureKind) -> session::Failure {
        session::Failure {
            kind,
            message: String::new(),
            decision: None,
            reference: String::new(),
            retry_after: 0,
        }
    }

    #[test]
    fn whoever_is_not_enrolled_may_trust_the_network() {
        let subject = Subject::journey("example.net", None);
        let choices = subject.of_session(&failure(FailureKind::ValidationRefused));
        let kinds: Vec<Choice> = choices.iter().map(|it| it.choice).collect();
        assert_eq!(kinds, [Choice::AnotherNetwork, Choice::TrustThisNetwork]);
        assert_eq!(
            lines(&choices).last().map(String::as_str),
            Some(
                "if you trust this network, enrol in it: its DNS server is used under the strict profile then: \
                 `resolvet network trust example.net`, then `resolvet bootstrap example.net --user NAME`"
            )
        );
        assert_eq!(subject.of_session(&failure(FailureKind::PolicyFault)), []);
    }

    #[test]
    fn another_resolver_may_answer_where_one_is_silent() {
        let subject = Subject::journey("example.net", None);
        let choices = lines(&subject.of_session(&failure(FailureKind::Unanswered)));
        assert_eq!(
            choices.first().map(String::as_str),
            Some(
                "ask another resolver: run the same command with `--resolver ADDRESS`, or set `network.resolver`"
            )
        );
        let choices = lines(&subject.of_session(&failure(FailureKind::NothingDiscovered)));
        assert!(choices.iter().all(|line| !line.contains("--resolver")));
    }

    #[test]
    fn whoever_is_enrolled_may_enrol_anew() {
        let network = "office".parse().unwrap();
        let subject = Subject::journey("example.net", Some(&network));
        let choices = subject.of_session(&failure(FailureKind::ValidationRefused));
        let commands: Vec<&String> = choices.iter().flat_map(|it| &it.commands).collect();
        assert_eq!(
            commands,
            ["resolvet bootstrap example.net --user NAME --network office"]
        );
    }
}
