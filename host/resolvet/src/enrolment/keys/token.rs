//! Tokens by PKCS#11: modules that are loaded once, one session for each token, and a PIN that is tried once.

use std::{
    collections::BTreeMap,
    fmt,
    path::{Path, PathBuf},
    sync::{Arc, Mutex, PoisonError},
};

use cryptoki::{
    context::{CInitializeArgs, CInitializeFlags, Pkcs11},
    error::{Error, RvError},
    session::{Session, SessionState, UserType},
    slot::{Slot, TokenInfo},
};
use resolvet_engine::guarded_path;

use super::{
    KeyError, TokenUri,
    pin::{Pin, PinEntry, PinError},
};

/// Slots of a module that are looked at.
const SLOTS: usize = 64;

/// Modules that are loaded. A module counts for the whole process (`C_Initialize`), and whoever else uses it may have
/// initialized it before; so none is ever ended here.
static MODULES: Mutex<BTreeMap<PathBuf, Pkcs11>> = Mutex::new(BTreeMap::new());

/// The tokens that are open, and how others are opened.
#[derive(Clone, Default)]
pub(super) struct Tokens {
    /// The module of URIs that say none.
    pub(super) module: Option<PathBuf>,
    pub(super) entry: Option<PinEntry>,
    open: Arc<Mutex<Vec<Arc<Token>>>>,
}

/// A token.
pub(super) struct Token {
    /// What tells this token, its module and where its PIN is, and no key.
    uri: TokenUri,
    label: String,
    module: Pkcs11,
    slot: Slot,
    entry: Option<PinEntry>,
    state: Mutex<State>,
}

enum State {
    Closed,
    Open(Session),
    /// The PIN was wrong.
    Refused,
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Token").field("label", &self.label).finish()
    }
}

impl Tokens {
    /// The one token that a URI tells.
    pub(super) fn find(&self, uri: &TokenUri) -> Result<Arc<Token>, KeyError> {
        let path = uri.module_path.as_deref().or(self.module.as_deref());
        let path = guarded_path(path.ok_or(KeyError::NoModule)?)?;
        let module = module(&path)?;
        let failed = |error: Error| KeyError::Module {
            path: path.clone(),
            reason: said(&error),
        };
        let mut found = None;
        let slots = module.get_slots_with_token().map_err(failed)?;
        for slot in slots.into_iter().take(SLOTS) {
            let info = module.get_token_info(slot).map_err(failed)?;
            if info.token_initialized()
                && is_meant(uri, slot, &info)
                && found.replace((slot, info)).is_some()
            {
                let uri = Box::new(uri.clone());
                return Err(KeyError::SeveralTokens { uri });
            }
        }
        let (slot, info) = found.ok_or_else(|| KeyError::NoToken {
            uri: Box::new(uri.clone()),
        })?;
        let mut open = self.open.lock().unwrap_or_else(PoisonError::into_inner);
        let known = open
            .iter()
            .find(|token| token.slot == slot && token.uri.module_path.as_ref() == Some(&path));
        if let Some(token) = known {
            return Ok(Arc::clone(token));
        }
        let token = Arc::new(Token {
            uri: token_uri(&info, path, uri.pin_source.clone()),
            label: info.label().escape_debug().to_string(),
            module,
            slot,
            entry: self.entry.clone(),
            state: Mutex::new(State::Closed),
        });
        open.push(Arc::clone(&token));
        Ok(token)
    }
}

impl Token {
    pub(super) const fn uri(&self) -> &TokenUri {
        &self.uri
    }

    pub(super) fn label(&self) -> String {
        self.label.clone()
    }

    /// Does something in the session, which is opened when there is none, and once more when it has ended meanwhile.
    /// Others who want the token wait.
    pub(super) fn with<T>(
        &self,
        step: &'static str,
        work: impl Fn(&Session) -> Result<T, Error>,
    ) -> Result<T, KeyError> {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        let mut is_new = false;
        loop {
            if matches!(*state, State::Closed) {
                let opened = self.open();
                if matches!(opened, Err(KeyError::WrongPin { .. })) {
                    *state = State::Refused;
                }
                *state = State::Open(opened?);
                is_new = true;
            }
            let State::Open(session) = &*state else {
                let token = self.label();
                return Err(KeyError::WrongPin { token });
            };
            match work(session) {
                Ok(done) => return Ok(done),
                Err(error) if !is_new && has_ended(&error) => *state = State::Closed,
                Err(error) => return Err(self.failed(step, &error)),
            }
        }
    }

    fn open(&self) -> Result<Session, KeyError> {
        let failed = |error: Error| self.failed("opening a session", &error);
        let info = self.module.get_token_info(self.slot).map_err(failed)?;
        let session = match info.write_protected() {
            true => self.module.open_ro_session(self.slot),
            false => self.module.open_rw_session(self.slot),
        };
        let session = session.map_err(failed)?;
        if info.login_required() {
            self.login(&session, &info)?;
        }
        Ok(session)
    }

