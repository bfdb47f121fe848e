//! The policy's settings (`wit/settings.wit`). The export macros read them; few policies call this.

use crate::host::settings as host;

/// The settings as the administrator wrote them: a JSON object.
#[must_use]
pub fn json() -> String {
    host::json()
}
