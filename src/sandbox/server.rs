//! Starts and stops the server, hands each request to its API, and logs it.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::StatusCode;
use axum::http::header::{DATE, HeaderValue};
use axum::response::{IntoResponse, Response};
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::app::{App, Ending};
use super::call::Call;
use super::clock::{Clock, http, precise};
use super::conn::{ConnectionCutter, CuttableListener, Gate};
use super::options::{SandboxError, SandboxOptions};
use super::store::{Record, Store};
use super::{ads_api, host, pages, post, post_put};

/// How long a shutdown waits for running requests.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);
/// A running sandbox. Dropping it stops it without waiting.
#[derive(Debug)]
pub struct Sandbox {
    addr: SocketAddr,
    stop: Option<oneshot::Sender<()>>,
    task: JoinHandle<()>,
}

impl Sandbox {
    /// Returns the listening address; the API is at `http://ADDR/open_api/v1.3/`.
    pub fn addr(&self) -> SocketAddr {
        self.addr
    }

    /// Stops listening, waits briefly for running requests, and releases the state folder.
    pub async fn shutdown(mut self) {
        if let Some(stop) = self.stop.take() {
            let _ = stop.send(());
        }
        if tokio::time::timeout(SHUTDOWN_GRACE, &mut self.task).await.is_err() {
            self.task.abort();
            let _ = (&mut self.task).await;
        }
    }
}

impl Drop for Sandbox {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Opens the state folder, listens, and serves in a task of the current runtime.
///
/// # Errors
/// [`SandboxError`] for an invalid option, an unusable state folder or an address in use.
pub async fn start(options: SandboxOptions) -> Result<Sandbox, SandboxError> {
    if !(options.time_scale.is_finite() && options.time_scale > 0.0) {
        return Err(SandboxError::Option("--time-scale must be a number greater than zero"));
    }
    let mut store = Store::open(&options.state)?;
    let clock = Clock::new(options.time_scale, store.state.latest);
    let state_error = |path: &PathBuf| {
        let path = path.clone();
        move |source| SandboxError::State { path, source }
    };
    store.put(vec![Record::Start { at: clock.now() }]).map_err(state_error(&options.state))?;
    let log = match &options.log {
        None => None,
        Some(path) => {
            Some(OpenOptions::new().create(true).append(true).open(path).map_err(state_error(path))?)
        }
    };
    let listen_error = |source| SandboxError::Listen { addr: options.listen, source };
    let listener = TcpListener::bind(options.listen).await.map_err(listen_error)?;
    let addr = listener.local_addr().map_err(listen_error)?;
    let gate: Arc<Gate> = Arc::default();
    let app = Arc::new(App::new(options, clock, store, log, addr, gate.clone()));
    let router = Router::new().fallback(entry).layer(DefaultBodyLimit::disable()).with_state(app);
    let (stop, stopped) = oneshot::channel();
    let service = router.into_make_service_with_connect_info::<ConnectionCutter>();
    let task = tokio::spawn(async move {
        let server = axum::serve(CuttableListener::new(listener, addr, gate), service)
            .with_graceful_shutdown(async move {
                let _ = stopped.await;
            });
        // The server runs until shutdown and returns no error.
        let _ = server.await;
    });
    Ok(Sandbox { addr, stop: Some(stop), task })
}

async fn entry(
    State(app): State<Arc<App>>,
    ConnectInfo(cutter): ConnectInfo<ConnectionCutter>,
    request: Request,
) -> Response {
    let path = request.uri().path().to_owned();
    if app.gate.is_shut() {
        cutter.cut();
        return StatusCode::OK.into_response();
    }
    if !host::is_expected(request.headers(), app.options.listen) {
        return (StatusCode::MISDIRECTED_REQUEST, "This server answers to loopback names only.\n")
            .into_response();
    }
    let mut call = Call::default();
    call.entry.method = request.method().to_string();
    call.entry.path.clone_from(&path);
    let ending = if let Some(tail) = path.strip_prefix(post::PREFIX) {
        call.ordinal = app.next_ordinal();
        post::serve(&app, tail, request, &mut call).await
    } else if let Some(key) = path.strip_prefix("/upload/") {
        call.ordinal = app.next_ordinal();
        post_put::serve(&app, key, request, &mut call).await
    } else if let Some(tail) = path.strip_prefix(ads_api::PREFIX) {
        ads_api::serve(&app, tail, request, &mut call).await
    } else {
        return pages::serve(&app, &path).await;
    };
    let now = app.clock.now();
    call.entry.time = precise(now);
    let mut response = match ending {
        Ending::Reply(response, code) => {
            call.entry.http = Some(response.status().as_u16());
            call.entry.code = code;
            response
        }
        Ending::Cut(code) => {
            call.entry.code = code;
            cutter.cut();
            StatusCode::OK.into_response()
        }
    };
    // The server library adds the date of the machine where there is none.
    let date = if app.options.no_date { "unknown".to_owned() } else { http(now) };
    response.headers_mut().extend(HeaderValue::from_str(&date).ok().map(|date| (DATE, date)));
    app.log.request(&call.entry);
    response
}
