//! A proxy that answers some requests with one byte now and then, for ever, and forwards the others.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The path of landing pages.
pub const LANDING: &str = "/landing/";

/// A running proxy.
pub struct DripProxy {
    pub port: u16,
    dripping: Arc<AtomicUsize>,
}

impl DripProxy {
    /// Starts a proxy to port `to`: requests whose path contains `path` get a body that never ends.
    pub fn start(to: u16, path: &'static str) -> DripProxy {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let dripping = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&dripping);
        std::thread::spawn(move || {
            for client in listener.incoming().flatten() {
                let count = Arc::clone(&count);
                std::thread::spawn(move || serve(client, to, path, &count));
            }
        });
        DripProxy { port, dripping }
    }

    /// Returns the number of requests that got such a reply.
    pub fn dripping(&self) -> usize {
        self.dripping.load(Ordering::SeqCst)
    }
}

fn serve(mut client: TcpStream, to: u16, path: &str, dripping: &AtomicUsize) -> Option<()> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        client.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let text = String::from_utf8(head).ok()?;
    if text.split(' ').nth(1)?.contains(path) {
        // The request is read by the system's buffers and this thread, so that an upload can end.
        let mut rest = client.try_clone().ok()?;
        std::thread::spawn(move || std::io::copy(&mut rest, &mut std::io::sink()));
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n").ok()?;
        // Of a landing page only the head is read.
        let more = if path == LANDING { "x-drip: " } else { "content-length: 1000000\r\n\r\n" };
        client.write_all(more.as_bytes()).ok()?;
        dripping.fetch_add(1, Ordering::SeqCst);
        loop {
            client.write_all(b" ").ok()?;
            std::thread::sleep(Duration::from_millis(200));
        }
    }
    // Each connection carries one request, so that each is looked at.
    let text = text.replacen("\r\n", "\r\nconnection: close\r\n", 1);
    let mut server = TcpStream::connect(("127.0.0.1", to)).ok()?;
    server.write_all(text.as_bytes()).ok()?;
    let (mut from, mut into) = (client.try_clone().ok()?, server.try_clone().ok()?);
    std::thread::spawn(move || std::io::copy(&mut from, &mut into));
    std::io::copy(&mut server, &mut client).ok()?;
    client.shutdown(Shutdown::Both).ok()
}
