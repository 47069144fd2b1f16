//! The fork server, watched by the runtime.

use hearken_sys::ForkServer;
use std::io;
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use tokio::io::Interest;
use tokio::net::UnixStream;

/// The fork server and the runtime's watch over its control socket.
#[derive(Debug)]
pub(crate) struct Watched {
    /// The fork server.
    pub(crate) server: ForkServer,
    /// A second descriptor of the control socket, for its readiness only. (To the runtime every
    /// Unix socket is a stream; nothing is read or written through this one.)
    watch: UnixStream,
}

impl Watched {
    /// Begins to watch. Must be called inside the runtime.
    ///
    /// # Errors
    /// If there is no descriptor left, or the runtime cannot watch it. The fork server is killed
    /// then, before its socket closes: its janitor would clear away every child it knows.
    pub(crate) fn new(server: ForkServer) -> io::Result<Self> {
        match watch(&server) {
            Ok(watch) => Ok(Self { server, watch }),
            Err(error) => {
                server.kill();
                Err(error)
            }
        }
    }

    /// Waits until the fork server has something to say. Whoever is woken takes all of it, inside
    /// [`Watched::take`].
    pub(crate) async fn readable(&self) {
        // An error shows again when it is read.
        let _shown_in_the_read = self.watch.readable().await;
    }

    /// Notes that there will be nothing more to say, and calls `take`, which takes all there is.
    /// In this order: what comes while it runs sets the watch off anew.
    pub(crate) fn take<T>(&mut self, take: impl FnOnce(&mut ForkServer) -> T) -> T {
        let nothing = || -> io::Result<()> { Err(io::ErrorKind::WouldBlock.into()) };
        let _would_block = self.watch.try_io(Interest::READABLE, nothing);
        take(&mut self.server)
    }
}

fn watch(server: &ForkServer) -> io::Result<UnixStream> {
    let watch = StdUnixStream::from(server.as_fd().try_clone_to_owned()?);
    watch.set_nonblocking(true)?;
    UnixStream::from_std(watch)
}
