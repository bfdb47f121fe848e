//! Leases of dhclient: `/var/lib/dhcp/dhclient*.leases`, declarations of which the last one of an interface holds.

use std::path::Path;

use super::{
    DomainName, Keeper, Lease, content, file_name, files,
    text::{hexadecimal, prefix, unquoted},
};

/// Where distributions keep them.
const FOLDERS: [&str; 2] = ["var/lib/dhcp", "var/lib/dhclient"];

pub(super) fn read(root: &Path) -> Vec<Lease> {
    let paths = FOLDERS.iter().flat_map(|folder| files(&root.join(folder)));
    paths
        .filter(|path| {
            let name = file_name(path);
            name.starts_with("dhclient") && (name.ends_with(".leases") || name.ends_with(".lease"))
        })
        .filter_map(|path| {
            let mut lease = Lease::new(Keeper::Dhclient, &path);
            parse(&content(&path)?, &mut lease);
            Some(lease)
        })
        .collect()
}

/// Reads the last lease of a file (dhclient.leases(5)).
pub(super) fn parse(text: &str, lease: &mut Lease) {
    let (mut address, mut mask) = (None, None);
    for line in text.lines() {
        let line = line.trim();
        if line.starts_with("lease ") || line.starts_with("lease6 ") {
            *lease = Lease::new(lease.keeper, &lease.file);
            (address, mask) = (None, None);
            continue;
        }
        let Some(statement) = line.strip_suffix(';') else {
            continue;
        };
        let (key, value) = statement.split_once(' ').unwrap_or((statement, ""));
        match key {
            "interface" => lease.interface = Some(unquoted(value.trim()).to_owned()),
            "fixed-address" => address = value.trim().parse().ok(),
            "option" => {
                let (name, value) = value.split_once(' ').unwrap_or((value, ""));
                option(name, value.trim(), lease, &mut mask);
            }
            _ => {}
        }
    }
    lease.address = address.zip(mask);
}

fn option(name: &str, value: &str, lease: &mut Lease, mask: &mut Option<u8>) {
    match name {
        "subnet-mask" => *mask = prefix(value),
        "domain-name" => {
            // One name; some servers put a search list into it, separated by blanks.
            let mut names = unquoted(value).split_ascii_whitespace();
            lease.domain = names.next().and_then(|name| DomainName::parse(name).ok());
            lease.search_in(names);
        }
        "domain-search" | "dhcp6.domain-search" => {
            lease.search_in(value.split(',').map(|name| unquoted(name.trim())));
        }
        _ => {
            let number = name.strip_prefix("unknown-").and_then(|n| n.parse().ok());
            let data = match value.starts_with('"') {
                true => Some(unescaped(unquoted(value))),
                false => hexadecimal(value),
            };
            if let (Some(number), Some(data)) = (number, data) {
                lease.raw(number, data);
            }
        }
    }
}

/// Octets of a quoted text, in which what is not printed stands as three octal digits after a backslash.
fn unescaped(text: &str) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut rest = text.as_bytes();
    while let [first, tail @ ..] = rest {
        let (octet, tail) = match (first, tail) {
            (b'\\', [a @ b'0'..=b'3', b @ b'0'..=b'7', c @ b'0'..=b'7', tail @ ..]) => {
                let digit = |d: &u8| d & 7;
                (digit(a) << 6 | digit(b) << 3 | digit(c), tail)
            }
            (b'\\', [next, tail @ ..]) => (*next, tail),
            (octet, tail) => (*octet, tail),
        };
        octets.push(octet);
        rest = tail;
    }
    octets.truncate(super::OPTION);
    octets
}
