//! The one place that prints. Text for people goes to standard output, progress and errors to standard error; JSON is one
//! document, or one a line where lines were read.
#![allow(
    clippy::print_stdout,
    clippy::print_stderr,
    reason = "programs print through this module"
)]

use std::io::{BufRead as _, IsTerminal as _, Read as _, Write as _, stderr, stdin, stdout};

use anstream::ColorChoice;
use anstyle::{AnsiColor, Style};
use anyhow::Context as _;
use comfy_table::{Attribute, Cell, ContentArrangement, Table, TableStyle};
use serde::Serialize;

use crate::{
    args::{Color, Format},
    choices::{ChoiceReport, lines},
    exit::reason,
};

/// Width of tables where no terminal says one.
const PLAIN_WIDTH: u16 = 120;
/// Octets of an answer that a person gives.
const ANSWER_OCTETS: u64 = 1_024;

const GOOD: Style = AnsiColor::Green.on_default();
const BAD: Style = AnsiColor::Red.on_default();
const WEAK: Style = AnsiColor::Yellow.on_default();
const FAINT: Style = Style::new().dimmed();
const HEAD: Style = Style::new().bold();

/// How something went, which decides its colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Tone {
    Good,
    Bad,
    Weak,
    Faint,
    Head,
}

impl Tone {
    const fn style(self) -> Style {
        match self {
            Self::Good => GOOD,
            Self::Bad => BAD,
            Self::Weak => WEAK,
            Self::Faint => FAINT,
            Self::Head => HEAD,
        }
    }
}

/// Where everything is printed.
#[derive(Debug, Clone)]
pub(crate) struct Output {
    format: Format,
}

impl Output {
    pub(crate) fn new(format: Format, color: Color) -> Self {
        match color {
            Color::Auto => ColorChoice::Auto,
            Color::Always => ColorChoice::Always,
            Color::Never => ColorChoice::Never,
        }
        .write_global();
        Self { format }
    }

    pub(crate) fn is_json(&self) -> bool {
        self.format == Format::Json
    }

    /// One JSON document, indented.
    pub(crate) fn document<T: Serialize>(&self, document: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string_pretty(document).context("the report has no JSON form")?;
        write_line(&text)
    }

    /// A JSON document on one line.
    pub(crate) fn json_line<T: Serialize>(&self, document: &T) -> anyhow::Result<()> {
        let text = serde_json::to_string(document).context("the answer has no JSON form")?;
        write_line(&text)
    }

    /// A line of text.
    pub(crate) fn line(&self, text: &str) -> anyhow::Result<()> {
        write_line(text)
    }

    /// A table as wide as the terminal.
    pub(crate) fn table(&self, head: &[&str], rows: Vec<Vec<Cell>>) -> anyhow::Result<()> {
        table(head, rows)
            .iter()
            .try_for_each(|line| write_line(line))
    }

    /// Whether standard output and input are a terminal.
    pub(crate) fn is_terminal(&self) -> bool {
        stdin().is_terminal() && stdout().is_terminal()
    }

    /// What is going on, for a person who waits; only on a terminal, never beside JSON.
    pub(crate) fn progress(&self, text: &str) {
        if !self.is_json() && stderr().is_terminal() {
            anstream::eprintln!("{}", tinted(Tone::Faint, text));
        }
    }

    /// Why the program ends, and what may be done about it.
    pub(crate) fn error(&self, error: &anyhow::Error, choices: &[ChoiceReport]) {
        if self.is_json() {
            let document = serde_json::json!({
                "version": crate::report::VERSION,
                "error": told(error),
                "code": reason(error),
                "choices": choices,
                "exit-code": crate::exit::Exit::of(error) as u8,
            });
            // A closed standard output cannot be told anything.
            let _closed = write_line(&document.to_string());
        } else {
            anstream::eprintln!("{}: {}", tinted(Tone::Bad, "error"), told(error));
            for choice in lines(choices) {
                anstream::eprintln!("{}: {choice}", tinted(Tone::Head, "choice"));
            }
        }
    }

    /// Whether a person who can be asked says yes. Beside JSON, or without a terminal, nobody can.
    pub(crate) fn confirms(&self, question: &str) -> anyhow::Result<bool> {
        if self.is_json() || !stdin().is_terminal() || !stderr().is_terminal() {
            return Ok(false);
        }
        anstream::eprint!("{question} [y/N] ");
        let mut answer = String::new();
        stdin()
            .lock()
            .take(ANSWER_OCTETS)
            .read_line(&mut answer)
            .context("the terminal cannot be read")?;
        Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
    }

    /// A line of a daemon's log: whoever started it adds times.
    pub(crate) fn log(&self, text: &str) {
        anstream::eprintln!("{text}");
    }

    /// A line of a daemon's log that somebody should look at.
    pub(crate) fn warn(&self, text: &str) {
        anstream::eprintln!("{}: {text}", tinted(Tone::Weak, "warning"));
    }

    /// A remark for a person, beside the output.
    pub(crate) fn remark(&self, text: &str) {
        if !self.is_json() {
            anstream::eprintln!("{}: {text}", tinted(Tone::Weak, "note"));
        }
    }
}

/// An error with its causes, each once: many errors end with what caused them.
pub(crate) fn told(error: &anyhow::Error) -> String {
    let mut told = String::new();
    for cause in error.chain() {
        let cause = cause.to_string();
        if told.ends_with(&cause) {
            continue;
        }
        if !told.is_empty() {
            told.push_str(": ");
        }
        told.push_str(&cause);
    }
    told
}

/// The lines of a table as wide as the terminal.
pub(crate) fn table(head: &[&str], rows: Vec<Vec<Cell>>) -> Vec<String> {
    let mut table = Table::new();
    table.load_style(TableStyle::new());
    table.set_content_arrangement(ContentArrangement::Dynamic);
    if !stdout().is_terminal() {
        table.set_width(PLAIN_WIDTH);
    }
    // The stream removes colours where they are not wanted.
    table.enforce_styling();
    table.set_header(head.iter().map(|text| text.to_uppercase()));
    table.add_rows(rows);
    let lines = table.lines();
    lines.map(|line| line.trim_end().to_owned()).collect()
}

/// A cell of a table in a colour.
pub(crate) fn cell(tone: Tone, text: &str) -> Cell {
    let cell = Cell::new(text);
    match tone {
        Tone::Good => cell.fg(comfy_table::Color::Green),
        Tone::Bad => cell.fg(comfy_table::Color::Red),
        Tone::Weak => cell.fg(comfy_table::Color::Yellow),
        Tone::Faint => cell.add_attribute(Attribute::Dim),
        Tone::Head => cell.add_attribute(Attribute::Bold),
    }
}

/// The text in a colour; the stream removes it where colour is not wanted.
pub(crate) fn tinted(tone: Tone, text: &str) -> String {
    let style = tone.style();
    format!("{style}{text}{style:#}")
}

fn write_line(text: &str) -> anyhow::Result<()> {
    writeln!(anstream::stdout(), "{text}").context("standard output is closed")
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::told;

    #[test]
    fn a_cause_is_told_once() {
        let error = anyhow!("no such file").context("log `/x`: no such file");
        assert_eq!(told(&error), "log `/x`: no such file");
        let error = error.context("the daemon cannot start");
        assert_eq!(
            told(&error),
            "the daemon cannot start: log `/x`: no such file"
        );
        let error = anyhow!("no such file").context("log `/x` cannot be read");
        assert_eq!(told(&error), "log `/x` cannot be read: no such file");
    }
}
