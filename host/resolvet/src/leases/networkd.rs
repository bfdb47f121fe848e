//! Leases of systemd-networkd: `/run/systemd/netif/leases/INDEX`, lines of `KEY=VALUE`.

use std::path::Path;

use super::{
    Keeper, Lease, content, file_name, files,
    text::{hexadecimal, pairs, prefix},
};

const FOLDER: &str = "run/systemd/netif/leases";

pub(super) fn read(root: &Path) -> Vec<Lease> {
    let paths = files(&root.join(FOLDER)).into_iter();
    paths
        .filter(|path| file_name(path).bytes().all(|octet| octet.is_ascii_digit()))
        .filter_map(|path| {
            let mut lease = Lease::new(Keeper::Networkd, &path);
            lease.interface = Some(file_name(&path).to_owned());
            parse(&content(&path)?, &mut lease);
            Some(lease)
        })
        .collect()
}

/// Reads a file of this form, which NetworkManager's own client had too.
pub(super) fn parse(text: &str, lease: &mut Lease) {
    let (mut address, mut mask) = (None, None);
    for (key, value) in pairs(text) {
        match key {
            "ADDRESS" => address = value.parse().ok(),
            "NETMASK" => mask = prefix(value),
            "DOMAINNAME" => lease.domain = super::DomainName::parse(value).ok(),
            "DOMAIN_SEARCH_LIST" => lease.search_in(value.split_ascii_whitespace()),
            // Addresses with a port and a name, of servers for DNS over TLS alone: what the option said of other transports,
            // priorities and paths is gone, so no option can be made of it again.
            "DNR" => lease.resolvers = Some(value.to_owned()),
            _ => {
                let number = key.strip_prefix("OPTION_").and_then(|n| n.parse().ok());
                if let (Some(number), Some(data)) = (number, hexadecimal(value)) {
                    lease.raw(number, data);
                }
            }
        }
    }
    lease.address = address.zip(mask);
}
