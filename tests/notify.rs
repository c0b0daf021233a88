//! `--notify` over loopback: what a server receives, when it receives it again, and what is never printed.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::sync::mpsc::{Receiver, channel};

use common::{CliRun, TestDir};
use hmac::{Hmac, KeyInit, Mac};
use serde_json::Value;
use sha2::Sha256;

const SECRET: &str = "s3cr3t-of-the-hook";

/// A request, as the server got it.
struct Request {
    head: String,
    body: String,
}

impl Request {
    fn header(&self, name: &str) -> Option<&str> {
        let lines = self.head.lines().filter_map(|line| line.split_once(": "));
        lines.filter(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.trim()).next()
    }

    fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Starts a server that gives each of these answers once.
fn server(answers: &'static [&'static str]) -> (u16, Receiver<Request>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let (sender, receiver) = channel();
    std::thread::spawn(move || {
        for answer in answers {
            let mut stream = listener.accept().unwrap().0;
            let mut reader = BufReader::new(stream.try_clone().unwrap());
            let mut request = Request { head: String::new(), body: String::new() };
            while !request.head.ends_with("\r\n\r\n") {
                reader.read_line(&mut request.head).unwrap();
            }
            let length = request.header("content-length").unwrap().parse().unwrap();
            reader.take(length).read_to_string(&mut request.body).unwrap();
            write!(stream, "HTTP/1.1 {answer}\r\ncontent-length: 0\r\nconnection: close\r\n\r\n").unwrap();
            sender.send(request).unwrap();
        }
    });
    (port, receiver)
}

fn folder() -> TestDir {
    let dir = TestDir::new();
    dir.put("firefox-media-bunny_hd_5s.mp4", "clip.mp4");
    dir
}

fn run(dir: &TestDir, arguments: &[&str], url: &str) -> CliRun {
    let mut command = dir.command(arguments);
    command.args(["--notify", url]).env("GREENLIT_NOTIFY_SECRET", format!("{SECRET}\n"));
    CliRun::of(command.output().unwrap())
}

fn assert_signed(request: &Request) {
    let mut mac = Hmac::<Sha256>::new_from_slice(SECRET.as_bytes()).unwrap();
    mac.update(request.body.as_bytes());
    let hex = request.header("x-greenlit-signature").unwrap().strip_prefix("sha256=").unwrap();
    let tag: Vec<u8> =
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
    mac.verify_slice(&tag).unwrap();
}

#[test]
fn each_command_sends_its_result_with_a_signature() {
    let dir = folder();
    dir.write(
        "greenlit.toml",
        "[[build]]\nname = \"ads\"\nsources = [\"clip.mp4\"]\nprofile = \"tiktok-ads\"\nout = \"built\"\n",
    );
    let commands: [(&str, &[&str]); 5] = [
        ("check", &["check", "clip.mp4", "--format", "json", "--output", "report.json"]),
        (
            "check",
            &["check", "clip.mp4", "--format", "sarif", "--output", "report.json", "--report", "junit=r.xml"],
        ),
        ("fix", &["fix", "clip.mp4", "--out", "out", "--output", "report.json"]),
        ("build", &["build", "--format", "json", "--output", "report.json"]),
        ("ship", &["ship", "clip.mp4", "--to", "folder", "--base-url", "handed", "--output", "report.json"]),
    ];
    for (name, arguments) in commands {
        let (port, requests) = server(&["204 No Content"]);
        let run = run(&dir, arguments, &format!("http://127.0.0.1:{port}/hook")).expect(0);
        let request = requests.recv().unwrap();
        assert_signed(&request);
        assert!(request.head.starts_with("POST /hook HTTP/1.1"), "{}", request.head);
        assert_eq!(request.header("content-type"), Some("application/json"));
        let body = request.json();
        assert_eq!(body["schema"], "greenlit.notification/1");
        assert_eq!(body["command"], name);
        assert_eq!(body["exit_code"], 0);
        assert_eq!(body["interrupted"], false);
        assert_eq!(body["profiles"], serde_json::json!(["tiktok-ads"]));
        assert_eq!(body["summary"]["files"], 1, "{body}");
        assert_eq!(body["report"], "report.json");
        let reports = if arguments.contains(&"--report") { vec!["r.xml"] } else { Vec::new() };
        assert_eq!(body["reports"], serde_json::json!(reports));
        assert!(!run.stderr.contains("notification"), "{}", run.stderr);
    }
}

