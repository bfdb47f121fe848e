//! A device of a person in a lab with an EST server: what it begins with, and how its enrolment ended.

use std::time::Duration;

use resolvet::Recursive;
use resolvet::enrolment::{EnrolError, Enroller, Enrolment, EstLocation, Password, Progress, User};
use resolvet_engine::Rule;
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::judgement::{Conveyed, Der, UsageProfile};
use resolvet_tests::lab::est::{EstFault, EstOptions, PASSWORD, USER};
use resolvet_tests::lab::{Lab, Options};

use crate::journey::{Journey, defaults, policies};

/// How long a lookup may take. Loopback is quick.
const LOOKUP: Duration = Duration::from_millis(400);

/// A lab with one good site and its EST server.
pub(crate) fn lab() -> Lab {
    Lab::start(Options::new().est(EstOptions::new("example.net"))).unwrap()
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
    pub(crate) shown: Vec<Progress>,
}

impl Device {
    /// With the right user, the right password, the policies that ship, and the EST server under its own name.
    pub(crate) fn new(lab: &Lab) -> Self {
        Self::with_rules(lab, defaults())
    }

    pub(crate) fn with_rules(lab: &Lab, rules: Vec<Rule>) -> Self {
        let recursive = Recursive::new(lab.resolver(), LOOKUP);
        let policies = policies(&UsageProfile::Strict, rules);
        Self {
            enroller: Enroller::new(policies, recursive),
            url: format!("https://est.example.net:{}", lab.est().port()),
            user: USER.to_owned(),
            password: PASSWORD.to_owned(),
            domain: None,
            shown: Vec::new(),
        }
    }

    pub(crate) async fn bootstrap(&mut self) -> Result<Enrolment, EnrolError> {
        let location = EstLocation::parse(&self.url).unwrap();
        let password = Password::new(self.password.as_bytes().to_vec().into()).unwrap();
        let user = User::new(&self.user, password).unwrap();
        let shown = &mut self.shown;
        self.enroller
            .bootstrap(
                vec![location],
                user,
                self.domain.as_deref(),
                &mut |progress| {
                    shown.push(progress);
                },
            )
            .await
    }

    pub(crate) async fn renew(&mut self, enrolment: &Enrolment) -> Result<Enrolment, EnrolError> {
        let shown = &mut self.shown;
        self.enroller
            .renew(enrolment, &mut |progress| shown.push(progress))
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
