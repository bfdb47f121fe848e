//! Coming back to a network that is known (the draft's section 9).

use std::sync::Arc;
use std::time::Duration;

use hickory_proto::rr::RecordType;
use resolvet::enrolment::{Attached, EnrolError, NetworkName, Renewal, Store, reattach};
use resolvet::{Client, Recursive};
use resolvet_proto::enrolment::est::Operation;
use resolvet_proto::judgement::UsageProfile;
use resolvet_proto::session::Config;
use resolvet_tests::lab::ca::{Fault, Leaf};
use resolvet_tests::lab::est::{EstFault, EstOptions};
use resolvet_tests::lab::{Lab, Options};
use tempfile::TempDir;

use crate::enrolment_desk::{Device, certificates, lab};
use crate::journey::{ASKED, defaults, policies};

/// A device that enrolled, and its store.
struct Known {
    device: Device,
    client: Client,
    store: Store,
    network: NetworkName,
    _folder: TempDir,
}

impl Known {
    async fn new(lab: &Lab) -> Self {
        let mut device = Device::new(lab);
        let enrolment = device.bootstrap().await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&folder.path().join("enrolments")).unwrap();
        let network: NetworkName = "campus".parse().unwrap();
        store.save(&network, &enrolment).unwrap();
        let recursive = Recursive::new(lab.resolver(), Duration::from_millis(400));
        Self {
            device,
            client: Client::new(policies(&UsageProfile::Strict, defaults()), recursive),
            store,
            network,
            _folder: folder,
        }
    }

    async fn come_back(&self) -> Attached {
        let session = Config::new("example.net".to_owned(), 7);
        reattach(
            &self.device.enroller,
            &self.client,
            (&self.store, &self.network),
            session,
            None,
            &mut |_| {},
        )
        .await
        .unwrap()
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
    let stored = known.store.load(&known.network).unwrap().unwrap();
    assert_eq!(*certificates(&stored)[0], *new.end_entity());
    let journal = lab.est().journal();
    let schemes: Vec<_> = journal[asked..].iter().map(|entry| entry.scheme).collect();
    assert_eq!(schemes, ["", ""], "nobody proved a password again");
}

#[tokio::test]
async fn an_impostor_gives_nothing_and_changes_nothing() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let before = known.store.load(&known.network).unwrap();
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
    assert!(
        matches!(attached.renewal, Renewal::Failed(EnrolError::Channel(_))),
        "{:?}",
        attached.renewal
    );
    assert!(attached.attachment.vetted().await.is_err());
    assert_eq!(known.store.load(&known.network).unwrap(), before);
    assert_eq!(lab.est().journal().len(), asked, "nothing was asked of it");
}

#[tokio::test]
async fn a_server_that_cannot_renew_leaves_what_was_stored() {
    let lab = lab();
    let known = Known::new(&lab).await;
    let before = known.store.load(&known.network).unwrap();
    let new = lab.authority().issue(&Leaf::good("example.net")).unwrap();
    lab.site().servers()[0].dot.present(&new).unwrap();
    lab.est().fail_at(Operation::EeCerts, EstFault::NotAnchored);
    let attached = known.come_back().await;
    assert!(
        matches!(
            attached.renewal,
            Renewal::Failed(EnrolError::Refused { .. })
        ),
        "{:?}",
        attached.renewal
    );
    assert_eq!(known.store.load(&known.network).unwrap(), before);
}

#[tokio::test]
async fn a_server_that_moved_is_found_again() {
    let lab = lab();
    let mut known = Known::new(&lab).await;
    let mut enrolment = known.store.load(&known.network).unwrap().unwrap();
    let moved = Arc::new(std::net::TcpListener::bind("127.0.0.1:0").unwrap());
    let port = moved.local_addr().unwrap().port();
    drop(moved);
    let old = format!("https://est.example.net:{port}");
    enrolment.est.endpoint = old.clone().try_into().unwrap();
    let renewed = known.device.renew(&enrolment).await.unwrap();
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
