//! Tests of the simple interface with real media, as another program uses it.
#![allow(clippy::unwrap_used)]

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, Mutex};

use greenlit::ending::Ending;
use greenlit::plan::Action;
use greenlit::{
    Checker, DeliveryState, ErrorKind, Event, Fixer, Progress, Severity, Shipper, Verdict, Workers,
};

fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name)
}

fn checker() -> Checker {
    let worker = Workers::Program(env!("CARGO_BIN_EXE_greenlit-worker").into());
    Checker::builder().builtin_profile("tiktok-ads").workers(worker).build().unwrap()
}

#[test]
fn a_folder_is_checked_in_the_order_of_its_paths_and_each_file_has_its_verdict() {
    let folder = tempfile::tempdir().unwrap();
    let put = |from: &str, to: &str| std::fs::copy(fixture(from), folder.path().join(to)).unwrap();
    put("firefox-media-bunny_hd_5s.mp4", "b.mp4");
    put("npm-vide-ocean.webm", "a.webm");
    std::fs::write(folder.path().join("c.txt"), "no media").unwrap();
    std::fs::write(folder.path().join("d.mp4"), "no media, but named like it").unwrap();
    let told = Mutex::new(Vec::new());
    let files = checker()
        .check_folder_with(folder.path(), |event| {
            if let Event::Checked { path } = event {
                told.lock().unwrap().push(path.to_owned());
            }
        })
        .unwrap();
    told.lock().unwrap().sort();
    assert!(files.iter().map(|file| file.path()).eq(told.lock().unwrap().iter()));
    let verdicts: Vec<(&str, Verdict)> = files
        .iter()
        .map(|file| (file.path().file_name().unwrap().to_str().unwrap(), file.verdict()))
        .collect();
    let wanted = [
        ("a.webm", Verdict::Noncompliant),
        ("b.mp4", Verdict::Compliant),
        ("c.txt", Verdict::Skipped),
        ("d.mp4", Verdict::Unreadable),
    ];
    assert_eq!(verdicts, wanted);
    assert!(files[0].findings().any(|finding| finding.rule.to_string() == "container"));
    assert!(files[0].facts().is_some() && files[3].facts().is_none());
    assert!(files[3].failure().is_some_and(|reason| !reason.is_empty()));
}

#[test]
fn a_file_is_planned_then_fixed_with_progress_and_complies_afterwards() {
    let out = tempfile::tempdir().unwrap();
    let (checker, events) = (checker(), Mutex::new(Vec::new()));
    let fixer = Fixer::builder(checker.clone(), out.path()).build().unwrap();
    let file = checker.check(fixture("npm-vide-ocean.webm")).unwrap();
    let plans = fixer.plan(&file);
    assert_eq!(plans.len(), 1);
    assert!(std::fs::read_dir(out.path()).unwrap().next().is_none(), "a plan wrote something");
    let outcomes = fixer.fix_with(&file, |event| events.lock().unwrap().push(format!("{event:?}"))).unwrap();
    assert_eq!(outcomes.len(), 1);
    assert_eq!(outcomes[0].ending, Ending::Fixed, "{outcomes:?}");
    let output = outcomes[0].output().unwrap();
    assert_eq!(checker.check(&output.path).unwrap().verdict(), Verdict::Compliant);
    assert!(events.lock().unwrap().iter().any(|event| event.starts_with("Advanced")));
    assert!(outcomes[0].reason().is_some_and(|reason| reason.contains("vp8")), "{outcomes:?}");
    let small = checker.check(fixture("npm-js-ffmpeg-iphone_rotated.mov")).unwrap();
    let refused = &fixer.fix(&small).unwrap()[0];
    assert!(refused.output().is_none() && refused.ending.to_string() == "refused", "{refused:?}");
    assert!(refused.reason().is_some_and(|reason| reason.contains("must be enlarged")), "{refused:?}");
    let complies = checker.check(fixture("firefox-media-bunny_hd_5s.mp4")).unwrap();
    let copied = &fixer.fix(&complies).unwrap()[0];
    assert!(copied.output().is_some_and(|output| output.path.starts_with(out.path())), "{copied:?}");
    let again = fixer.fix(&file).unwrap();
    assert!(again[0].output().is_some_and(|output| output.reused));
}

#[test]
fn errors_tell_whose_fault_they_are() {
    let kind = |error: greenlit::Error| (error.kind(), error.to_string());
    let (wrong, text) = kind(Checker::builder().builtin_profile("tiktok").build().err().unwrap());
    assert!(wrong == ErrorKind::NotFound && text.contains("tiktok-ads"), "{text}");
    assert_eq!(Checker::builder().build().err().unwrap().kind(), ErrorKind::Usage);
    assert_eq!(checker().check("no/such/file.mp4").err().unwrap().kind(), ErrorKind::NotFound);
    assert_eq!(checker().check(fixture("")).err().unwrap().kind(), ErrorKind::Usage);
    let missing = Workers::Program("/no/such/worker".into());
    let checker = Checker::builder().builtin_profile("tiktok-ads").workers(missing).build().unwrap();
    let error = checker.check(fixture("pypi-gradio-b.avi")).err().unwrap();
    assert_eq!(error.kind(), ErrorKind::Worker);
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("/no/such/worker"));
}

