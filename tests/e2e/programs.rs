//! Ordinary programs, which know nothing of hearken, run unchanged.

use crate::harness::{Hearken, PATIENCE, Setup, event, hearken, port, skip, until};
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::process::Command;

pub(crate) fn is_here(program: &str) -> bool {
    Command::new("sh")
        .args(["-c", &format!("command -v {program}")])
        .output()
        .unwrap()
        .status
        .success()
}

/// What a server answers once it is there.
#[track_caller]
fn answer(hearken: &Hearken, port: u16, question: &str) -> String {
    until(&format!("an answer on port {port}\n{}", hearken.dump()), PATIENCE, || {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).ok()?;
        stream.set_read_timeout(Some(PATIENCE)).ok()?;
        stream.write_all(question.as_bytes()).ok()?;
        let mut room = [0; 512];
        let read = stream.read(&mut room).ok()?;
        (read > 0).then(|| String::from_utf8_lossy(&room[..read]).into_owned())
    })
}

#[test]
fn nginx_runs_answers_and_stops() {
    if !is_here("nginx") {
        return skip("no nginx here");
    }
    let port = port();
    let setup = Setup::new(
        r#"
[service.nginx]
command = ["nginx", "-c", "{folder}/nginx.conf", "-p", "{folder}", "-e", "stderr"]
stop = "QUIT"
"#,
    );
    let config = format!(
        "daemon off; pid nginx.pid; worker_processes 1; error_log stderr;\n\
         events {{ worker_connections 16; }}\n\
         http {{ access_log off; client_body_temp_path t1; proxy_temp_path t2; fastcgi_temp_path t3;\n\
         uwsgi_temp_path t4; scgi_temp_path t5;\n\
         server {{ listen 127.0.0.1:{port}; location / {{ return 200 'from nginx'; }} }} }}\n"
    );
    setup.file("nginx.conf", config.as_bytes(), 0o644);
    let mut hearken = setup.start();
    let said = answer(&hearken, port, "GET / HTTP/1.0\r\n\r\n");
    assert!(said.contains("200 OK"), "{said}");
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("exited").unit("nginx")).number("exit_code"), 0);
    assert!(hearken.all(&event("protocol_violation")).is_empty());
}

#[test]
fn redis_runs_answers_and_stops() {
    if !is_here("redis-server") {
        return skip("no redis-server here");
    }
    let port = port();
    let mut hearken = hearken(&format!(
        "[service.redis]\ncommand = [\"redis-server\", \"--port\", \"{port}\", \"--bind\", \"127.0.0.1\", \"--save\", \"\", \"--dir\", \"{{folder}}\"]\n"
    ));
    assert_eq!(answer(&hearken, port, "PING\r\n"), "+PONG\r\n");
    hearken.shut_down_well();
    assert_eq!(hearken.wait(&event("exited").unit("redis")).number("exit_code"), 0);
}

#[test]
fn a_shell_script_runs_and_its_signal_reaches_what_it_runs() {
    let mut hearken = hearken(
        r#"
[service.script]
shell = '''
trap 'echo caught; exit 0' TERM
echo "instance $HEARKEN_INSTANCE of $HEARKEN_UNIT"
echo to standard error >&2
sleep 1000 &
wait
'''
"#,
    );
    hearken.wait(&event("child_output").is("message", "instance 1 of script"));
    hearken.wait(&event("child_output").is("stream", "stderr").is("message", "to standard error"));
    hearken.shut_down_well();
    hearken.wait(&event("child_output").is("message", "caught"));
    assert!(hearken.all(&event("killing")).is_empty(), "{}", hearken.dump());
}

/// The weaker mode without cgroups: a daemon that made a session of its own gets away.
#[test]
fn a_daemon_that_leaves_its_session_does_not_hold_up_the_end() {
    let mut hearken = Setup::new(
        "[service.web]\ncommand = [\"{fixture}\", \"daemonize\", \"sleep\", \"100\", \"exit\", \"0\"]\n",
    )
    .leaves("containment is the process group, and it made one of its own")
    .start();
    assert_eq!(hearken.exit_code(), 0);
    hearken.wait(&event("finished").unit("web"));
    hearken.wait(&event("outputs_held").unit("web"));
}
