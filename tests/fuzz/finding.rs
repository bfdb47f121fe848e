//! What the search for servers reads: DNS-SD answers, search lists, leases.

use std::net::Ipv4Addr;
use std::path::Path;

use hickory_proto::rr::Name;
use resolvet::leases::{Keeper, Lease};
use resolvet_proto::discovery::{
    Answer, DomainName, Kind,
    dns_sd::{self, Browse, Lookup},
    limits, parameters, search_list,
};

/// A response that a resolver could have begun: header and question are right, the rest is the input.
fn response(lookup: &Lookup, input: &[u8]) -> Vec<u8> {
    let [answers, rest @ ..] = input else {
        return Vec::new();
    };
    let mut message = vec![0, 0, 0x81, 0x80, 0, 1, 0, *answers, 0, 0, 0, 0];
    for label in &lookup.name {
        message.push(label.len() as u8);
        message.extend_from_slice(label);
    }
    message.push(0);
    message.extend_from_slice(&lookup.kind.number().to_be_bytes());
    message.extend_from_slice(&[0, 1]);
    message.extend_from_slice(rest);
    message
}

/// An instance called as the input wants.
fn instance(label: &[u8]) -> Vec<u8> {
    let label = &label[..label.len().min(63)];
    let length = label.len() as u8;
    let data = [&[length], label, &[0xc0, 0x0c]].concat();
    let head = [1, 0xc0, 0x0c, 0, 12, 0, 1, 0, 0, 1, 0, 0, data.len() as u8];
    [head.as_slice(), &data].concat()
}

#[test]
fn dns_sd_answers() {
    bolero::check!().for_each(|input: &[u8]| {
        let domain = DomainName::parse("a.example").unwrap();
        let (first, rest) = input.split_at(input.len() / 2);
        for listing in [first.to_vec(), instance(first)] {
            let mut browse = Browse::new("_est._tcp", &domain).unwrap();
            let ptr = browse.next_lookup().unwrap();
            if let Ok(answer) = Answer::parse(&response(&ptr, &listing), &ptr.question()) {
                browse.answered(&ptr, answer);
            }
            let mut lookups = 0;
            while let Some(lookup) = browse.next_lookup() {
                lookups += 1;
                assert_eq!(lookup.kind, Kind::Srv);
                // A name that came from the wire goes back there.
                let labels: Vec<&[u8]> = lookup.name.iter().collect();
                assert_eq!(Name::from_labels(labels).unwrap(), lookup.name);
                let message = response(&lookup, rest);
                if let Ok(answer) = Answer::parse(&message, &lookup.question()) {
                    browse.answered(&lookup, answer);
                }
            }
            assert!(lookups <= limits::INSTANCES);
            let instances = browse.instances(7);
            assert!(instances.len() <= limits::INSTANCES);
            assert!(instances.iter().all(|instance| instance.srv.port != 0));
            assert!(browse.notes().len() <= limits::NOTES);
        }
        let lookup = dns_sd::browse_domains(&domain).unwrap();
        if let Ok(answer) = Answer::parse(&response(&lookup, input), &lookup.question()) {
            assert!(dns_sd::domains(&answer).len() <= limits::DOMAINS);
        }
    });
}

#[test]
fn search_lists() {
    bolero::check!().for_each(|input: &[u8]| {
        if let Ok(domains) = search_list::parse(input) {
            assert!(domains.len() <= limits::DOMAINS);
            assert!(domains.iter().all(DomainName::can_be_asked));
        }
    });
}

#[test]
fn kept_leases() {
    let keepers = [
        Keeper::Networkd,
        Keeper::NetworkManager,
        Keeper::Dhclient,
        Keeper::ResolvConf,
    ];
    let starts = [
        "",
        "OPTION_119=",
        "[dhcp4]\nip_address=",
        "lease {\n option unknown-119 ",
        "lease {\n option domain-search \"",
        "search ",
    ];
    bolero::check!().for_each(|input: &[u8]| {
        let text = String::from_utf8_lossy(input);
        for (keeper, start) in keepers.iter().flat_map(|k| starts.map(|start| (*k, start))) {
            let lease = Lease::parse(keeper, Path::new("lease"), &format!("{start}{text};\n"));
            assert!(lease.domains().count() <= limits::DOMAINS + 1);
            assert!(lease.domains().all(DomainName::can_be_asked));
            assert!(lease.address.is_none_or(|(_, prefix)| prefix <= 32));
        }
    });
}

#[test]
fn answers_of_servers_and_routers() {
    const HARDWARE: [u8; 6] = [2, 0, 0, 0, 0, 1];
    let v4 = {
        let mut message = parameters::inform(7, Ipv4Addr::new(192, 0, 2, 2), HARDWARE);
        message[0] = 2;
        message.truncate(240);
        message.extend_from_slice(&[53, 1, 5]);
        message
    };
    let v6 = [7, 0, 0, 7, 0, 2, 0, 1, 1];
    let router = [134, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    bolero::check!().for_each(|input: &[u8]| {
        let found = [
            parameters::acknowledgement(&[&v4, input].concat(), 7, HARDWARE),
            parameters::acknowledgement(input, 7, HARDWARE),
            parameters::reply(&[&v6, input].concat(), 7),
            parameters::reply(input, 7),
            parameters::advertisement(&[&router, input].concat()),
            parameters::advertisement(input),
        ];
        for said in found.into_iter().flatten() {
            assert!(said.options.len() <= parameters::OPTIONS);
            assert!(said.domains.iter().all(DomainName::can_be_asked));
        }
    });
}