#[test]
fn a_result_without_a_report_is_sent_with_its_exit_code() {
    let dir = folder();
    let (port, requests) = server(&["200 OK"]);
    let url = format!("http://127.0.0.1:{port}");
    run(&dir, &["check", "clip.mp4", "missing.mp4"], &url).expect(2);
    let body = requests.recv().unwrap().json();
    assert_eq!(
        (&body["exit_code"], &body["summary"], &body["report"]),
        (&2.into(), &Value::Null, &Value::Null)
    );
}

#[test]
fn a_server_that_fails_for_a_moment_gets_the_same_notification_again() {
    let dir = folder();
    let (port, requests) = server(&["500 Internal Server Error", "429 Too Many Requests", "200 OK"]);
    let run = run(&dir, &["check", "clip.mp4"], &format!("http://127.0.0.1:{port}")).expect(0);
    let received: Vec<Request> = requests.iter().collect();
    assert_eq!(received.len(), 3);
    assert!(received.iter().all(|request| request.body == received[0].body));
    assert_signed(&received[2]);
    assert!(!run.stderr.contains("not delivered"), "{}", run.stderr);
}

#[test]
fn a_failed_notification_changes_no_exit_code_and_no_output_has_a_secret() {
    let dir = folder();
    let (refusing, requests) = server(&["404 Not Found"]);
    let (failing, _requests) = server(&["502 Bad Gateway"; 3]);
    let (redirecting, _redirected) = server(&["302 Found\r\nlocation: http://127.0.0.1:9/elsewhere"]);
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    for (port, reason) in [(refusing, "404"), (failing, "502"), (redirecting, "302"), (unused, "no reply")] {
        let url = format!("http://user:pa55word@127.0.0.1:{port}/h00k-path?key=qu3ry-key");
        let run = run(&dir, &["check", "clip.mp4", "--verbose"], &url).expect(0);
        assert!(run.stderr.contains("the notification to 127.0.0.1 was not delivered"), "{}", run.stderr);
        assert!(run.stderr.contains(reason), "{}", run.stderr);
        for secret in [SECRET, "user", "pa55word", "h00k-path", "qu3ry-key"] {
            assert!(!run.stdout.contains(secret) && !run.stderr.contains(secret), "{secret}: {}", run.stderr);
        }
    }
    let only = requests.iter().count();
    assert_eq!(only, 1, "a refusal is final");
}

#[test]
fn a_secret_file_signs_and_without_a_secret_nothing_is_signed() {
    let dir = folder();
    dir.write("secret", format!("{SECRET}\n"));
    let (port, requests) = server(&["200 OK", "200 OK"]);
    let url = format!("http://127.0.0.1:{port}");
    let arguments = ["check", "clip.mp4", "--notify", &url];
    dir.greenlit(&[&arguments[..], &["--notify-secret-file", "secret"]].concat()).expect(0);
    assert_signed(&requests.recv().unwrap());
    dir.greenlit(&arguments).expect(0);
    assert_eq!(requests.recv().unwrap().header("x-greenlit-signature"), None);
}

#[test]
fn an_unusable_address_or_secret_ends_the_command_before_it_begins() {
    let dir = folder();
    for url in ["http://hook.example/pa55word", "file:///pa55word", "pa55word"] {
        let run = run(&dir, &["check", "clip.mp4"], url).expect(2);
        assert!(run.stderr.contains("--notify") && !run.stderr.contains("pa55word"), "{}", run.stderr);
        assert_eq!(run.stdout, "");
    }
    let command = ["check", "clip.mp4", "--notify", "https://hook.example"];
    let empty = dir.command(&command).env("GREENLIT_NOTIFY_SECRET", " ").output().unwrap();
    let empty = CliRun::of(empty).expect(2);
    assert!(empty.stderr.contains("GREENLIT_NOTIFY_SECRET is empty"), "{}", empty.stderr);
}
