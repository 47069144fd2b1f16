//! A disk that is full, or may not be written any more, under a hearken that runs.

use super::check::check;
use super::submitter::{Acknowledged, Book};
use super::{chance::Chance, setup};
use crate::harness::{Answered, Event, Hearken, PATIENCE, Setup, event, is_root, skip, until};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde_json::json;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A small file system of its own under a folder. Dropped, it is taken away.
struct Disk(PathBuf);

impl Disk {
    /// None, with the reason told, where it may not be mounted.
    fn mount(at: &Path) -> Option<Disk> {
        fs::create_dir_all(at).unwrap();
        let words = ["-t", "tmpfs", "-o", "size=3m", "none", at.to_str().unwrap()];
        let mounted = Command::new("mount").args(words).output();
        if !is_root() || !mounted.is_ok_and(|it| it.status.success()) {
            skip("a disk of one's own needs root, and the right to mount");
            return None;
        }
        Some(Disk(at.to_owned()))
    }

    /// Mounts it again, `ro` or `rw`.
    #[track_caller]
    fn remount(&self, how: &str) {
        let mount =
            Command::new("mount").args(["-o", &format!("remount,{how}")]).arg(&self.0).output();
        let mount = mount.unwrap();
        assert!(mount.status.success(), "{}", String::from_utf8_lossy(&mount.stderr));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        // Lazily: whoever still has a file there shall not keep the test from its end.
        let _gone = Command::new("umount").arg("--lazy").arg(&self.0).status();
    }
}

/// A pool, and a service that has nothing to do with it.
fn with_service() -> Setup {
    let web = "[service.web]\ncommand = [\"{fixture}\", \"run\"]\nrestart = { delay = \"10ms\" }\n";
    setup(web)
}

struct Client<'h> {
    hearken: &'h Hearken,
    chance: Chance,
    book: Book,
}

