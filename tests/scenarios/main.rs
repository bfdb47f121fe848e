//! Whole journeys in the lab: discovery, handshake, judgement in the sandbox, queries, over sockets of loopback.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "tests may fail loudly"
)]

mod accepted;
mod company_rule;
mod decisions;
mod enrolment_byod;
mod enrolment_clock;
mod enrolment_desk;
mod enrolment_faults;
mod enrolment_found;
mod enrolment_iot;
mod enrolment_layouts;
mod enrolment_login;
mod enrolment_opaque;
mod enrolment_pending;
mod enrolment_reattach;
mod enrolment_revoked;
mod enrolment_rollover;
mod enrolment_secrets;
mod hostile_dns;
mod hostile_servers;
mod initial_memory;
mod journey;
mod next_candidate;
mod profiles;
mod racing;
mod refused;
mod refused_everywhere;
mod resumption;
mod round_trips;
mod signed_statements;
mod stub;
mod swapped;
mod transports;
mod ways;
