//! A device of a person in a lab with an EST server: what it begins with, and how its enrolment ended.

use std::time::Duration;

use resolvet::Recursive;
use resolvet::enrolment::{
    EnrolError, EnrolErrorKind, Enroller, Enrolment, EstLocation, NetworkName, Person, Place,
    Scheme, Search, Step, Store, prepared,
};
use resolvet_engine::Rule;
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::enrolment::journey::JourneyError;
use resolvet_proto::judgement::{Conveyed, Der, UsageProfile};
use resolvet_tests::lab::est::{EstFault, EstOptions, PASSWORD, USER};
use resolvet_tests::lab::{Lab, Options};
use tempfile::TempDir;

use crate::journey::{Journey, defaults, policies};

/// How long a lookup may take. Loopback is quick, a busy machine is not.
const LOOKUP: Duration = Duration::from_secs(3);

/// A lab with one good site and its EST server.
pub(crate) fn lab() -> Lab {
    Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap()
}

/// The same where people's devices are asked for one scheme.
pub(crate) fn lab_with(scheme: Scheme) -> Lab {
    let mut options = EstOptions::new("example.net");
    options.schemes = vec![scheme];
    Lab::start(Options::new().est(options)).unwrap()
}

/// The same with a fault at one operation.
pub(crate) fn faulty_lab(operation: Operation, fault: EstFault) -> Lab {
    let lab = lab();
    lab.est().fail_at(operation, fault);
    lab
}

/// A device that is about to enrol.
pub(crate) struct Device {
    pub(crate) enroller: Enroller,
    pub(crate) url: String,
    pub(crate) user: String,
    pub(crate) password: String,
    pub(crate) domain: Option<String>,
    /// What the person was shown.
    pub(crate) shown: Vec<Step>,
    pub(crate) store: Store,
    pub(crate) network: NetworkName,
    pub(crate) folder: TempDir,
}

impl Device {
    /// With the right user, the right password, the policies that ship, and the EST server under its own name.
    pub(crate) fn new(lab: &Lab) -> Self {
        Self::with_rules(lab, defaults())
    }

    pub(crate) fn with_rules(lab: &Lab, rules: Vec<Rule>) -> Self {
        let search = Search::new(Recursive::new(lab.resolver(), LOOKUP));
        Self::searching(lab, rules, search)
    }

    /// The same, which looks for servers so.
    pub(crate) fn searching(lab: &Lab, rules: Vec<Rule>, search: Search) -> Self {
        let policies = policies(&UsageProfile::Strict, rules);
        let folder = tempfile::tempdir().unwrap();
        Self {
            enroller: Enroller::new(policies, search),
            url: format!("https://est.example.net:{}", lab.est().port()),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            domain: None,
            shown: Vec::new(),
            store: Store::open(&folder.path().join("enrolments")).unwrap(),
            network: "campus".parse().unwrap(),
            folder,
        }
    }

    pub(crate) async fn bootstrap(&mut self) -> Result<Enrolment, EnrolError> {
        let server = EstLocation::parse(&self.url).unwrap();
        self.bootstrap_at(Some(server)).await
    }

    /// At this server, or at one that is found.
    pub(crate) async fn bootstrap_at(
        &mut self,
        server: Option<EstLocation>,
    ) -> Result<Enrolment, EnrolError> {
        let password = self.password.as_bytes().to_vec();
        let person = Person {
            user: prepared(&self.user, password.into()).unwrap(),
            server,
            domain: self.domain.clone(),
        };
        let shown = &mut self.shown;
        let place = Place::named(&self.store, &self.network);
        let mut tell = |step: &Step| shown.push(step.clone());
        let enrolled = self.enroller.bootstrap(person, place, &mut tell).await?;
        Ok(enrolled.enrolment)
    }

    /// Why a bootstrap ended; nothing is stored then.
    pub(crate) async fn refused(&mut self) -> (EnrolErrorKind, JourneyError) {
        let error = self.bootstrap().await.unwrap_err();
        assert_eq!(self.store.load(&self.network).unwrap(), None);
        let kind = error.kind();
        match error {
            EnrolError::Journey(failure) => (kind, failure.error),
            other => panic!("{other:?}"),
        }
    }

    pub(crate) async fn renew(&mut self) -> Result<Enrolment, EnrolError> {
        let shown = &mut self.shown;
        let mut tell = |step: &Step| shown.push(step.clone());
        self.enroller
            .renew(&self.store, &self.network, &mut tell)
            .await
    }
}

/// A journey to the DNS server with what was enrolled, and nothing else.
pub(crate) fn journey<'a>(lab: &'a Lab, enrolment: &Enrolment) -> Journey<'a> {
    let domain = enrolment.authentication_domain_name.as_deref().unwrap();
    let anchors = enrolment.anchor_set(None).certificates().to_vec();
    Journey::new(lab)
        .domain(domain)
        .conveyed(enrolment.conveyed())
        .anchors(anchors)
}

/// The conveyed certificates.
pub(crate) fn certificates(enrolment: &Enrolment) -> Vec<Der> {
    match enrolment.conveyed() {
        Conveyed::Certificates { certificates } => certificates,
        other => panic!("{other:?}"),
    }
}
