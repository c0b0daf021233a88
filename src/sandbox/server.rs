//! Starts and stops the server, and handles each request: faults, token, rate limit, parameters, handler, log.

use std::fs::OpenOptions;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use axum::Router;
use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::header::{DATE, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{Html, IntoResponse, Response};
use serde_json::Value;
use tokio::net::TcpListener;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;

use super::app::{App, Ending};
use super::call::{Call, drain};
use super::clock::{Clock, http, precise};
use super::conn::{ConnectionCutter, CuttableListener, Gate};
use super::fault::{Fault, SeededRandom};
use super::limits::MAX_VIDEO_BYTES;
use super::options::{SandboxError, SandboxOptions};
use super::read_fault::failed_read;
use super::reply::{self, HandlerResult, Refusal, envelope, not_found, throttled};
use super::routes::{ROUTES, dispatch};
use super::store::{Record, Store};
use super::{host, pages, post, post_put};

/// How long a shutdown waits for running requests.
const SHUTDOWN_GRACE: Duration = Duration::from_millis(500);
const PREFIX: &str = "/open_api/v1.3/";
/// The delay of a slow reply: longer than the platform's limit of ten seconds per request.
pub(super) const SLOW: Duration = Duration::from_secs(12);

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
    let method = request.method().clone();
    if app.gate.is_shut() {
        cutter.cut();
        return StatusCode::OK.into_response();
    }
    if !host::is_expected(request.headers(), app.options.listen) {
        return (StatusCode::MISDIRECTED_REQUEST, "This server answers to loopback names only.\n")
            .into_response();
    }
    let mut call = Call::default();
    call.entry.method = method.to_string();
    call.entry.path.clone_from(&path);
    let ending = if let Some(tail) = path.strip_prefix(post::PREFIX) {
        call.ordinal = app.next_ordinal();
        post::serve(&app, tail, request, &mut call).await
    } else if let Some(key) = path.strip_prefix("/upload/") {
        call.ordinal = app.next_ordinal();
        post_put::serve(&app, key, request, &mut call).await
    } else if let Some(tail) = path.strip_prefix(PREFIX) {
        ads(&app, tail, method, request, &mut call).await
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

async fn ads(app: &App, tail: &str, method: Method, request: Request, call: &mut Call) -> Ending {
    match ROUTES.iter().find(|(route, _)| *route == tail) {
        None => {
            drain(request.into_body()).await;
            Ending::Reply(not_found(), None)
        }
        Some((_, expected)) if *expected != method => {
            drain(request.into_body()).await;
            let text = "405 method not allowed";
            Ending::Reply((StatusCode::METHOD_NOT_ALLOWED, text).into_response(), None)
        }
        Some((endpoint, _)) => {
            call.ordinal = app.next_ordinal();
            serve(app, endpoint, request, call).await
        }
    }
}

async fn serve(app: &App, endpoint: &'static str, request: Request, call: &mut Call) -> Ending {
    let is_change = *request.method() == Method::POST;
    if is_change {
        app.any_change.store(true, Ordering::SeqCst);
    } else if let Some(failure) = app.read_failure(endpoint, call.ordinal) {
        return failed_read(app, failure, endpoint, request, call).await;
    }
    let scripted = match is_change {
        true => SeededRandom::scripted(&app.options.faults, app.next_mutation()),
        false => None,
    };
    let drawn = app.random.request_fault(&app.options.faults, endpoint == "ad/create/", call.ordinal);
    let fault = scripted.or(drawn);
    call.entry.fault = fault.map(Fault::name);
    let request_id = app.request_id(call.ordinal);
    match fault {
        Some(Fault::DropBeforeRequest(_)) => return Ending::Cut(None),
        Some(Fault::Throttle(_)) => {
            drain(request.into_body()).await;
            let refusal = throttled();
            return Ending::Reply(envelope(&Err(refusal), &request_id), Some(reply::THROTTLED));
        }
        Some(Fault::Answer(code, _)) => {
            drain(request.into_body()).await;
            let refusal = Refusal::new(code, "This code was requested with the fault answer-CODE.");
            return Ending::Reply(envelope(&Err(refusal), &request_id), Some(code));
        }
        Some(Fault::Http500(_)) => {
            drain(request.into_body()).await;
            let text = "Internal Server Error";
            return Ending::Reply((StatusCode::INTERNAL_SERVER_ERROR, text).into_response(), None);
        }
        Some(Fault::HtmlBody(_)) if app.random.bits("html-first", call.ordinal).is_multiple_of(2) => {
            drain(request.into_body()).await;
            return Ending::Reply(page().into_response(), None);
        }
        _ => {}
    }
    call.pretend_not_ready = matches!(fault, Some(Fault::NotReadyOnCreate(_)));
    let result = handle(app, endpoint, request, call).await;
    let code = Some(result.as_ref().err().map_or(0, |refusal| refusal.code));
    match fault {
        Some(Fault::DropAfterEffect(_)) => Ending::Cut(code),
        Some(Fault::HtmlBody(_)) => Ending::Reply(page().into_response(), code),
        Some(Fault::SlowReply(_)) => {
            tokio::time::sleep(app.clock.real(SLOW)).await;
            Ending::Reply(envelope(&result, &request_id), code)
        }
        _ => Ending::Reply(envelope(&result, &request_id), code),
    }
}

pub(super) fn page() -> Html<&'static str> {
    Html("<html><head><title>502 Bad Gateway</title></head><body>nginx</body></html>")
}

pub(super) async fn handle(
    app: &App,
    endpoint: &'static str,
    request: Request,
    call: &mut Call,
) -> HandlerResult {
    let admitted = app.authorise(request.headers(), call.ordinal).and_then(|()| app.admit(endpoint));
    if let Err(refusal) = admitted {
        drain(request.into_body()).await;
        return Err(refusal);
    }
    call.read(request, &app.tmp(), MAX_VIDEO_BYTES).await?;
    call.entry.advertiser_id = call.text("advertiser_id").map(str::to_owned);
    call.entry.video_id = call.text("video_id").map(str::to_owned);
    call.entry.file_name = call.text("file_name").map(str::to_owned);
    call.entry.md5 = call.file.as_ref().map(|file| file.md5.clone());
    dispatch(app, endpoint, call).await
}

/// Returns a value as an object, or a refusal that names the parameter.
pub(super) fn object<'a>(
    value: &'a Value,
    name: &str,
) -> Result<&'a serde_json::Map<String, Value>, Refusal> {
    value.as_object().ok_or_else(|| Refusal::parameter(format!("{name}: Not a valid object.")))
}
