//! Coming back to a network that is known (the draft's section 9).

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use resolvet::enrolment::{Attached, EnrolError, Enrolment, Membership, Renewal, reattach};
use resolvet::{Client, Recursive};
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::enrolment::journey::JourneyError;
use resolvet_proto::judgement::{Purpose, UsageProfile};
use resolvet_proto::session::Config;
use resolvet_tests::lab::ca::{Fault, Leaf};
use resolvet_tests::lab::dot::DotFault;
use resolvet_tests::lab::est::{EstFault, EstOptions};
use resolvet_tests::lab::{Lab, Options};

use crate::enrolment_desk::{Device, certificates, lab};
use crate::journey::{ASKED, defaults, policies};

/// A device that enrolled.
struct Known {
    device: Device,
    client: Client,
}

impl Known {
    async fn new(lab: &Lab) -> Self {
        let mut device = Device::new(lab);
        device.bootstrap().await.unwrap();
        let recursive = Recursive::new(lab.resolver(), Duration::from_secs(3));
        Self {
            device,
            client: Client::new(policies(&UsageProfile::Strict, defaults()), recursive),
        }
    }

    fn stored(&self) -> Enrolment {
        let Device { store, network, .. } = &self.device;
        store.load(network).unwrap().unwrap()
    }

    async fn come_back(&self) -> Attached {
        let Device {
            enroller,
            store,
            network,
            ..
        } = &self.device;
        reattach(
            enroller,
            &self.client,
            (store, network),
            Config::new("example.net".to_owned(), 7),
            &mut |_| {},
        )
        .await
        .unwrap()
    }
}

/// Why the EST server gave nothing.
fn why(renewal: Renewal) -> JourneyError {
    match renewal {
        Renewal::Failed(EnrolError::Journey(failure)) => failure.error,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn what_is_stored_holds_without_asking_est() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let asked = lab.est().journal().len();
    let attached = known.come_back().await;
    assert!(
        matches!(attached.renewal, Renewal::NotNeeded),
        "{:?}",
        attached.renewal
    );
    assert!(attached.attachment.vetted().await.is_ok());
    assert_eq!(lab.est().journal().len(), asked);
}

#[tokio::test]
async fn a_replaced_certificate_is_fetched_without_a_password() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let asked = lab.est().journal().len();
    let new = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    lab.site().servers()[0].dot.present(&new).unwrap();
    lab.est().convey(vec![new.conveyed().clone()]);
    let attached = known.come_back().await;
    assert!(
        matches!(attached.renewal, Renewal::Renewed { changed: true }),
        "{:?}",
        attached.renewal
    );
    assert!(attached.attachment.vetted().await.is_ok());
    let stored = known.stored();
    assert_eq!(*certificates(&stored)[0], *new.end_entity());
    let journal = lab.est().journal();
    let schemes: Vec<_> = journal[asked..].iter().map(|entry| entry.scheme).collect();
    assert_eq!(schemes, ["", "", ""], "nobody proved a password again");
}

