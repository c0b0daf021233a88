//! Connections that a handler can cut: the listener gives each handler a cutter for its own socket.

use std::io;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::extract::connect_info::Connected;
use axum::serve::{IncomingStream, Listener};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Notify;

/// Cuts one connection. The server then fails to write its reply and drops the socket, so that the client
/// does not even receive a status line.
#[derive(Clone, Debug, Default)]
pub(super) struct ConnectionCutter(Arc<AtomicBool>);

impl ConnectionCutter {
    pub(super) fn cut(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    fn check(&self) -> io::Result<()> {
        if self.0.load(Ordering::SeqCst) { Err(io::ErrorKind::ConnectionReset.into()) } else { Ok(()) }
    }
}

/// Refuses connections while it is shut: the listening socket is closed.
#[derive(Debug, Default)]
pub(super) struct Gate {
    /// The end of the refusals; `None` inside for never.
    shut: Mutex<Option<Option<Instant>>>,
    changed: Notify,
}

impl Gate {
    /// Refuses connections for this long, or for ever.
    pub(super) fn shut(&self, time: Option<Duration>) {
        *self.lock() = Some(time.map(|time| Instant::now() + time));
        self.changed.notify_one();
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Option<Option<Instant>>> {
        self.shut.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    pub(super) fn is_shut(&self) -> bool {
        self.lock().is_some_and(|until| until.is_none_or(|until| until > Instant::now()))
    }

    async fn opened(&self) {
        while self.is_shut() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

#[derive(Debug)]
pub(super) struct CuttableListener {
    listener: Option<TcpListener>,
    addr: SocketAddr,
    gate: Arc<Gate>,
}

impl CuttableListener {
    pub(super) fn new(listener: TcpListener, addr: SocketAddr, gate: Arc<Gate>) -> CuttableListener {
        CuttableListener { listener: Some(listener), addr, gate }
    }
}

#[derive(Debug)]
pub(super) struct CuttableStream {
    inner: TcpStream,
    cutter: ConnectionCutter,
}

impl Listener for CuttableListener {
    type Io = CuttableStream;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        loop {
            if self.gate.is_shut() {
                self.listener = None;
                self.gate.opened().await;
            }
            let Some(listener) = &self.listener else {
                self.listener = TcpListener::bind(self.addr).await.ok();
                tokio::time::sleep(Duration::from_millis(20)).await;
                continue;
            };
            let accepted = tokio::select! {
                accepted = listener.accept() => accepted,
                () = self.gate.changed.notified() => continue,
            };
            match accepted {
                Ok((inner, addr)) => {
                    return (CuttableStream { inner, cutter: ConnectionCutter::default() }, addr);
                }
                // Too many open files, or the client left: keep listening.
                Err(_) => tokio::time::sleep(Duration::from_millis(20)).await,
            }
        }
    }

    fn local_addr(&self) -> io::Result<SocketAddr> {
        Ok(self.addr)
    }
}

impl Connected<IncomingStream<'_, CuttableListener>> for ConnectionCutter {
    fn connect_info(stream: IncomingStream<'_, CuttableListener>) -> Self {
        stream.io().cutter.clone()
    }
}

impl AsyncRead for CuttableStream {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        self.cutter.check()?;
        Pin::new(&mut self.inner).poll_read(cx, buf)
    }
}

impl AsyncWrite for CuttableStream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        self.cutter.check()?;
        Pin::new(&mut self.inner).poll_write(cx, buf)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.cutter.check()?;
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }
}
