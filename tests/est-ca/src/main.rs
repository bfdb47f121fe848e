//! `est-ca-server CA.pem KEY.pem USER PASSWORD`: est-ca on a free port of 127.0.0.1, whose number it prints.

use std::io::Write as _;
use std::net::TcpListener;
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use est_ca::auth::{AuthBackend, Principal};
use est_ca::ca::serial::InMemorySerialStore;
use est_ca::ca::{CertProfile, Issuer};
use est_ca::est::server::EstServer;

/// The one user.
struct Login {
    user: String,
    password: String,
}

impl AuthBackend for Login {
    fn verify_bootstrap(&self, user: &str, password: &str) -> Result<Principal, String> {
        if user == self.user && password == self.password {
            return Ok(Principal::new(user));
        }
        Err("wrong user or password".to_owned())
    }
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [certificate, key, user, password] = arguments.as_slice() else {
        bail!("expected CA.pem KEY.pem USER PASSWORD");
    };
    let serials = Arc::new(InMemorySerialStore::new());
    let issuer = Issuer::load_pem(certificate, key, CertProfile::client_auth_for_days(7), serials)
        .context("the authority cannot be loaded")?;
    let login = Login {
        user: user.clone(),
        password: password.clone(),
    };
    let router = EstServer::new(issuer, Arc::new(login)).router();
    let listener = TcpListener::bind(("127.0.0.1", 0))?;
    println!("{}", listener.local_addr()?.port());
    std::io::stdout().flush()?;
    axum::Server::from_tcp(listener)?
        .serve(router.into_make_service())
        .await?;
    Ok(())
}