#[tokio::test]
async fn an_impostor_gives_nothing_and_changes_nothing() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let before = known.stored();
    let new = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    lab.site().servers()[0].dot.present(&new).unwrap();
    lab.est().convey(vec![new.conveyed().clone()]);
    let asked = lab.est().journal().len();
    let leaf = EstOptions::new("example.net")
        .leaf()
        .with(Fault::WrongIssuer);
    lab.est()
        .present(&lab.authority().issue(&leaf).unwrap())
        .unwrap();
    let attached = known.come_back().await;
    assert!(attached.attachment.vetted().await.is_err());
    let error = why(attached.renewal);
    assert!(
        matches!(
            &error,
            JourneyError::Refused {
                purpose: Purpose::EstServer,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(known.stored(), before);
    assert_eq!(lab.est().journal().len(), asked, "nothing was asked of it");
}

#[tokio::test]
async fn a_server_that_cannot_renew_leaves_what_was_stored() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let before = known.stored();
    let new = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    lab.site().servers()[0].dot.present(&new).unwrap();
    lab.est().fail_at(Operation::EeCerts, EstFault::NotAnchored);
    let attached = known.come_back().await;
    let error = why(attached.renewal);
    assert!(
        matches!(
            &error,
            JourneyError::Refused {
                purpose: Purpose::ConveyedEndEntity,
                ..
            }
        ),
        "{error}"
    );
    assert_eq!(known.stored(), before);
}

#[tokio::test]
async fn a_server_that_moved_is_found_again() {
    let lab = lab();
    let mut known = Known::new(&lab).await;
    let mut enrolment = known.stored();
    let moved = Arc::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let port = moved.local_addr().unwrap().port();
    drop(moved);
    let old = format!("https://est.example.net:{port}");
    enrolment.est.endpoint = old.clone().try_into().unwrap();
    let Device { store, network, .. } = &known.device;
    store.save(network, &enrolment).unwrap();
    let renewed = known.device.renew().await.unwrap();
    let expected = format!("https://est.example.net:{}", lab.est().port());
    assert_eq!(renewed.est.endpoint.to_string(), expected);
}

#[tokio::test]
async fn a_replaced_domain_is_followed() {
    let options = Options::new()
        .site("example.net")
        .site("example.com")
        .est(EstOptions::new("example.net"));
    let lab = Lab::start(options).unwrap();
    let known = Known::new(&lab).await;
    let [old, new] = lab.sites() else {
        panic!("two sites")
    };
    let gone = Leaf::good("example.net").with(Fault::Expired);
    let gone = lab.authority().issue(&gone).unwrap();
    old.servers()[0].dot.present(&gone).unwrap();
    lab.est()
        .convey(vec![new.servers()[0].identity.conveyed().clone()]);
    let attached = known.come_back().await;
    let domain = attached.enrolment.authentication_domain_name.as_deref();
    assert_eq!(domain, Some("example.com"));
    let answer = attached
        .attachment
        .query(ASKED, RecordType::A)
        .await
        .unwrap();
    assert_eq!(answer.server.port, new.servers()[0].dot.port());
}

/// The draft's section 9 while a client runs: certificate and domain of the DNS server are replaced under it.
#[tokio::test]
async fn a_client_that_runs_follows_its_network() {
    let options = Options::new()
        .site("example.net")
        .site("example.com")
        .est(EstOptions::new("example.net"));
    let lab = Lab::start(options).unwrap();
    let [old, new] = lab.sites() else {
        panic!("two sites")
    };
    old.servers()[0].dot.fail(DotFault::ClosesAfter {
        answers: 1,
        abrupt: false,
    });
    let Known { device, client } = Known::new(&lab).await;
    let membership = Membership::begin(
        device.enroller.clone(),
        client,
        (device.store.clone(), device.network.clone()),
        Config::new("example.net".to_owned(), 7),
    )
    .await
    .unwrap();
    let answer = membership.query(ASKED, RecordType::A).await.unwrap();
    assert_eq!(answer.server.port, old.servers()[0].dot.port());

    let gone = Leaf::good("example.net").with(Fault::Expired);
    let gone = lab.authority().issue(&gone).unwrap();
    old.servers()[0].dot.present(&gone).unwrap();
    lab.est()
        .convey(vec![new.servers()[0].identity.conveyed().clone()]);
    // A query that needs a connection is refused, and leads to the EST server; one that meets the old connection at its end
    // fails as well.
    let replaced = membership.replaced();
    tokio::pin!(replaced);
    let present = loop {
        tokio::select! {
            biased;
            present = &mut replaced => break present.unwrap(),
            refused = membership.query(ASKED, RecordType::A) => {
                assert!(refused.is_err(), "{refused:?}");
            }
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    };
    let enrolment = present.enrolment;
    let domain = enrolment.authentication_domain_name.as_deref();
    assert_eq!(domain, Some("example.com"));
    let answer = membership.query(ASKED, RecordType::A).await.unwrap();
    assert_eq!(answer.server.port, new.servers()[0].dot.port());
    let stored = device.store.load(&device.network).unwrap().unwrap();
    assert_eq!(stored, *enrolment);
}