#[test]
fn a_manifest_is_shipped_once_and_a_wrong_row_sends_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    std::fs::create_dir(path("inbox")).unwrap();
    std::fs::copy(fixture("firefox-media-bunny_hd_5s.mp4"), path("bunny.mp4")).unwrap();
    let shipper = || {
        let inbox = path("inbox").to_str().unwrap().to_owned();
        Shipper::builder(checker(), "folder", path("state")).base_url(&inbox).build().unwrap()
    };
    std::fs::write(path("wrong.csv"), "video,title\nbunny.mp4,a title\n").unwrap();
    let error = shipper().ship_manifest(path("wrong.csv"), |_| {}).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Manifest);
    assert!(error.to_string().contains("line 2, title"), "{error}");
    let listed = || std::fs::read_dir(path("inbox")).unwrap().count();
    assert_eq!(listed(), 0);
    std::fs::write(path("rows.csv"), "video,entry\nbunny.mp4,first\n").unwrap();
    let events = Arc::new(Mutex::new(0));
    let counted = Arc::clone(&events);
    let shipped = shipper().ship_manifest(path("rows.csv"), move |_| *counted.lock().unwrap() += 1).unwrap();
    assert_eq!(shipped.cut_off, None);
    assert_eq!(shipped.deliveries[0].state, DeliveryState::Published, "{shipped:?}");
    assert!(*events.lock().unwrap() > 0);
    let after_first = listed();
    assert!(after_first > 0);
    let again = shipper().ship_manifest(path("rows.csv"), |_| {}).unwrap();
    assert_eq!(again.deliveries[0].state, DeliveryState::Published);
    assert!(!again.deliveries[0].uploaded_now);
    assert_eq!(listed(), after_first);
}

#[test]
fn a_shipper_refuses_what_it_cannot_deliver_safely() {
    let state = tempfile::tempdir().unwrap();
    let kind = |builder: greenlit::ShipperBuilder| builder.build().err().unwrap().kind();
    assert_eq!(kind(Shipper::builder(checker(), "nowhere", state.path())), ErrorKind::NotFound);
    assert_eq!(kind(Shipper::builder(checker(), "tiktok-post", state.path())), ErrorKind::Usage);
    let without_token = Shipper::builder(checker(), "tiktok-ads", state.path()).account("1");
    assert_eq!(kind(without_token), ErrorKind::Destination);
}

#[test]
fn a_cancelled_checker_returns_at_once() {
    let checker = checker();
    checker.cancel();
    let file = checker.check(fixture("npm-vide-ocean.webm")).unwrap();
    assert_eq!(file.result.unwrap_err().ending, Ending::Interrupted);
}

#[test]
fn a_program_can_be_its_own_media_worker() {
    let program = Path::new(env!("CARGO_BIN_EXE_greenlit")).with_file_name("examples/check_and_fix");
    let out = tempfile::tempdir().unwrap();
    let run = Command::new(&program).arg(fixture("npm-vide-ocean.webm")).arg(out.path()).output();
    let run = run.unwrap_or_else(|error| panic!("{}: {error}; cargo build --examples", program.display()));
    let text = String::from_utf8_lossy(&run.stdout).into_owned();
    assert!(run.status.success(), "{run:?}");
    assert!(text.contains(": noncompliant") && text.contains("fixed: "), "{text}");
}

#[test]
fn what_is_displayed_is_the_name_in_json() {
    use DeliveryState::{Failed, GivenUp, Processing, Published, Publishing, Ready, Refused, Unconfirmed};
    use DeliveryState::{Uploaded, Uploading, Validated};
    fn check<T: std::fmt::Display + serde::Serialize>(values: &[T]) {
        for value in values {
            assert_eq!(serde_json::to_value(value).unwrap(), value.to_string());
        }
    }
    use Verdict::{Compliant, Indeterminate, Noncompliant, Skipped, Unreadable};
    check(&[Compliant, Noncompliant, Indeterminate, Unreadable, Skipped]);
    check(&[Severity::Advice, Severity::Warning, Severity::Error]);
    check(&[Action::None, Action::Copy, Action::ReencodeVideo, Action::Refused]);
    let endings =
        [Ending::Compliant, Ending::Noncompliant, Ending::Undecided, Ending::Fixable, Ending::Fixed];
    check(&endings);
    check(&[Ending::Interrupted, Ending::Skipped]);
    check(&[Validated, Uploading, Uploaded, Processing, Ready, Publishing, Published]);
    check(&[Failed, GivenUp, Refused, Unconfirmed]);
}

#[test]
fn the_fraction_of_a_job_is_between_0_and_1_and_unknown_without_a_total() {
    let fraction = |done_s, total_s| Progress { done_s, total_s, frames: 0 }.fraction();
    assert_eq!(fraction(1.0, Some(4.0)), Some(0.25));
    assert_eq!(fraction(4.1, Some(4.0)), Some(1.0));
    assert_eq!(fraction(1.0, Some(0.0)), None);
    assert_eq!(fraction(1.0, None), None);
}
