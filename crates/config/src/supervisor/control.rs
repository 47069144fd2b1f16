//! `control`: the socket on which the daemon takes commands and tasks.

use crate::diagnostic::Problem;
use crate::read::keys::Keys;
use crate::read::path::path;
use crate::read::table::Table;
use crate::read::{Reader, Value, quoted};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use std::borrow::Cow;
use std::os::unix::ffi::OsStrExt;
use std::path::PathBuf;
use toml::de::DeValue;

/// The socket on which the daemon takes commands and tasks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// Where it is; absolute, at most [`SOCKET_PATH_MAX`] bytes. `None`: `control.sock` in the state
    /// directory.
    pub socket: Option<PathBuf>,
    /// The permissions of the file: who may write to it may give commands.
    pub mode: u32,
}

/// The longest path of a socket, in bytes: `sun_path` of unix(7) has 108, and ends in a NUL.
pub const SOCKET_PATH_MAX: usize = 107;

/// The one who runs hearken, and nobody else.
const MODE: u32 = 0o600;

/// The bits that mean anything for a socket.
const BITS: u32 = 0o666;
const OWNER: u32 = 0o600;
const OTHERS_WRITE: u32 = 0o002;

impl Default for Control {
    fn default() -> Self {
        Self { socket: None, mode: MODE }
    }
}

pub(crate) const KEYS: Keys = Keys {
    place: "control = { … } of [supervisor]",
    shape: "ControlTable",
    known: &["socket", "mode"],
    later: &["group", "owner", "tcp", "tokens"],
    aliases: &[
        ("path", "socket"),
        ("file", "socket"),
        ("unix", "socket"),
        ("listen", "socket"),
        ("chmod", "mode"),
        ("permissions", "mode"),
        ("umask", "mode"),
    ],
};

/// The socket on which hearken takes commands and tasks; its path alone is enough.
#[derive(JsonSchema)]
#[schemars(rename = "Control", untagged)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) enum ControlShape {
    Socket(String),
    Table(ControlTable),
}

/// The socket on which hearken takes commands and tasks.
#[derive(JsonSchema)]
#[schemars(deny_unknown_fields, transform = crate::schema::optional)]
#[expect(dead_code, reason = "only its shape is used")]
pub(crate) struct ControlTable {
    /// Where it is: absolute, or relative to the folder of the config file. Left out, it is
    /// control.sock in the state directory.
    #[schemars(extend("examples" = ["/run/hearken/control.sock"]))]
    socket: String,
    /// Who may give commands, as chmod(1) has it in octal digits: whoever may write to the socket.
    #[schemars(extend("default" = "0600"))]
    mode: ModeShape,
}

/// The shape of a mode in the schema.
pub(crate) struct ModeShape;

impl JsonSchema for ModeShape {
    fn schema_name() -> Cow<'static, str> {
        "FileMode".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "type": "string",
            "pattern": "^0?6[0246][0246]$",
            "examples": ["0600", "0660"],
        })
    }
}

pub(super) fn read(reader: &mut Reader<'_>, value: Value<'_>) -> Control {
    if matches!(value.toml, DeValue::String(_)) {
        return Control { socket: socket(reader, value), ..Control::default() };
    }
    let Some(mut table) = Table::of(value, &KEYS) else {
        let help =
            "write control = \"/run/hearken/control.sock\", or control = { mode = \"0660\" }";
        reader.error(value.wrong_type("a path or a table", help));
        return Control::default();
    };
    let socket = table.take("socket").and_then(|value| socket(reader, value));
    let mode = table.take("mode").and_then(|value| {
        let mode = reader.keep(mode(value))?;
        if mode & OTHERS_WRITE != 0 {
            let message = "anybody on this machine may give commands to hearken";
            let help = "write mode = \"0660\" for a group, or \"0600\" for the user it runs as";
            reader.warning(Problem::new(value.span, message, help));
        }
        Some(mode)
    });
    table.close(reader);
    Control { socket, mode: mode.unwrap_or(MODE) }
}

