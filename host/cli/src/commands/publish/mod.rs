//! `resolvet publish …`: what a network's administrator publishes, each part in the form that others' programs take.

mod certificate_request;
mod dnr;
mod est_content;
mod statement;
mod zone;

use resolvet_proto::discovery::DomainName;

use crate::{
    args::PublishCommand,
    exit::{Exit, UsageError},
    output::Output,
};

pub(super) async fn run(command: PublishCommand, output: &Output) -> anyhow::Result<Exit> {
    match command {
        PublishCommand::Zone(arguments) => zone::run(&arguments, output),
        PublishCommand::CertificateRequest(arguments) => {
            certificate_request::run(&arguments, output)
        }
        PublishCommand::EstContent(arguments) => est_content::run(arguments, output).await,
        PublishCommand::Dnr(arguments) => dnr::run(&arguments, output),
    }
}

/// The authentication domain name that everything is published for.
fn domain(text: &str) -> Result<DomainName, UsageError> {
    DomainName::parse(text)
        .map_err(|problem| UsageError(format!("domain `{}` {problem}", text.escape_debug())))
}
