//! A call of a destination: its type, its error, and who observes an upload.

use std::future::Future;
use std::pin::Pin;

use super::Class;

/// A pending call; boxed so that the platform traits can be trait objects.
pub type Call<'a, T> = Pin<Box<dyn Future<Output = Result<T, CallError>> + Send + 'a>>;

/// The error of a failed call.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{endpoint}: {message}")]
pub struct CallError {
    /// The path of the call, without the base URL.
    pub endpoint: &'static str,
    /// The class of the reply.
    pub class: Class,
    /// The platform's return code; `None` when there was no valid reply.
    pub code: Option<i64>,
    /// The message of the platform or the transport, without secrets.
    pub message: String,
    /// The platform's request id, for its support.
    pub request_id: Option<String>,
}

/// Receives the progress of an upload and stores a token with which a later run can resume it.
///
/// A `Fn(u64)` receives the progress and stores no token.
pub trait UploadObserver: Send + Sync {
    /// Reports the number of bytes sent so far.
    fn sent(&self, bytes: u64);
    /// Returns the token stored last for an upload of the same bytes, in this run or an earlier one.
    fn resume_token(&self) -> Option<String> {
        None
    }
    /// Stores the platform's token for resuming the upload; `None` removes it.
    fn save_resume_token(&self, _token: Option<&str>) {}
}

impl<F: Fn(u64) + Send + Sync> UploadObserver for F {
    fn sent(&self, bytes: u64) {
        self(bytes);
    }
}

/// Returns a call that fails because the platform does not have it.
pub(super) fn not_offered<'a, T: Send + 'a>(endpoint: &'static str) -> Call<'a, T> {
    let message = "this platform does not offer this call".to_owned();
    let error = CallError { endpoint, class: Class::Configuration, code: None, message, request_id: None };
    Box::pin(std::future::ready(Err(error)))
}