fn socket(reader: &mut Reader<'_>, value: Value<'_>) -> Option<PathBuf> {
    let path = path(reader, value)?;
    let length = path.as_os_str().as_bytes().len();
    if length > SOCKET_PATH_MAX {
        let message =
            format!("the path of a socket has at most {SOCKET_PATH_MAX} bytes, this one {length}");
        let help = "choose a shorter one: socket = \"/run/hearken/control.sock\"";
        reader.error(Problem::new(value.span, message, help));
        return None;
    }
    Some(path)
}

fn mode(value: Value<'_>) -> Result<u32, Problem> {
    let help = "write mode = \"0600\" for the user hearken runs as, \"0660\" for a group, too";
    let Some(text) = value.toml.as_str() else {
        return Err(value.wrong_type("octal digits in quotes", help));
    };
    let digits = matches!(text.len(), 3 | 4) && text.bytes().all(|b| (b'0'..=b'7').contains(&b));
    let read = u32::from_str_radix(text, 8).ok().filter(|_| digits);
    let Some(mode) = read else {
        let message = format!("{} is no mode for {}", quoted(text), value.name());
        return Err(Problem::new(value.span, message, help));
    };
    if mode & !BITS != 0 {
        let message = format!("{} has bits that mean nothing for a socket", quoted(text));
        return Err(Problem::new(value.span, message, help));
    }
    if mode & OWNER != OWNER {
        let message = format!("{} shuts out the user that hearken runs as", quoted(text));
        return Err(Problem::new(value.span, message, help));
    }
    Ok(mode)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{good, refuses, warns_all};

    fn text(lines: &str) -> String {
        format!("[supervisor]\n{lines}\n[service.web]\ncommand = [\"x\"]\n")
    }

    #[test]
    fn good_controls() {
        let at = |path: &str, mode| Control { socket: Some(path.into()), mode };
        let long = format!("/{}", "x".repeat(SOCKET_PATH_MAX - 1));
        let table = [
            ("", Control::default()),
            ("control = {}", Control::default()),
            ("control = \"/run/h.sock\"", at("/run/h.sock", 0o600)),
            ("control = { socket = \"h.sock\" }", at("/etc/hearken/h.sock", 0o600)),
            ("control.mode = \"660\"", Control { socket: None, mode: 0o660 }),
            ("control = { mode = \"0640\", socket = \"/${HOST}\" }", at("/db1", 0o640)),
            (&format!("control = \"{long}\""), at(&long, 0o600)),
        ];
        for (lines, expected) in table {
            let loaded = good(&text(lines));
            assert!(loaded.warnings.is_empty(), "{lines}");
            assert_eq!(loaded.config.supervisor.control, expected, "{lines}");
        }
    }

    #[test]
    fn bad_controls() {
        let table = [
            ("control = 3", ["2:11", "3", "a path or a table, not an integer", "control.sock"]),
            ("control = \"\"", ["2:11", "\"\"", "must not be empty", "control = \".\""]),
            ("control.mode = 0o600", ["2:16", "0o600", "octal digits in quotes", "\"0600\""]),
            ("control.mode = \"rw\"", ["2:16", "\"rw\"", "`rw` is no mode for `mode`", "\"0600\""]),
            ("control.mode = \"+600\"", ["2:16", "\"+600\"", "no mode", "\"0600\""]),
            ("control.mode = \"0700\"", ["2:16", "\"0700\"", "mean nothing", "\"0600\""]),
            ("control.mode = \"0060\"", ["2:16", "\"0060\"", "shuts out", "\"0600\""]),
            (
                "control = { sockte = \"/x\" }",
                ["2:13", "sockte", "unknown key `sockte` in `control`", "`socket`?"],
            ),
            (
                "control.group = \"www\"",
                ["2:9", "group", "`group` in `control` is not supported yet", "remove it"],
            ),
        ];
        for (lines, expected) in table {
            refuses(&text(lines), expected);
        }
        let long = format!("control = \"/{}\"", "x".repeat(SOCKET_PATH_MAX));
        let found = crate::testing::problems(&text(&long));
        assert!(found[0].message.contains("at most 107 bytes, this one 108"), "{found:?}");
    }

    #[test]
    fn a_socket_for_everybody_is_warned_of() {
        warns_all(
            &text("control.mode = \"0666\""),
            &[["2:16", "\"0666\"", "anybody on this machine may give commands", "\"0660\""]],
        );
    }
}