    fn login(&self, session: &Session, info: &TokenInfo) -> Result<(), KeyError> {
        let failed = |error: Error| self.failed("login", &error);
        let state = session.get_session_info().map_err(failed)?.session_state();
        // Whoever logs in does so for the whole process.
        if matches!(state, SessionState::RoUser | SessionState::RwUser) {
            return Ok(());
        }
        let token = || self.label();
        if !info.user_pin_initialized() || info.user_pin_locked() {
            return Err(KeyError::Locked { token: token() });
        }
        let entered = if info.protected_authentication_path() {
            // The token has a way of its own to ask.
            session.login(UserType::User, None)
        } else {
            let pin = self.pin().map_err(|reason| KeyError::Pin {
                token: token(),
                reason,
            })?;
            session.login_with_raw(UserType::User, &pin.into_raw())
        };
        match entered {
            Ok(()) | Err(Error::Pkcs11(RvError::UserAlreadyLoggedIn, _)) => Ok(()),
            Err(Error::Pkcs11(
                RvError::PinIncorrect | RvError::PinInvalid | RvError::PinLenRange,
                _,
            )) => Err(KeyError::WrongPin { token: token() }),
            Err(Error::Pkcs11(
                RvError::PinLocked | RvError::PinExpired | RvError::UserPinNotInitialized,
                _,
            )) => Err(KeyError::Locked { token: token() }),
            Err(error) => Err(failed(error)),
        }
    }

    fn pin(&self) -> Result<Pin, PinError> {
        match (&self.uri.pin_source, &self.entry) {
            (Some(path), _) => Pin::read(path),
            (None, Some(entry)) => entry(&self.label),
            (None, None) => Err(PinError::Nobody),
        }
    }

    pub(super) fn failed(&self, step: &'static str, error: &Error) -> KeyError {
        KeyError::Token {
            token: self.label(),
            step,
            reason: said(error),
        }
    }
}

/// Loads a module, or gives the one that is loaded already.
fn module(path: &Path) -> Result<Pkcs11, KeyError> {
    let mut modules = MODULES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(module) = modules.get(path) {
        return Ok(module.clone());
    }
    let failed = |error: Error| KeyError::Module {
        path: path.to_owned(),
        reason: said(&error),
    };
    let module = Pkcs11::new(path).map_err(failed)?;
    // Sessions are shared among threads, one at a time.
    match module.initialize(CInitializeArgs::new(CInitializeFlags::OS_LOCKING_OK)) {
        Ok(()) | Err(Error::Pkcs11(RvError::CryptokiAlreadyInitialized, _)) => {}
        Err(error) => return Err(failed(error)),
    }
    modules.insert(path.to_owned(), module.clone());
    Ok(module)
}

/// The name of what a module answered: its explanations are paragraphs.
fn said(error: &Error) -> String {
    match error {
        Error::Pkcs11(value, function) => format!("C_{function} answered {value:?}"),
        Error::LibraryLoading(error) => error.to_string(),
        other => other.to_string(),
    }
}

/// Whether it is not the session that was opened any more: the token was away, or somebody closed all sessions.
const fn has_ended(error: &Error) -> bool {
    matches!(
        error,
        Error::Pkcs11(
            RvError::SessionHandleInvalid
                | RvError::SessionClosed
                | RvError::DeviceRemoved
                | RvError::TokenNotPresent
                | RvError::UserNotLoggedIn,
            _
        )
    )
}

fn is_meant(uri: &TokenUri, slot: Slot, info: &TokenInfo) -> bool {
    let same = |wanted: &Option<String>, value: &str| {
        wanted.as_deref().is_none_or(|wanted| wanted == value)
    };
    same(&uri.token, info.label())
        && same(&uri.manufacturer, info.manufacturer_id())
        && same(&uri.model, info.model())
        && same(&uri.serial, info.serial_number())
        && uri.slot_id.is_none_or(|wanted| wanted == slot.id())
}

/// What tells a token later too: numbers of slots do not last.
fn token_uri(info: &TokenInfo, module: PathBuf, pin_source: Option<PathBuf>) -> TokenUri {
    let told = |value: &str| {
        let is_usable = !value.is_empty() && !value.chars().any(char::is_control);
        is_usable.then(|| value.to_owned())
    };
    TokenUri {
        token: told(info.label()),
        manufacturer: told(info.manufacturer_id()),
        model: told(info.model()),
        serial: told(info.serial_number()),
        module_path: Some(module),
        pin_source,
        ..TokenUri::default()
    }
}
