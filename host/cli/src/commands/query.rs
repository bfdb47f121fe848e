//! `resolvet query NAME [TYPE] --via DOMAIN`.

use std::{str::FromStr as _, time::Instant};

use hickory_proto::rr::{Name, Record, RecordType};
use resolvet::QueryError;
use resolvet_proto::judgement::Transport;

use super::discover::{Travelled, at, mends};
use crate::{
    args::Journey,
    choices,
    exit::{Exit, UsageError},
    journey,
    output::{Output, Tone, tinted},
    report::{QueryReport, RecordReport, VERSION},
};

pub(super) async fn run(
    name: &str,
    rtype: &str,
    via: Option<&str>,
    journey: Journey,
    output: &Output,
) -> anyhow::Result<Exit> {
    let record_type = record_type(rtype)?;
    check(name)?;
    let prepared = journey::prepare(via, journey, output)?;
    let (resolver, profile) = (prepared.resolver, prepared.profile.clone());
    let network = prepared.network();
    let (attachment, domain) = prepared.attach(output).await?;
    let vetted = match attachment.vetted().await {
        Ok(vetted) => vetted,
        Err(error) => {
            let network = network.as_ref();
            let travelled = Travelled::of(&attachment, domain, resolver, &profile, network);
            let travelled = travelled.await?;
            if output.is_json() {
                output.document(&travelled.report)?;
                return Ok(travelled.exit());
            }
            tell_refusals(&travelled, output);
            return Err(QueryError::NotVetted(error).into());
        }
    };
    let began = Instant::now();
    let answer = attachment.query(name, record_type).await?;
    let report = QueryReport {
        version: VERSION,
        domain,
        name: name.to_owned(),
        rtype: record_type.to_string(),
        server: answer.server,
        authenticated: vetted.is_authenticated(),
        response_code: answer.message.metadata.response_code.to_string(),
        answers: answer.message.answers.iter().map(record).collect(),
        octets: answer.octets,
        milliseconds: began.elapsed().as_millis(),
        tcp_microseconds: answer.connection.tcp.as_micros(),
        tls_microseconds: answer.connection.tls.as_micros(),
        round_trips: answer.connection.round_trips,
    };
    if output.is_json() {
        output.document(&report)?;
    } else {
        print(&report, output)?;
    }
    Ok(Exit::Done)
}

fn print(report: &QueryReport, output: &Output) -> anyhow::Result<()> {
    for record in &report.answers {
        let RecordReport {
            name,
            ttl,
            rtype,
            data,
        } = record;
        output.line(&format!("{name} {ttl} IN {rtype} {data}"))?;
    }
    if report.answers.is_empty() {
        output.line(&format!(
            "no {} record: {}",
            report.rtype, report.response_code
        ))?;
    }
    let how = if report.authenticated {
        "vetted"
    } else {
        "not authenticated"
    };
    let secured = match report.server.transport {
        Transport::Doq | Transport::Doh3 => "QUIC",
        Transport::Dtls => "DTLS",
        _ => "TLS",
    };
    let tcp = match report.tcp_microseconds {
        0 => String::new(),
        microseconds => format!("{microseconds} µs TCP, "),
    };
    let over = format!(
        "over {} of {}, {how}, {} octets in {} ms; handshakes {tcp}{} µs {secured} with the judgement, {} round trips",
        at(&report.server),
        report.domain,
        report.octets,
        report.milliseconds,
        report.tls_microseconds,
        report.round_trips
    );
    output.line(&tinted(Tone::Faint, &over))
}

/// What became of each server, and what would mend it.
fn tell_refusals(travelled: &Travelled, output: &Output) {
    for candidate in &travelled.reading.candidates {
        let (status, why) = (candidate.status.as_str(), &candidate.why);
        output.remark(&format!("{} {status}: {why}", at(&candidate.server())));
    }
    for mend in mends(&travelled.reading.candidates) {
        output.remark(mend);
    }
    for choice in choices::lines(&travelled.report.outcome.choices) {
        output.remark(&choice);
    }
}

fn record(record: &Record) -> RecordReport {
    RecordReport {
        name: record.name.to_string(),
        ttl: record.ttl,
        rtype: record.record_type().to_string(),
        data: record.data.to_string(),
    }
}

/// A type by its mnemonic, or as TYPE and a number (RFC 3597 section 5).
/// Whether this can be asked for.
fn check(name: &str) -> Result<(), UsageError> {
    if name.is_empty() {
        let text = "the name is empty: expected a domain name, or `.` for the root";
        return Err(UsageError(text.into()));
    }
    Name::from_str(name).map(drop).map_err(|_| {
        UsageError(format!(
            "`{}` is no domain name: expected labels of 1 to 63 octets, at most 255 octets in all",
            name.escape_debug()
        ))
    })
}

fn record_type(text: &str) -> Result<RecordType, UsageError> {
    let upper = text.to_ascii_uppercase();
    let by_number = upper
        .strip_prefix("TYPE")
        .and_then(|number| number.parse::<u16>().ok());
    by_number
        .map(RecordType::from)
        .or_else(|| RecordType::from_str(&upper).ok())
        .ok_or_else(|| {
            UsageError(format!(
                "`{text}` is no type of record: expected one such as AAAA, or TYPE65"
            ))
        })
}
