//! Where the program of a child is looked for, as execvp(3) does.

use std::ffi::{CStr, CString};

use super::wire::Strings;

/// The path of execvp(3) where the environment has none.
const DEFAULT_PATH: &[u8] = b"/bin:/usr/bin";

/// The files to try, in order: the command itself if it has a slash, else one for each part of
/// the child's own PATH. An empty part is the child's directory, as POSIX has it.
pub(super) fn candidates(command: &CStr, environment: Strings<'_>) -> Vec<CString> {
    if command.to_bytes().contains(&b'/') {
        return vec![command.to_owned()];
    }
    let path = environment
        .iter()
        .find_map(|variable| variable.to_bytes().strip_prefix(b"PATH="))
        .unwrap_or(DEFAULT_PATH);
    path.split(|byte| *byte == b':').filter_map(|part| in_directory(part, command)).collect()
}

fn in_directory(directory: &[u8], command: &CStr) -> Option<CString> {
    let directory = if directory.is_empty() { b".".as_slice() } else { directory };
    CString::new([directory, b"/", command.to_bytes()].concat()).ok()
}

#[cfg(test)]
mod tests {
    use super::super::spawn::Spawn;
    use super::super::wire::{Along, Request, decode_request, encode_spawn};
    use super::*;

    fn looked_for(command: &CStr, environment: &[&CStr]) -> Vec<String> {
        let spawn = Spawn {
            argv: vec![command.into()],
            environment: environment.iter().map(|variable| (*variable).into()).collect(),
            directory: None,
        };
        let mut bytes = Vec::new();
        encode_spawn(&mut bytes, 1, &spawn, Along::default());
        let Some(Request::Spawn(spawn)) = decode_request(&bytes) else {
            panic!("not a spawn");
        };
        candidates(command, spawn.environment)
            .into_iter()
            .map(|path| path.into_string().expect("UTF-8"))
            .collect()
    }

    #[test]
    fn a_command_with_a_slash_is_not_looked_up() {
        assert_eq!(looked_for(c"./run", &[c"PATH=/bin"]), ["./run"]);
    }

    #[test]
    fn the_childs_own_path_is_searched_in_order() {
        assert_eq!(
            looked_for(c"run", &[c"XPATH=/no", c"PATH=/a:/b/", c"PATH=/c"]),
            ["/a/run", "/b//run"]
        );
    }

    #[test]
    fn without_a_path_the_default_holds_and_an_empty_part_is_here() {
        assert_eq!(looked_for(c"run", &[]), ["/bin/run", "/usr/bin/run"]);
        assert_eq!(looked_for(c"run", &[c"PATH=:/a"]), ["./run", "/a/run"]);
    }
}
