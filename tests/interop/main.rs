//! The same journeys over servers that others wrote, Debian's NSD and Unbound, on loopback; and our servers and messages as
//! clients and tools see them that others wrote, Debian's strongSwan and OpenSSL.
//!
//! A program that is missing is a failed test which names its package; `tests/packages.txt` has them all.
#![allow(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::print_stderr,
    reason = "tests may fail loudly"
)]

mod asked;
mod designated;
mod dnssec;
mod dot1x;
mod encrypted;
mod encrypted_hello;
mod est_ca;
mod est_openssl;
mod est_strongswan;
mod journey;
mod leaks;
mod link_avahi;
mod meddler;
mod minisign;
mod namespace;
mod network;
mod nsd;
mod offers;
mod process;
mod publish;
mod publish_dnr;
mod redesignated;
mod refused;
mod servers;
mod strace;
mod trace;
mod unbound;
mod without_ipv6;
