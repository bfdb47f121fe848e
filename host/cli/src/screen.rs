//! The terminal while something is shown live: taken over, drawn, and given back as it was, whatever ends the program.
#![allow(
    clippy::print_stdout,
    reason = "programs print through this module and `output`"
)]

use std::{
    io::{Read as _, Write as _, stdin, stdout},
    thread,
};

use anyhow::Context as _;
use crossterm::{
    QueueableCommand as _,
    cursor::{Hide, MoveTo, Show},
    terminal::{
        Clear, ClearType, DisableLineWrap, EnableLineWrap, EnterAlternateScreen,
        LeaveAlternateScreen, disable_raw_mode, enable_raw_mode, size,
    },
};
use tokio::sync::mpsc::{Receiver, channel};

/// Ctrl-C, as a terminal in raw mode sends it.
const INTERRUPT: u8 = 3;
/// Octets of keys that wait.
const KEYS: usize = 16;
/// Lines of a terminal that does not say how many it has.
const LINES: u16 = 24;

/// The terminal, taken over. Dropping it gives it back.
pub(crate) struct Screen(());

impl Screen {
    pub(crate) fn take() -> anyhow::Result<Self> {
        enable_raw_mode().context("the terminal cannot be taken over")?;
        let screen = Self(());
        let mut out = stdout();
        out.queue(EnterAlternateScreen)?
            .queue(Hide)?
            .queue(DisableLineWrap)?;
        out.flush().context("standard output is closed")?;
        Ok(screen)
    }

    /// Shows these lines, as many as there is place for, in place of those before.
    pub(crate) fn show(&self, lines: &[String]) -> anyhow::Result<()> {
        let height = size().map_or(LINES, |(_, lines)| lines);
        let mut out = stdout();
        for (line, row) in lines.iter().zip(0..height) {
            out.queue(MoveTo(0, row))?
                .queue(Clear(ClearType::CurrentLine))?;
            // Removes colours where they are not wanted, and nothing that was queued.
            write!(anstream::stdout(), "{line}")?;
        }
        let end = u16::try_from(lines.len()).unwrap_or(u16::MAX);
        if end < height {
            out.queue(MoveTo(0, end))?
                .queue(Clear(ClearType::FromCursorDown))?;
        }
        out.flush().context("standard output is closed")
    }

    /// What is typed, until the program ends. A terminal that is gone types nothing: the channel ends.
    pub(crate) fn keys(&self) -> Receiver<u8> {
        let (keys, typed) = channel(KEYS);
        thread::spawn(move || {
            let mut key = [0];
            while matches!(stdin().lock().read(&mut key), Ok(1..)) {
                if keys.blocking_send(key[0]).is_err() {
                    return;
                }
            }
        });
        typed
    }
}

/// Whether this key ends what is shown; so does the end of what is typed.
pub(crate) const fn ends(key: Option<u8>) -> bool {
    matches!(key, None | Some(b'q' | b'Q' | INTERRUPT))
}

impl Drop for Screen {
    fn drop(&mut self) {
        let mut out = stdout();
        // A terminal that is gone needs nothing.
        let _queued = out
            .queue(EnableLineWrap)
            .and_then(|out| out.queue(Show))
            .and_then(|out| out.queue(LeaveAlternateScreen))
            .and_then(|out| out.flush());
        let _restored = disable_raw_mode();
    }
}
