//! Reading settings, with errors that name the setting.

use serde::de::DeserializeOwned;

/// Reads settings from JSON.
///
/// # Errors
/// One sentence: the setting's name, what was expected and what came.
pub(crate) fn read<S: DeserializeOwned>(json: &str) -> Result<S, String> {
    // serde reads a struct from an array too, whose elements have no names.
    if !json.trim_start().starts_with('{') {
        return Err(format!("settings: expected an object, came `{json}`"));
    }
    serde_json::from_str(json).map_err(|error| {
        // serde_json says line and column; the administrator wrote TOML and knows names.
        let text = error.to_string();
        let reason = text
            .rsplit_once(" at line ")
            .map_or(text.as_str(), |(reason, _)| reason);
        match path(json, offset(json, error.line(), error.column())) {
            path if path.is_empty() => format!("settings: {reason}"),
            path => format!("setting `{path}`: {reason}"),
        }
    })
}

/// Where a line and column are, in octets from the start.
fn offset(json: &str, line: usize, column: usize) -> usize {
    let start: usize = json
        .split_inclusive('\n')
        .take(line.saturating_sub(1))
        .map(str::len)
        .sum();
    start + column
}

/// The name of the setting that is being read when so many octets have been read: `a.b[2]`. Empty in the outermost object
/// when no name was read.
fn path(json: &str, offset: usize) -> String {
    /// An object or array that is open, and where in it we are.
    enum Open {
        Object { name: String, value: bool },
        Array { index: usize },
    }
    let mut open: Vec<Open> = Vec::new();
    let mut text = json.char_indices();
    while let Some((at, character)) = text.next() {
        // What is read last belongs to the setting before it, a comma or a bracket behind it does not.
        if at >= offset || (at + 1 == offset && matches!(character, ',' | '}' | ']')) {
            break;
        }
        match character {
            '"' => {
                let start = at + 1;
                let mut end = json.len();
                while let Some((at, character)) = text.next() {
                    match character {
                        '\\' => drop(text.next()),
                        '"' => {
                            end = at;
                            break;
                        }
                        _ => {}
                    }
                }
                if let Some(Open::Object { name, value: false }) = open.last_mut() {
                    *name = json.get(start..end).unwrap_or_default().to_owned();
                }
            }
            '{' => open.push(Open::Object {
                name: String::new(),
                value: false,
            }),
            '[' => open.push(Open::Array { index: 0 }),
            '}' | ']' => drop(open.pop()),
            ':' => {
                if let Some(Open::Object { value, .. }) = open.last_mut() {
                    *value = true;
                }
            }
            ',' => match open.last_mut() {
                Some(Open::Object { value, .. }) => *value = false,
                Some(Open::Array { index }) => *index += 1,
                None => {}
            },
            _ => {}
        }
    }
    let mut path = String::new();
    for level in open {
        match level {
            // Only a name whose value is being read: an unknown or missing name is told by the reason.
            Open::Object { name, value: true } => {
                if !path.is_empty() {
                    path.push('.');
                }
                path.push_str(&name);
            }
            Open::Array { index } => path.push_str(&format!("[{index}]")),
            Open::Object { .. } => {}
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
    struct Settings {
        least: u32,
        names: Vec<String>,
        inner: Inner,
    }

    #[derive(Debug, Default, PartialEq, Deserialize)]
    #[serde(default, deny_unknown_fields)]
    struct Inner {
        flag: bool,
        ports: Vec<u16>,
    }

    #[test]
    fn nothing_means_the_defaults() {
        assert_eq!(read::<Settings>("{}"), Ok(Settings::default()));
    }

    #[test]
    fn an_error_names_the_setting_what_was_expected_and_what_came() {
        for (json, expected) in [
            (
                r#"{"least": "two"}"#,
                "setting `least`: invalid type: string \"two\", expected u32",
            ),
            (
                r#"{"names": [], "least": -1}"#,
                "setting `least`: invalid value: integer `-1`, expected u32",
            ),
            (
                r#"{"names": ["a", 7]}"#,
                "setting `names[1]`: invalid type: integer `7`, expected a string",
            ),
            (
                r#"{"names": {"a": 1}}"#,
                "setting `names`: invalid type: map, expected a sequence",
            ),
            (
                "{\n  \"inner\": {\n    \"flag\": 1\n  }\n}",
                "setting `inner.flag`: invalid type: integer `1`, expected a boolean",
            ),
            (
                r#"{"inner": {"flag": true, "ports": [853, 99999], "x": 1}}"#,
                "setting `inner.ports[1]`: invalid value: integer `99999`, expected u16",
            ),
            (
                r#"{"inner": {"flags": true}}"#,
                "setting `inner`: unknown field `flags`, expected `flag` or `ports`",
            ),
            (
                r#"{"leest": 1}"#,
                "settings: unknown field `leest`, expected one of `least`, `names`, `inner`",
            ),
            ("[]", "settings: expected an object, came `[]`"),
            (
                r#"{"least": 1"#,
                "setting `least`: EOF while parsing an object",
            ),
        ] {
            assert_eq!(read::<Settings>(json).unwrap_err(), expected, "{json}");
        }
    }

    #[test]
    fn names_with_quotes_and_brackets_do_not_mislead() {
        let json = r#"{"names": ["a\"]}", "{[,:"], "least": null}"#;
        assert_eq!(
            read::<Settings>(json).unwrap_err(),
            "setting `least`: invalid type: null, expected u32"
        );
    }
}
