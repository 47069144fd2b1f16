//! The NOTIFY_SOCKET: who may send, who is said to have sent, and what a hostile sender leaves.

use std::io::IoSlice;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::{env, fs};

use hearken_sys::{Datagram, NotifySocket, Passed, Pid, Sender, output_pipe};
use rustix::net::{
    AddressFamily, SendAncillaryBuffer, SendAncillaryMessage, SendFlags, SocketAddrUnix,
    SocketFlags, SocketType, sendmsg_addr, socket_with,
};

use crate::support::{
    PATIENCE, SUCCESS, World, descriptors_of, limit_descriptors, program, read_to_end, readable,
};
use crate::{Test, skip};

pub(crate) const TESTS: &[Test] = &[
    ("a_datagram_names_the_child_that_sent_it", child_is_named),
    ("a_child_of_another_user_may_send_whatever_the_umask", other_user),
    ("a_sender_from_outside_of_the_pid_namespace_has_no_name", outside_of_namespace),
    ("one_passed_descriptor_is_kept_and_is_the_one_that_was_sent", barrier),
    ("1000_hostile_datagrams_leave_no_descriptor_behind", hostile),
    ("a_passed_descriptor_without_room_is_told_from_too_many", no_room),
];

/// The most descriptors that the kernel passes at once: SCM_MAX_FD.
const MOST: usize = 253;

/// A socket in a directory of its own that every user can pass; both go at the end.
struct Bound {
    socket: NotifySocket,
    path: PathBuf,
}

impl Bound {
    fn new() -> Bound {
        let directory = env::temp_dir().join(format!("hearken-sys-{}", Pid::own()));
        fs::create_dir(&directory).expect("temporary directory");
        fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).expect("own directory");
        let path = directory.join("notify");
        Bound { socket: NotifySocket::bind(&path).expect("bind"), path }
    }

    fn next(&self) -> Datagram {
        assert!(readable(&self.socket, PATIENCE), "nothing came");
        self.socket.receive().expect("open").expect("readable")
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        fs::remove_dir_all(self.path.parent().expect("made above")).expect("own directory");
    }
}

fn send(path: &Path, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) {
    let flags = SocketFlags::CLOEXEC;
    let socket = socket_with(AddressFamily::UNIX, SocketType::DGRAM, flags, None).expect("socket");
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    if !descriptors.is_empty() {
        assert!(control.push(SendAncillaryMessage::ScmRights(descriptors)));
    }
    let address = SocketAddrUnix::new(path).expect("short");
    let bytes = [IoSlice::new(bytes)];
    sendmsg_addr(&socket, &address, &bytes, &mut control, SendFlags::empty()).expect("room");
}

/// The part of a child, as user `uid` where one is given.
pub(crate) fn role(path: &str, uid: Option<&str>) {
    if let Some(uid) = uid {
        let uid = uid.parse().expect("a number");
        // SAFETY: takes no pointers.
        assert_eq!(unsafe { libc::setuid(uid) }, 0);
    }
    send(Path::new(path), b"READY=1", &[]);
}

fn child_is_named() {
    let mut world = World::new();
    let bound = Bound::new();
    let path = bound.path.to_str().expect("UTF-8");
    let (_, pid) = world.start(&program(&["/proc/self/exe", "__role", "notify", path]));
    // Its name is as good after its end.
    assert_eq!(world.end_of(pid), SUCCESS);
    let uid = rustix::process::getuid().as_raw();
    assert_eq!(bound.next().sender, Some(Sender { pid, uid }));
}

fn other_user() {
    const NOBODY: &str = "65534";
    if !rustix::process::geteuid().is_root() {
        skip("only root can become another user");
    }
    let mut world = World::new();
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    let bound = Bound::new();
    let file = fs::metadata(&bound.path).expect("bound");
    assert_eq!(file.mode() & 0o7777, 0o666);
    let path = bound.path.to_str().expect("UTF-8");
    let (text, status) =
        world.output_of(&program(&["/proc/self/exe", "__role", "notify", path, NOBODY]));
    assert_eq!(status, SUCCESS, "{text}");
    assert_eq!(bound.next().sender.map(|sender| sender.uid.to_string()).as_deref(), Some(NOBODY));
}

fn outside_of_namespace() {
    let bound = Bound::new();
    // SAFETY: takes no pointers.
    if unsafe { libc::unshare(libc::CLONE_NEWPID) } != 0 {
        skip("unshare(CLONE_NEWPID) is not permitted here");
    }
    send(&bound.path, b"READY=1", &[]);
    // SAFETY: one thread. The child is in the new namespace, and this process is not.
    let pid = unsafe { libc::fork() };
    if pid == 0 {
        let datagram = bound.next();
        let nameless = datagram.bytes == b"READY=1" && datagram.sender.is_none();
        // SAFETY: takes no pointers.
        unsafe { libc::_exit(i32::from(!nameless)) }
    }
    let mut status = -1;
    // SAFETY: a live int.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert_eq!(status, 0);
}

fn barrier() {
    let bound = Bound::new();
    let (read, write) = output_pipe().expect("pipe");
    send(&bound.path, b"BARRIER=1", &[write.as_fd()]);
    drop(write);
    let Passed::One(passed) = bound.next().passed else {
        panic!("it was not kept");
    };
    let flags = rustix::io::fcntl_getfd(&passed).expect("open");
    assert!(flags.contains(rustix::io::FdFlags::CLOEXEC));
    rustix::io::write(&passed, b"the same").expect("room");
    drop(passed);
    assert_eq!(read_to_end(read), "the same");
}

fn hostile() {
    let bound = Bound::new();
    let (read, write) = output_pipe().expect("pipe");
    let before = descriptors_of(Pid::own());
    for round in 0..1000 {
        let count = [MOST, 2, 3, 1, 0][round % 5];
        let length = [0, 1, 5000, 100_000][round % 4];
        send(&bound.path, &vec![b'x'; length], &vec![write.as_fd(); count]);
        let datagram = bound.next();
        match (count, &datagram.passed) {
            (0, Passed::Nothing) | (1, Passed::One(_)) | (2.., Passed::TooMany) => {}
            other => panic!("{other:?}"),
        }
        assert_eq!((datagram.bytes.len(), datagram.truncated), (length.min(4096), length > 4096));
    }
    assert!(bound.socket.receive().expect("open").is_none());
    assert_eq!(descriptors_of(Pid::own()), before);
    // Nor does the kernel hold one: this was the last.
    drop(write);
    assert_eq!(read_to_end(read), "");
}

fn no_room() {
    let bound = Bound::new();
    let (_read, write) = output_pipe().expect("pipe");
    for count in [1, 2, MOST] {
        send(&bound.path, b"BARRIER=1", &vec![write.as_fd(); count]);
    }
    let before = limit_descriptors(Pid::own(), 32);
    let mut filling: Vec<OwnedFd> = Vec::new();
    while let Ok(another) = write.try_clone() {
        filling.push(another);
    }
    let passed: Vec<Passed> =
        (0..3).map(|_| bound.socket.receive().expect("open").expect("sent").passed).collect();
    drop(filling);
    limit_descriptors(Pid::own(), before);
    assert!(passed.iter().all(|passed| matches!(passed, Passed::NoRoom)), "{passed:?}");
}
