//! Certificates and what is in them: hostile octets are read or refused, and never end the program.

use resolvet_guest::native;
use resolvet_proto::certificate::{
    SrvId, facts,
    privacy::{DEFAULT_OID, PrivacyStatement},
    privacy_statement, subject, validity,
};
use resolvet_proto::judgement::{
    AnchorDatabase, AnchorSet, Decision, Der, Presented, Purpose, ReferenceId, Request,
};
use resolvet_tests::lab::ca::{Authority, Leaf};

/// A real chain, of which inputs change octets: noise alone would not come past the first length.
fn chain() -> (Vec<Der>, Der) {
    let authority = Authority::new().unwrap();
    let identity = authority.issue(&Leaf::good("example.net")).unwrap();
    let ders = identity.chain().iter().map(|der| der.as_ref().into());
    (ders.collect(), authority.root().as_ref().into())
}

/// The octets with changes at places that the input names: two octets of position and one of value for each.
fn changed(octets: &[u8], input: &[u8]) -> Vec<u8> {
    let mut octets = octets.to_vec();
    for change in input.chunks_exact(3) {
        let position = usize::from(u16::from_be_bytes([change[0], change[1]])) % octets.len();
        octets[position] = change[2];
    }
    octets
}

#[test]
fn certificate() {
    let (chain, _) = chain();
    bolero::check!().for_each(|input: &[u8]| {
        for octets in [input.to_vec(), changed(&chain[0], input)] {
            let read = facts(&octets).is_ok();
            let _ = (subject(&octets), privacy_statement(&octets, DEFAULT_OID));
            assert!(
                !read || validity(&octets).is_some(),
                "readable, and without validity"
            );
        }
    });
}

#[test]
fn privacy_extension() {
    bolero::check!().for_each(|input: &[u8]| {
        let Ok(statement) = PrivacyStatement::from_der(input) else {
            return;
        };
        // What was read in whichever tagging is written in one, and means the same.
        if let Ok(written) = statement.to_der() {
            assert_eq!(PrivacyStatement::from_der(&written), Ok(statement));
        }
    });
}

#[test]
fn srv_id() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(id) = SrvId::parse(&String::from_utf8_lossy(input)) {
            assert_eq!(SrvId::parse(&id.to_string()), Ok(id));
        }
    });
}

/// The policies over a chain with changed octets: a verdict always, and never an accept of an altered end entity.
#[test]
fn policies() {
    let (chain, root) = chain();
    let settings = resolvet_policy_pkix::Settings::default();
    let (not_before, not_after) = validity(&chain[0]).unwrap();
    let now = u64::midpoint(not_before, not_after);
    bolero::check!().for_each(|input: &[u8]| {
        let end_entity = changed(&chain[0], input);
        let altered = *end_entity != *chain[0];
        let mut certificates = chain.clone();
        certificates[0] = end_entity.into();
        let mut request = Request::new(Purpose::DnsServer, now);
        request.reference_ids = vec![ReferenceId::DnsId("example.net".into())];
        request.presented = Presented {
            certificates,
            ocsp_response: altered.then(|| input.into()),
        };
        // What comes beside a certificate may spoil it, so that the unaltered chain is judged without it.
        request.crls = if altered {
            vec![input.into()]
        } else {
            Vec::new()
        };
        request.anchors = AnchorSet::new(AnchorDatabase::Explicit, vec![root.clone()]).into();
        let verdict =
            native::evaluate(&request, "{}", || resolvet_policy_pkix::validate(&settings));
        let accepts = matches!(verdict.decision, Decision::Accept { .. });
        assert_ne!(altered, accepts, "{verdict:?}");
        verdict.checked(&request).unwrap();
        let privacy = resolvet_policy_privacy::Settings::default();
        let verdict =
            native::evaluate(&request, "{}", || resolvet_policy_privacy::assess(&privacy));
        verdict.checked(&request).unwrap();
    });
}
