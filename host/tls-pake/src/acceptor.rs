//! The server's side: whoever asks for a PAKE proves the password, everybody else is shown the certificate.

use std::{collections::HashMap, fmt};

use boring::{
    error::ErrorStack,
    pkey::PKey,
    ssl::{
        AlpnError, ClientHello, ExtensionType, SelectCertError, Ssl, SslContext, SslCredential,
        SslMethod, select_next_proto,
    },
    x509::X509,
};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio_boring::SslStreamBuilder;

use crate::{Connection, EXTENSION, HandshakeError, Names, Registration, handshake::broken};

/// What accepts connections. Each user has so many guesses, over all connections, until it is made anew.
pub struct Acceptor(SslContext);

impl fmt::Debug for Acceptor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Acceptor").finish_non_exhaustive()
    }
}

/// Who is known, and whom everybody else is taken for.
struct Users {
    server: String,
    known: HashMap<String, SslCredential>,
    nobody: Registration,
}

impl Acceptor {
    /// A server of this name that knows these users, and has this certificate, end entity first, and its key: both DER, the key
    /// PKCS#8. `guesses` bounds how often each user's password may be tried in vain.
    ///
    /// Somebody who is not known is answered like somebody with a wrong password, by a credential whose password nobody has.
    ///
    /// # Errors
    /// BoringSSL does not take the certificate or its key, or has no memory left.
    pub fn new(
        server: &str,
        users: &[(&str, &Registration)],
        guesses: u32,
        (chain, key): (&[&[u8]], &[u8]),
        alpn: &'static [u8],
    ) -> Result<Self, HandshakeError> {
        let mut random = [0; 32];
        boring::rand::rand_bytes(&mut random).map_err(|error| broken(&error))?;
        let of = |client| Names {
            client,
            server: server.as_bytes(),
        };
        let mut known = HashMap::new();
        for &(user, registration) in users {
            let credential = registration.server(of(user.as_bytes()), guesses)?;
            known.insert(user.to_owned(), credential);
        }
        let users = Users {
            server: server.to_owned(),
            known,
            nobody: Registration::new(&random, of(b""))?,
        };
        let context = context(chain, key, alpn, users).map_err(|error| broken(&error))?;
        Ok(Self(context))
    }

    /// Completes a handshake over this stream.
    ///
    /// # Errors
    /// The client proved no password that is known for it, or speaks no TLS that is spoken here.
    pub async fn accept<S: AsyncRead + AsyncWrite + Unpin + fmt::Debug>(
        &self,
        stream: S,
    ) -> Result<Connection<S>, HandshakeError> {
        let ssl = Ssl::new(&self.0).map_err(|error| broken(&error))?;
        let accepted = SslStreamBuilder::new(ssl, stream).accept().await;
        let stream = accepted.map_err(|error| HandshakeError::Broken {
            reason: error.to_string(),
        })?;
        Ok(Connection::over(stream))
    }
}

fn context(
    chain: &[&[u8]],
    key: &[u8],
    alpn: &'static [u8],
    users: Users,
) -> Result<SslContext, ErrorStack> {
    let mut context = SslContext::builder(SslMethod::tls())?;
    for (index, der) in chain.iter().enumerate() {
        let certificate = X509::from_der(der)?;
        match index {
            0 => context.set_certificate(&certificate)?,
            _ => context.add_extra_chain_cert(certificate)?,
        }
    }
    let key = PKey::private_key_from_pkcs8(key)?;
    context.set_private_key(&key)?;
    context.set_alpn_select_callback(move |_, offered| {
        let length = u8::try_from(alpn.len()).unwrap_or_default();
        let ours = [&[length], alpn].concat();
        let chosen = select_next_proto(&ours, offered).is_some();
        chosen.then_some(alpn).ok_or(AlpnError::NOACK)
    });
    context.set_select_certificate_callback(move |hello: ClientHello<'_>| users.select(hello));
    Ok(context.build())
}

impl Users {
    /// Has a client that asks for a PAKE under this server's name prove its password.
    fn select(&self, mut hello: ClientHello<'_>) -> Result<(), SelectCertError> {
        let extension = hello.get_extension(ExtensionType::from(EXTENSION));
        let Some((client, server)) = extension.and_then(identities) else {
            return Ok(());
        };
        if server != self.server.as_bytes() {
            return Ok(());
        }
        let name = std::str::from_utf8(client).unwrap_or_default();
        let added = match self.known.get(name) {
            Some(credential) => hello.ssl_mut().add_credential(credential),
            None => {
                let names = Names { client, server };
                let stranger = self.nobody.server(names, 1);
                let stranger = stranger.map_err(|_| SelectCertError::ERROR)?;
                hello.ssl_mut().add_credential(&stranger)
            }
        };
        added.map_err(|_| SelectCertError::ERROR)
    }
}

/// The user's and the server's name of a client's extension: two texts, each after two octets of length.
fn identities(extension: &[u8]) -> Option<(&[u8], &[u8])> {
    fn text(octets: &[u8]) -> Option<(&[u8], &[u8])> {
        let (length, rest) = octets.split_at_checked(2)?;
        let length = usize::from(u16::from_be_bytes(length.try_into().ok()?));
        rest.split_at_checked(length)
    }
    let (client, rest) = text(extension)?;
    let (server, _) = text(rest)?;
    Some((client, server))
}
