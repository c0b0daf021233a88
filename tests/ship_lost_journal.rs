//! What an account shows of earlier runs, after replies or the journal were lost: each effect happens once.
#![allow(clippy::unwrap_used)]

mod common;

use std::collections::BTreeMap;

use common::one_ad::{one_ad, run, ship};
use common::ship_setup::{ShipSetup, lengthen, once_each};

fn lose_journal(setup: &ShipSetup) {
    for more in ["", "-wal", "-shm"] {
        let _ = std::fs::remove_file(setup.dir.path(&format!(".greenlit/journal.db{more}")));
    }
}

/// Counts the images by their bytes.
fn images(setup: &ShipSetup) -> BTreeMap<String, usize> {
    let mut images = BTreeMap::new();
    for image in setup.effects("image_created") {
        *images.entry(image["md5"].as_str().unwrap().to_owned()).or_default() += 1;
    }
    images
}

#[test]
fn a_run_without_its_journal_creates_no_ad_again_that_is_not_listed_yet() {
    let setup = one_ad(&["--visibility-lag", "10s..10s"], "45s", "13s");
    run(ship(&setup, &[])).expect(0);
    lose_journal(&setup);
    run(ship(&setup, &[])).expect(0);
    assert_eq!((setup.ads(), setup.videos().len()), (once_each(&["one"]), 1));
    assert!(images(&setup).values().all(|count| *count == 1), "{:?}", images(&setup));
}

#[test]
fn covers_whose_replies_are_lost_are_uploaded_once() {
    let names = ["one", "two", "three", "four", "five", "six"];
    let faults = ["--fault", "drop-after-effect=0.3", "--fault", "html-body=0.2", "--seed", "3"];
    let setup = one_ad(&[&faults[..], &["--visibility-lag", "100ms..300ms"]].concat(), "40s", "2s");
    let mut rows = Vec::new();
    for (index, name) in names.iter().enumerate() {
        let clip = format!("clips/{name}.mov");
        lengthen(&setup.dir.put(common::one_ad::COMPLIANT, &clip), 16 + u32::try_from(index).unwrap());
        rows.push((clip, *name));
    }
    let rows: Vec<(&str, &str)> = rows.iter().map(|(clip, name)| (clip.as_str(), *name)).collect();
    setup.manifest(&rows);
    let done = (0..6).any(|_| run(ship(&setup, &[])).code == Some(0));
    assert!(done, "{}", setup.status());
    assert_eq!(setup.ads(), once_each(&names));
    assert!(images(&setup).values().all(|count| *count == 1), "{:?}", images(&setup));
}
