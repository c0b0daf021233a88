//! Checks one file and fixes it: `cargo run --example check_and_fix -- FILE OUT`.

// The output of an example is for a person.
#![allow(clippy::print_stdout)]

use greenlit::{Checker, Fixer, Workers};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    // This program is its own media worker, so that a hostile file cannot reach it.
    if greenlit::serve_if_worker() {
        return Ok(());
    }
    let mut args = std::env::args().skip(1);
    let (Some(path), Some(out)) = (args.next(), args.next()) else {
        return Err("usage: check_and_fix FILE OUT".into());
    };
    let checker = Checker::builder().builtin_profile("tiktok-ads").workers(Workers::ThisProgram).build()?;
    let file = checker.check(&path)?;
    println!("{path}: {}", file.verdict());
    for finding in file.findings() {
        println!("  {} {}: {}", finding.severity, finding.rule, finding.message);
    }
    let fixer = Fixer::builder(checker, out).build()?;
    for plan in fixer.plan(&file) {
        println!("  planned: {}", plan.action);
    }
    for outcome in fixer.fix(&file)? {
        match outcome.output() {
            Some(output) => println!("{}: {}", outcome.ending, output.path.display()),
            None => println!("{}: {}", outcome.ending, outcome.reason().unwrap_or_default()),
        }
    }
    Ok(())
}
