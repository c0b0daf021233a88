//! A proxy with low bandwidth and high latency, as in real networks.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

/// Starts a proxy to port `to` and returns its port. It limits requests to `bytes_a_second` and delays
/// replies by `delay`.
pub fn slow_proxy(to: u16, bytes_a_second: usize, delay: Duration) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for client in listener.incoming().flatten() {
            let Ok(server) = TcpStream::connect(("127.0.0.1", to)) else { continue };
            let (to_client, from_server) = (client.try_clone().unwrap(), server.try_clone().unwrap());
            std::thread::spawn(move || forward(client, server, Some(bytes_a_second), Duration::ZERO));
            std::thread::spawn(move || forward(from_server, to_client, None, delay));
        }
    });
    port
}

fn forward(mut from: TcpStream, mut to: TcpStream, rate: Option<usize>, delay: Duration) {
    let mut buffer = vec![0; 16 << 10];
    while let Ok(count @ 1..) = from.read(&mut buffer) {
        if let Some(rate) = rate {
            std::thread::sleep(Duration::from_secs_f64(count as f64 / rate as f64));
        }
        std::thread::sleep(delay);
        if to.write_all(&buffer[..count]).is_err() {
            break;
        }
    }
    let _ = to.shutdown(std::net::Shutdown::Write);
}
