//! Leases of NetworkManager. `/run/NetworkManager/devices/INDEX` says which connection a device has now, and newer versions
//! write what DHCP said there too; older ones keep it in `/var/lib/NetworkManager/internal-UUID-INTERFACE.lease`.

use std::path::Path;

use super::{
    DomainName, Keeper, Lease, content, dhclient, file_name, files, networkd,
    text::{pairs, prefix},
};

const DEVICES: &str = "run/NetworkManager/devices";
const LEASES: &str = "var/lib/NetworkManager";

pub(super) fn read(root: &Path) -> Vec<Lease> {
    let mut leases = Vec::new();
    let kept = files(&root.join(LEASES));
    for path in files(&root.join(DEVICES)) {
        let Some(device) = content(&path) else {
            continue;
        };
        let mut lease = Lease::new(Keeper::NetworkManager, &path);
        lease.interface = Some(file_name(&path).to_owned());
        parse(&device, &mut lease);
        if lease.domains().next().is_some() {
            leases.push(lease);
            continue;
        }
        // Leases of networks where this device was before lie beside the one where it is.
        let connection = pairs(&device).find(|(key, _)| *key == "connection-uuid");
        let Some((_, connection)) = connection else {
            continue;
        };
        for path in &kept {
            let Some((client, interface)) = of_connection(file_name(path), connection) else {
                continue;
            };
            let Some(kept) = content(path) else { continue };
            let mut lease = Lease::new(Keeper::NetworkManager, path);
            match client {
                Client::Internal => networkd::parse(&kept, &mut lease),
                Client::Dhclient => dhclient::parse(&kept, &mut lease),
            }
            lease.interface = Some(interface.to_owned());
            leases.push(lease);
        }
    }
    leases
}

/// Which program NetworkManager had run.
enum Client {
    Internal,
    Dhclient,
}

/// The client and the interface that the name of a lease's file tells, if it is one of this connection.
fn of_connection<'a>(name: &'a str, connection: &str) -> Option<(Client, &'a str)> {
    let name = name.strip_suffix(".lease")?;
    let (client, rest) = match name.strip_prefix("internal-") {
        Some(rest) => (Client::Internal, rest),
        None => (Client::Dhclient, name.strip_prefix("dhclient-")?),
    };
    let interface = rest.strip_prefix(connection)?.strip_prefix('-')?;
    (!connection.is_empty() && !interface.is_empty()).then_some((client, interface))
}

/// What the groups `dhcp4` and `dhcp6` of a device say, in NetworkManager's own words for options.
pub(super) fn parse(device: &str, lease: &mut Lease) {
    let mut of_dhcp = false;
    let (mut address, mut mask) = (None, None);
    for line in device.lines() {
        if line.starts_with('[') {
            of_dhcp = matches!(line.trim(), "[dhcp4]" | "[dhcp6]");
        }
        let Some((key, value)) = pairs(line).next().filter(|_| of_dhcp) else {
            continue;
        };
        // The file writes a blank inside of a value so.
        let value = value.replace("\\s", " ");
        match key {
            "ip_address" => address = value.parse().ok(),
            "subnet_mask" => mask = prefix(&value),
            "domain_name" => lease.domain = DomainName::parse(&value).ok(),
            "domain_search" | "dhcp6_domain_search" => {
                lease.search_in(value.split_ascii_whitespace());
            }
            _ => {}
        }
    }
    if lease.address.is_none() {
        lease.address = address.zip(mask);
    }
}
