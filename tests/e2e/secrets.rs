//! Row 41 and 107: a secret of the config is where it belongs, and nowhere else.

use crate::harness::{Hearken, Setup, event, is_root, skip};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use std::fs::{self, File};
use std::os::unix::fs::FileExt as _;

/// Made at run time: this test's own memory and files must not matter.
fn secret() -> String {
    format!("s3cr3t-{:x}-{}", std::process::id().wrapping_mul(2_654_435_761), "planted")
}

/// Whether a process has these bytes anywhere in its memory.
fn holds(pid: i32, needle: &[u8]) -> bool {
    let memory = File::open(format!("/proc/{pid}/mem")).unwrap();
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    for map in maps.lines().filter(|map| map.contains(" rw")) {
        let (from, to) = map.split(' ').next().unwrap().split_once('-').unwrap();
        let (from, to) =
            (u64::from_str_radix(from, 16).unwrap(), u64::from_str_radix(to, 16).unwrap());
        let mut bytes = vec![0; usize::try_from(to - from).unwrap()];
        // Some maps, such as those of the kernel's own, cannot be read.
        if memory.read_exact_at(&mut bytes, from).is_ok()
            && bytes.windows(needle.len()).any(|window| window == needle)
        {
            return true;
        }
    }
    false
}

fn with_secret(secret: &str) -> Setup {
    Setup::new(&format!(
        r#"
[service.web]
command = ["{{fixture}}", "hello", "ready", "print-environment", "run"]
ready = "message"
environment = {{ TOKEN = "{secret}" }}
instances = 3
[service.broken]
command = ["/nowhere"]
environment = {{ TOKEN = "{secret}" }}
"#
    ))
    .supervisor("log = \"trace\"")
}

#[track_caller]
fn not_in_the_fork_server(hearken: &Hearken, secret: &str) {
    let server = hearken.fork_server();
    assert!(!holds(server, secret.as_bytes()), "the fork server {server} holds the secret");
}

#[test]
fn a_secret_of_the_config_is_not_in_the_memory_of_the_fork_server() {
    if !is_root() {
        return skip("reading the memory of the fork server needs root");
    }
    let secret = secret();
    let mut hearken = with_secret(&secret).start();
    hearken.wait_for_many(&event("child_output").is("message", format!("TOKEN={secret}")), 3);
    hearken.wait(&event("failed").unit("broken"));
    assert!(holds(hearken.pid(), secret.as_bytes()), "the supervisor has to have it");
    not_in_the_fork_server(&hearken, &secret);
    kill(Pid::from_raw(hearken.fork_server()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("fork_server_replaced"));
    let web = hearken.wait(&event("started").unit("web"));
    kill(Pid::from_raw(web.pid()), Signal::SIGKILL).unwrap();
    hearken.wait(&event("started").unit("web").incarnation(2));
    not_in_the_fork_server(&hearken, &secret);
    hearken.shut_down_well();
}

#[test]
fn a_secret_of_the_config_is_in_no_line_of_the_log_or_of_check() {
    let secret = secret();
    let setup = with_secret(&secret);
    let mut hearken = setup.clone().start();
    hearken.wait(&event("ready").unit("web"));
    hearken.wait(&event("failed").unit("broken"));
    hearken.shut_down_well();
    for event in hearken.events().iter().filter(|event| event.name() != "child_output") {
        assert!(!event.to_string().contains(&secret), "{event}");
    }
    let config = setup.write();
    let checked = setup.command(&["check", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = [checked.stdout, checked.stderr].concat();
    assert!(!String::from_utf8_lossy(&said).contains(&secret));
}

/// Row 107: a problem on the very line of the secret is shown without it.
#[test]
fn a_broken_config_is_shown_without_the_secret() {
    let secret = secret();
    let setup = Setup::new(&format!(
        "[service.web]\ncommand = [\"true\"]\nenvironment = {{ TOKEN = \"{secret}\", \"A=B\" = \"{secret}\" }}\n"
    ));
    let config = setup.write();
    let checked = setup.command(&["check", "--config", config.to_str().unwrap()]).output().unwrap();
    let said = String::from_utf8([checked.stdout, checked.stderr].concat()).unwrap();
    assert_eq!(checked.status.code(), Some(78), "{said}");
    assert!(!said.contains(&secret), "{said}");
}