impl<'h> Client<'h> {
    fn new(hearken: &'h Hearken) -> Client<'h> {
        Client { hearken, chance: Chance::new(1), book: Book::default() }
    }

    /// Submits a task, and notes it if it is acknowledged.
    #[track_caller]
    fn submit(&mut self, payload: usize) -> Answered {
        let id = self.chance.id();
        let task = json!({"id": id, "type": "succeed", "payload": "p".repeat(payload)});
        let answered = self.hearken.submit("work", &task);
        if answered.status == 201 {
            self.book.tasks.push(Acknowledged { id, kind: "succeed", seen: None });
        }
        answered
    }

    /// Submits until it is refused, and the refusal must be this one.
    #[track_caller]
    fn submit_until_refused(&mut self, expected: &str) {
        let refused = (0..10_000).map(|_| self.submit(20_000)).find(|it| it.status != 201);
        let refused = refused.expect("a disk that takes no more");
        let said = refused.json();
        let code = (refused.status, said["error"]["code"].as_str().unwrap());
        assert_eq!(code, (503, expected), "{said:#}");
    }

    /// Waits until it takes tasks again, by itself.
    #[track_caller]
    fn until_it_is_taken(&mut self) {
        until("it takes tasks again", PATIENCE, || (self.submit(10).status == 201).then_some(()));
    }
}

/// The service is killed, and comes back.
#[track_caller]
fn services_run_on(hearken: &Hearken) {
    let now = hearken.now();
    let web = hearken.all(&event("started").unit("web")).last().map(Event::pid).unwrap();
    kill(Pid::from_raw(web), Signal::SIGKILL).unwrap();
    hearken.wait_from(now, &event("started").unit("web"));
}

/// Breaks the disk under a hearken, and mends it.
#[track_caller]
fn refuses_and_goes_on<T>(
    setup: Setup,
    broken: impl FnOnce(&mut Client<'_>) -> T,
    mended: impl FnOnce(T),
) {
    let hearken = setup.start();
    hearken.wait(&event("started").unit("web"));
    let mut client = Client::new(&hearken);
    client.until_it_is_taken();
    let what = broken(&mut client);
    client.submit_until_refused("storage_full");
    let down = hearken.wait(&event("store_down"));
    services_run_on(&hearken);
    mended(what);
    client.until_it_is_taken();
    hearken.wait_after(&down, &event("store_up"));
    let book = client.book;
    check(&hearken, &book);
    all_there_after_a_kill(hearken, &book);
}

#[track_caller]
fn all_there_after_a_kill(hearken: Hearken, book: &Book) {
    hearken.signal(Signal::SIGKILL);
    let mut hearken = hearken.again();
    check(&hearken, book);
    hearken.shut_down_well();
}

#[test]
fn a_full_disk_refuses_tasks_loses_none_and_stops_no_service() {
    let setup = with_service();
    let Some(disk) = Disk::mount(&setup.folder().join("state")) else { return };
    let ballast = disk.0.join("ballast");
    refuses_and_goes_on(
        setup,
        |_client| fs::write(&ballast, vec![1; 1024 * 1024]).unwrap(),
        |()| fs::remove_file(&ballast).unwrap(),
    );
}

/// It can be mounted so only while nobody writes.
#[test]
fn a_disk_that_was_mounted_read_only_is_refused_by_name_and_nothing_on_it_is_lost() {
    let setup = with_service();
    let Some(disk) = Disk::mount(&setup.folder().join("state")) else { return };
    let hearken = setup.clone().start();
    let mut client = Client::new(&hearken);
    client.until_it_is_taken();
    let book = client.book;
    hearken.signal(Signal::SIGKILL);
    let mut hearken = hearken.again_after(|| {
        disk.remount("ro");
        let config = setup.write();
        let refused = setup.command(&["up", "--config", config.to_str().unwrap()]).output();
        let refused = refused.unwrap();
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        for word in [disk.0.to_str().unwrap(), "Read-only file system"] {
            assert!(said.contains(word), "{word}: {said}");
        }
        disk.remount("rw");
    });
    check(&hearken, &book);
    hearken.shut_down_well();
}

/// strace has these calls of a running hearken fail, until it is dropped.
struct Failing(Child);

impl Failing {
    #[track_caller]
    fn start(hearken: &Hearken, calls: &str, error: &str) -> Failing {
        let inject = format!("inject={calls}:error={error}");
        let pid = hearken.pid();
        let words = ["-f", "-o", "/dev/null", "-e", &format!("trace={calls}"), "-e", &inject];
        let mut command = Command::new("strace");
        command.args(words).args(["-p", &pid.to_string()]);
        let child = command.stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        until("every thread is traced", PATIENCE, || {
            let threads = fs::read_dir(format!("/proc/{pid}/task")).unwrap();
            let mut threads = threads.map(|it| it.unwrap().path().join("status"));
            threads
                .all(|it| !fs::read_to_string(it).unwrap().contains("TracerPid:\t0"))
                .then_some(())
        });
        Failing(child)
    }
}

impl Drop for Failing {
    fn drop(&mut self) {
        // It lets go of hearken on its own only when asked to end.
        let asked = kill(Pid::from_raw(i32::try_from(self.0.id()).unwrap()), Signal::SIGTERM);
        let _ended = asked.map(|()| self.0.wait());
    }
}

fn has_strace() -> bool {
    let looks = Command::new("strace").args(["-qq", "-o", "/dev/null", "true"]).status();
    is_root() && looks.is_ok_and(|it| it.success())
}

#[test]
fn a_disk_that_turns_read_only_refuses_tasks_loses_none_and_stops_no_service() {
    if !has_strace() {
        return skip("strace is missing, or may not trace");
    }
    // What is open for writing nobody may mount so; but the kernel turns to it after an error.
    refuses_and_goes_on(
        with_service(),
        |client| Failing::start(client.hearken, "pwrite64", "EROFS"),
        drop,
    );
}

/// Row 83.
#[test]
fn after_a_failed_fsync_nothing_is_acknowledged_any_more_and_services_run_on() {
    if !has_strace() {
        return skip("strace is missing, or may not trace");
    }
    let hearken = with_service().start();
    hearken.wait(&event("started").unit("web"));
    let mut client = Client::new(&hearken);
    client.until_it_is_taken();
    let failing = Failing::start(&hearken, "fsync,fdatasync", "EIO");
    client.submit_until_refused("store_down");
    let down = hearken.wait(&event("store_down"));
    drop(failing);
    // The next fsync would go well; but what it says would not be true.
    client.submit_until_refused("store_down");
    let pools = hearken.ask("GET", "/v1/pools", "").json();
    let trouble = pools["pools"][0]["trouble"].as_str().unwrap();
    let why = down.text("error");
    assert!(why.contains("restart hearken") && trouble.ends_with(why), "{down} {pools:#}");
    services_run_on(&hearken);
    let book = client.book;
    all_there_after_a_kill(hearken, &book);
}
