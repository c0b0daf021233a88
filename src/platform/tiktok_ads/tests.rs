//! Tests of the client without a server: refused options and the classes of replies.
#![allow(clippy::unwrap_used)]

use reqwest::StatusCode;
use secrecy::SecretString;

use super::calls::{mutation, read};
use super::wire::Envelope;
use super::*;
use crate::platform::{CallError, Class};

const TOKEN: &str = "tok-5f2a-never-shown";

fn options() -> ClientOptions {
    ClientOptions::new("http://127.0.0.1:1", "7000000000000000001", SecretString::from(TOKEN))
}

fn client() -> TikTokAds {
    TikTokAds::new(options()).unwrap()
}

#[tokio::test]
async fn rejects_invalid_options() {
    let refused = |change: fn(&mut ClientOptions)| {
        let mut options = options();
        change(&mut options);
        let error = TikTokAds::new(options).unwrap_err();
        assert!(!format!("{error:?} {error}").contains(TOKEN));
        error
    };
    let error = refused(|options| options.advertiser_id = "my shop".into());
    assert!(matches!(error, ConfigurationError::Advertiser(_)));
    for bad in ["", "two words", "line\nbreak", "tök"] {
        let mut options = options();
        options.token = SecretString::from(bad);
        assert!(matches!(TikTokAds::new(options), Err(ConfigurationError::Token(_))), "{bad}");
    }
    let error = refused(|options| options.base_url = "https://sandbox-ads.tiktok.com".into());
    assert!(matches!(error, ConfigurationError::Refused { .. }));
    refused(|options| options.bandwidth = Some(0));
    assert_eq!(client().origin, "http://127.0.0.1:1");
    let named = ClientOptions { origin: Some("sandbox:here".into()), ..options() };
    assert_eq!(TikTokAds::new(named).unwrap().origin, "sandbox:here");
}

#[tokio::test]
async fn debug_output_and_errors_hide_the_token() {
    let client = client();
    assert!(!format!("{client:?}").contains(TOKEN));
    let error = client.error("ad/get/", Class::Permanent, &format!("token {TOKEN} is bad"));
    assert_eq!(error.message, "token [token] is bad");
    let echo =
        Envelope { code: 40105, message: TOKEN.into(), request_id: None, data: serde_json::Value::Null };
    let error = client.check_envelope(read("ad/get/"), echo).unwrap_err();
    assert!(!format!("{error:?} {error}").contains(TOKEN));
}

#[tokio::test]
async fn an_error_has_advice_and_the_request_id() {
    let envelope = |code| Envelope {
        code,
        message: "message".into(),
        request_id: Some("r1".into()),
        data: serde_json::Value::Null,
    };
    let client = client();
    let error_of = |code| client.check_envelope(read("ad/get/"), envelope(code)).unwrap_err();
    let error = error_of(40105);
    assert_eq!((error.class, error.code), (Class::ReAuthenticate, Some(40105)));
    assert!(error.message.contains("authorise the app again"), "{error}");
    assert_eq!(error.request_id.as_deref(), Some("r1"));
    assert_eq!(error_of(40100).class, Class::Throttle);
    assert!(client.check_envelope(read("ad/get/"), envelope(20001)).is_ok());
}

#[tokio::test]
async fn a_reply_that_is_not_from_the_api_leaves_a_mutation_unknown() {
    let client = client();
    let class = |status: u16| {
        let status = StatusCode::from_u16(status).unwrap();
        let of = |endpoint| client.non_api_reply(endpoint, status).class;
        (of(read("ad/get/")), of(mutation("ad/create/")))
    };
    for status in [200, 408, 500, 502, 504] {
        assert_eq!(class(status), (Class::Retry, Class::Unknown), "{status}");
    }
    assert_eq!(class(429), (Class::Throttle, Class::Throttle));
    assert_eq!(class(401).1, Class::ReAuthenticate);
    assert_eq!(class(404).1, Class::Configuration);
    assert_eq!(class(302).1, Class::Configuration);
    assert_eq!(class(413).1, Class::Permanent);
}

#[tokio::test]
async fn a_success_reply_without_an_id_leaves_the_mutation_unknown() {
    let client = client();
    let reply = Envelope::read(br#"{"code":0,"data":[{"fix_task_id":"f"}]}"#).unwrap();
    let error: CallError = client.new_id(mutation("file/video/ad/upload/"), &reply, "video_id").unwrap_err();
    assert_eq!(error.class, Class::Unknown);
}
