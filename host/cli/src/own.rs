//! What a device wants of an EST server that the policies accept: a login where it asks for one, a certificate of its own.

use resolvet::enrolment::{Enroller, User, prepared};
use resolvet_proto::enrolment::est::Subject;

use crate::{args::OwnArguments, exit::UsageError, password};

/// What enrols, with a login and a subject. `user` is who proves the password: the same name logs in with the same one, unless
/// another is given.
pub(crate) fn choose(
    arguments: &OwnArguments,
    user: Option<&User>,
    enroller: Enroller,
) -> anyhow::Result<Enroller> {
    let mut enroller = enroller.with_pal(arguments.pal);
    if let Some(subject) = subject(arguments)? {
        enroller = enroller.with_subject(subject);
    }
    let Some(name) = arguments.login.as_deref() else {
        return Ok(enroller);
    };
    let same = user.filter(|user| user.name() == name && arguments.login_password_fd.is_none());
    let login = match same {
        Some(user) => user.clone(),
        None => {
            let password = password::of_login(name, arguments.login_password_fd)?;
            prepared(name, password).map_err(|error| UsageError(format!("--login: {error}")))?
        }
    };
    Ok(enroller.with_login(login))
}

/// The subject of the device's own certificate, if it wants one.
pub(crate) fn subject(arguments: &OwnArguments) -> Result<Option<Subject>, UsageError> {
    let subject = arguments.subject.as_deref().map(Subject::parse);
    subject
        .transpose()
        .map_err(|error| UsageError(format!("--subject: {error}")))
}
