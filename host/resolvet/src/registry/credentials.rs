//! Who asks a registry, as Docker's configuration says.

use std::{path::Path, thread, time::Duration};

use docker_credential::{CredentialRetrievalError, DockerCredential, get_credential_from_reader};
use tokio::{
    sync::{Semaphore, oneshot},
    time::timeout,
};
use zeroize::Zeroizing;

use super::error::RegistryError;

/// Octets of Docker's configuration.
const CONFIG_OCTETS: u64 = 1 << 20;
/// How long a helper may take, and how long one may wait for its turn: it may ask a cloud for a token.
const HELPER: Duration = Duration::from_secs(10);
/// Docker's own registry, and what its credentials are filed under by those who keep them.
const DOCKER: (&str, &str) = ("docker.io", "https://index.docker.io/v1/");
/// What helpers print, with an exit code that is not zero, when they have nothing.
const NOTHING: &str = "credentials not found in native keychain";

/// Helpers that may run at the same time, those that nobody waits for any more among them.
const HELPERS: usize = 8;
/// How many more may begin.
static FREE: Semaphore = Semaphore::const_new(HELPERS);

/// Who asks.
pub(super) enum Credentials {
    /// A user and a password.
    Password(String, Zeroizing<String>),
    /// What is exchanged for a token (OAuth 2.0's refresh token).
    Identity(Zeroizing<String>),
}

/// What Docker's configuration has for a registry, in itself or by a helper; `None` when it has nothing.
pub(super) async fn of(
    registry: &str,
    config: Option<&Path>,
) -> Result<Option<Credentials>, RegistryError> {
    let Some(path) = config else {
        return Ok(None);
    };
    let failed = |reason: String| RegistryError::Credentials {
        registry: registry.to_owned(),
        reason,
    };
    let octets = read(path).map_err(|source| RegistryError::File {
        path: path.to_owned(),
        source,
    })?;
    let (sender, found) = oneshot::channel();
    let asked = registry.to_owned();
    let turn = timeout(HELPER, FREE.acquire()).await;
    let Ok(Ok(running)) = turn else {
        return Err(failed(format!(
            "{HELPERS} helpers were asked before and have not ended"
        )));
    };
    // A thread of its own: a helper that hangs would hold up the end of the event loop's own threads.
    thread::Builder::new()
        .name("docker-credential".into())
        .spawn(move || {
            let credential = look_up(&octets, &asked);
            drop(running);
            // Whoever asked may have stopped waiting.
            let _late = sender.send(credential);
        })
        .map_err(|error| failed(error.to_string()))?;
    let found = timeout(HELPER, found).await;
    let found = found.map_err(|_| {
        let within = HELPER.as_millis();
        failed(format!("the helper took longer than {within} ms"))
    })?;
    match found.map_err(|error| failed(error.to_string()))? {
        Ok(DockerCredential::UsernamePassword(user, password)) => {
            Ok(Some(Credentials::Password(user, password.into())))
        }
        Ok(DockerCredential::IdentityToken(token)) => Ok(Some(Credentials::Identity(token.into()))),
        Err(error) if is_nothing(&error) => Ok(None),
        // What a helper printed may be a secret.
        Err(CredentialRetrievalError::HelperFailure { helper, .. }) => {
            Err(failed(format!("`{helper}` failed")))
        }
        Err(error) => Err(failed(format!("`{}`: {error}", path.display()))),
    }
}

/// What the configuration has for a registry by any of its names.
fn look_up(config: &[u8], registry: &str) -> Result<DockerCredential, CredentialRetrievalError> {
    let names = match registry == DOCKER.0 {
        true => &[DOCKER.1, DOCKER.0][..],
        false => &[registry],
    };
    let mut found = Err(CredentialRetrievalError::NoCredentialConfigured);
    for name in names {
        found = get_credential_from_reader(config, name);
        if !found.as_ref().is_err_and(is_nothing) {
            break;
        }
    }
    found
}

/// Whether this says that there are none: then nobody in particular asks.
fn is_nothing(error: &CredentialRetrievalError) -> bool {
    match error {
        CredentialRetrievalError::NoCredentialConfigured => true,
        CredentialRetrievalError::HelperFailure { stdout, stderr, .. } => {
            [stdout, stderr].iter().any(|said| said.trim() == NOTHING)
        }
        _ => false,
    }
}

fn read(path: &Path) -> std::io::Result<Zeroizing<Vec<u8>>> {
    use std::io::Read as _;
    let mut octets = Zeroizing::new(Vec::new());
    let file = std::fs::File::open(path)?;
    file.take(CONFIG_OCTETS).read_to_end(&mut octets)?;
    Ok(octets)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    #[tokio::test]
    async fn what_dockers_configuration_says_is_used_for_its_registry_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        // `user:secret`
        let text = r#"{"auths":{"registry.example.net:5000":{"auth":"dXNlcjpzZWNyZXQ="}}}"#;
        fs::write(&path, text).unwrap();
        let found = of("registry.example.net:5000", Some(&path)).await.unwrap();
        let Some(Credentials::Password(user, password)) = found else {
            panic!("expected a password");
        };
        assert_eq!((user.as_str(), password.as_str()), ("user", "secret"));
        assert!(
            of("other.example.net", Some(&path))
                .await
                .unwrap()
                .is_none()
        );
        assert!(
            of("registry.example.net:5000", None)
                .await
                .unwrap()
                .is_none()
        );
    }

    #[tokio::test]
    async fn what_cannot_be_read_is_told() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        let error = of("registry.example.net", Some(&path)).await.err().unwrap();
        assert_eq!(error.code(), "registry-configuration");
        fs::write(&path, r#"{"auths":"#).unwrap();
        let error = of("registry.example.net", Some(&path)).await.err().unwrap();
        assert_eq!(error.code(), "registry-access");
        let helper = r#"{"credHelpers":{"registry.example.net":"none-of-this-name"}}"#;
        fs::write(&path, helper).unwrap();
        let error = of("registry.example.net", Some(&path)).await.err().unwrap();
        assert_eq!(error.code(), "registry-access");
    }

    #[test]
    fn a_store_that_has_nothing_is_no_failure() {
        let said = |stdout: &str, stderr: &str| CredentialRetrievalError::HelperFailure {
            helper: "docker-credential-pass".into(),
            stdout: stdout.into(),
            stderr: stderr.into(),
        };
        assert!(is_nothing(&said(&format!("{NOTHING}\n"), "")));
        assert!(is_nothing(&said("", NOTHING)));
        assert!(!is_nothing(&said("pass not initialized", "exit status 1")));
        assert!(!is_nothing(
            &CredentialRetrievalError::HelperCommunicationError
        ));
    }

    #[tokio::test]
    async fn dockers_own_registry_is_found_under_both_of_its_names() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("config.json");
        for name in [DOCKER.0, DOCKER.1] {
            // A helper that is not there: what matters is that it is asked.
            let text = format!(r#"{{"credHelpers":{{"{name}":"none-of-this-name"}}}}"#);
            fs::write(&path, text).unwrap();
            let error = of("docker.io", Some(&path)).await.err();
            assert_eq!(error.map(|error| error.code()), Some("registry-access"));
            assert!(of("example.net", Some(&path)).await.unwrap().is_none());
        }
    }
}
