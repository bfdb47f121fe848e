//! `resolvet publish …`: what a network's administrator publishes, each part in the form that others' programs take.

mod certificate_request;
mod dnr;
mod est_content;
mod statement;
mod zone;

use crate::{args::PublishCommand, exit::Exit, output::Output};

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
