//! A server inside the test, which answers as the test wants.

use std::io::{Read as _, Write as _};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU16, AtomicUsize, Ordering};

/// A port that was free a moment ago.
pub(crate) fn port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A server that answers every request with one status; with 0 it takes it and never answers.
#[derive(Debug)]
pub(crate) struct Web {
    pub(crate) port: u16,
    status: Arc<AtomicU16>,
    asked: Arc<AtomicUsize>,
}

impl Web {
    pub(crate) fn answering(status: u16) -> Web {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let web = Web { port, status: Arc::new(status.into()), asked: Arc::default() };
        let (status, asked) = (Arc::clone(&web.status), Arc::clone(&web.asked));
        // It ends with the test.
        std::thread::spawn(move || {
            let mut held = Vec::new();
            for stream in listener.incoming().flatten() {
                asked.fetch_add(1, Ordering::SeqCst);
                match status.load(Ordering::SeqCst) {
                    0 => held.push(stream),
                    status => answer(stream, status),
                }
            }
        });
        web
    }

    pub(crate) fn answer(&self, status: u16) {
        self.status.store(status, Ordering::SeqCst);
    }

    pub(crate) fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn answer(mut stream: TcpStream, status: u16) {
    let _whoever_hangs_up_wants_none = stream.read(&mut [0; 1024]).and_then(|_| {
        let head = format!("HTTP/1.1 {status} So\r\nlocation: /other\r\ncontent-length: 5\r\n\r\n");
        stream.write_all(head.as_bytes())?;
        stream.write_all(b"hello")
    });
}
