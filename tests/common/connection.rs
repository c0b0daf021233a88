//! A connection to the sandbox.

use greenlit::platform::Connection;
use greenlit::sandbox::TOKEN;
use secrecy::SecretString;

/// Returns a connection with the sandbox's token, without overrides and limits.
pub(crate) fn connection(base_url: impl Into<String>, account: impl Into<String>, tier: &str) -> Connection {
    let token = Some(SecretString::from(TOKEN));
    Connection { tier: tier.to_owned(), ..Connection::new(&base_url.into(), &account.into(), token) }
}
