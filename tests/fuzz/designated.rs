//! What networks, resolvers and people say of encrypted resolvers: SVCB, DNR in all three encodings, RESINFO, stamps, templates.

use resolvet_proto::discovery::{
    DomainName, Template,
    dnr::{
        self, Carrier, NetworkOption, dhcp_v4_fragments, from_dhcp_v4_areas, write_dhcp_v4,
        write_dhcp_v6, write_router_advertisement,
    },
    resinfo, stamp,
    svcb::{self, Params, Svcb},
};

#[test]
fn svcb() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(params) = Params::parse(input) {
            assert_eq!(params.encode().unwrap(), input, "one form for one meaning");
            assert!(params.keys().is_sorted());
            let _words = svcb::presentation(&params);
            if let Ok((offers, _)) = params.offers() {
                assert!(!offers.is_empty());
                for offer in offers {
                    assert!(!svcb::is_bad_port(offer.port));
                    assert_eq!(
                        offer.path.is_some(),
                        offer.transport.as_str().starts_with("doh")
                    );
                }
            }
        }
        if let Ok(svcb) = Svcb::parse(input) {
            assert!(svcb.target.as_str().ends_with('.'));
        }
    });
}

#[test]
fn dnr() {
    bolero::check!().for_each(|input: &[u8]| {
        for carrier in [
            Carrier::DhcpV4,
            Carrier::DhcpV6,
            Carrier::RouterAdvertisement,
        ] {
            let read = |data: Vec<u8>| {
                let lifetime = None;
                dnr::read(&NetworkOption {
                    carrier,
                    data: data.into(),
                    lifetime,
                })
            };
            let (designations, _) = read(input.to_vec());
            assert!(designations.len() <= dnr::DESIGNATIONS);
            for designation in &designations {
                assert!(designation.name.can_be_asked());
                for address in designation
                    .service
                    .iter()
                    .flat_map(|service| &service.addresses)
                {
                    assert!(!address.is_loopback() && !address.is_multicast());
                }
                // What was read is written and read again.
                let written = match carrier {
                    Carrier::DhcpV4 => write_dhcp_v4(std::slice::from_ref(designation)),
                    Carrier::DhcpV6 => write_dhcp_v6(designation),
                    _ => write_router_advertisement(designation),
                };
                let (again, errors) = read(written.unwrap());
                assert_eq!(
                    (again.as_slice(), errors.as_slice()),
                    (&[designation.clone()][..], &[][..])
                );
            }
        }
        let joined = from_dhcp_v4_areas(&[&dhcp_v4_fragments(input).concat()]);
        assert_eq!(joined.unwrap_or_default(), input);
        let _any = from_dhcp_v4_areas(&[input, input]);
    });
}

#[test]
fn configurations_of_encrypted_hellos() {
    use resolvet_proto::discovery::ech;

    bolero::check!().for_each(|input: &[u8]| {
        let length = u16::try_from(input.len()).unwrap_or(u16::MAX);
        let list = [&length.to_be_bytes()[..], input].concat();
        for octets in [input, &list] {
            if let Some(name) = ech::public_name(octets) {
                assert!(ech::is_list(octets) || octets.len() > ech::OCTETS);
                assert!(DomainName::parse(&name).is_ok());
            }
        }
    });
}

#[test]
fn resolver_information() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(keys) = resinfo::keys(input) {
            assert!(keys.len() <= resinfo::KEYS);
            for (place, (key, value)) in keys.iter().enumerate() {
                assert_eq!(*key, key.to_ascii_lowercase());
                assert!(!keys[..place].iter().any(|(earlier, _)| earlier == key));
                assert!(
                    value
                        .iter()
                        .all(|value| !value.chars().any(char::is_control))
                );
            }
        }
        let _message = resinfo::read(input, &DomainName::parse("a.example").unwrap(), None);
    });
}

/// Whatever is at a URL: it is no token, or one whose parts are bounded, and a verifier is given whole signatures alone.
#[test]
fn signed_statements() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
    use resolvet_proto::privacy_token::{PublicKey, Token, limits};

    bolero::check!().for_each(|input: &[u8]| {
        let _key = PublicKey::from_der(input);
        let part = |octets: &[u8]| URL_SAFE_NO_PAD.encode(octets);
        let header = br#"{"alg":"ES256","typ":"pat"}"#;
        let (signature, claims) = input.split_at(input.len().min(64));
        let compact = format!("{}.{}.{}", part(header), part(claims), part(signature));
        let whole = format!(
            r#"{{"payload":"{}","signatures":[{{"protected":"{}","signature":"{}"}}]}}"#,
            part(claims),
            part(header),
            part(signature)
        );
        for octets in [input, compact.as_bytes(), whole.as_bytes()] {
            let Ok(token) = Token::read(octets) else {
                continue;
            };
            assert!((1..=limits::SIGNATURES).contains(&token.signatures().len()));
            for signature in token.signatures() {
                if let Ok((_, der)) = signature.verifiable() {
                    assert!(der.len() <= 104 && der.starts_with(&[0x30]));
                }
            }
            if let Ok(claims) = token.claims() {
                assert!(claims.exp > claims.iat);
                assert!(claims.privinfo.is_some() == claims.statement().is_some());
            }
        }
    });
}

#[test]
fn stamps_and_templates() {
    use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};

    bolero::check!().for_each(|input: &[u8]| {
        let texts = [
            String::from_utf8_lossy(input).into_owned(),
            format!("sdns://{}", URL_SAFE_NO_PAD.encode(input)),
        ];
        for server in texts.iter().filter_map(|text| stamp::parse(text).ok()) {
            assert!(matches!(server.transport.as_str(), "dot" | "doh" | "doq"));
            assert!(server.name.is_some());
        }
        if let Ok(template) = Template::from_octets(input) {
            let path = template.expand(Some("AAAA"));
            assert!(path.contains("AAAA") && path.starts_with('/'));
            assert!(
                path.bytes()
                    .chain(template.expand(None).bytes())
                    .all(|octet| octet.is_ascii_graphic())
            );
            assert!(!path.contains(['{', '}', '#']));
        }
    });
}
