#![allow(clippy::unwrap_used)]

use crate::model::{
    Completeness, ImageHeader, ImageMetadata, ImageObstacle, MediaFacts, Rotation, Size, example,
};
use crate::plan::{
    Action, Applicability, FixOptions, FixPlan, ImageEncode, Machine, OutputContainer, Refusal, VideoPlan,
    plan,
};
use crate::profile::Profile;
use crate::rules::{Selection, Subject, assess};

/// Plans an image under a profile that adds these rules to that of ads.
fn planned(rules: &str, name: &str, change: impl FnOnce(&mut MediaFacts)) -> FixPlan {
    let text = format!("id = \"house\"\nextends = \"tiktok-ads\"\n{rules}");
    let profile = Profile::parse(&text, &Profile::builtin).unwrap();
    let mut facts = example::image();
    facts.image = Some(ImageHeader::default());
    change(&mut facts);
    let subject = Subject { facts: &facts, file_name: name, deep: None };
    let assessment = assess(&subject, &profile, &Selection::default());
    plan(&facts, &assessment, &profile, &FixOptions::default(), &Machine { cores: 2 })
}

fn encoded(plan: &FixPlan) -> (OutputContainer, &ImageEncode) {
    let spec = plan.spec.as_ref().unwrap();
    let Some(VideoPlan::Image(encode)) = &spec.video else { panic!("{plan:?}") };
    (spec.container, encode)
}

fn webp(facts: &mut MediaFacts) {
    facts.container = Some("webp_pipe".into());
}

const ONLY_JPEG: &str = "[rule.image-format]\nallow = [\"jpeg\"]\n";
const ONLY_WEBP: &str = "[rule.image-format]\nallow = [\"webp\"]\n";
const PRIVATE: &str = "[rule.metadata-privacy]\nseverity = \"error\"\n";

#[test]
fn compliant_image_is_copied_and_gets_the_extension_of_its_format() {
    let plan = planned("", "a.png", |_| {});
    assert_eq!((plan.action, plan.spec, plan.output_extension), (Action::Copy, None, None));
    let plan = planned("", "a.jpg", |_| {});
    assert_eq!((plan.action, plan.output_extension.as_deref()), (Action::Copy, Some("png")));
}

#[test]
fn png_is_written_for_transparency_and_for_formats_without_loss_and_else_jpeg() {
    let made = |rules: &str, change: fn(&mut MediaFacts)| {
        let plan = planned(rules, "a.webp", change);
        let (container, encode) = encoded(&plan);
        (container, encode.alpha_background.is_some())
    };
    assert_eq!(made("", webp), (OutputContainer::Jpeg, false));
    let clear = |facts: &mut MediaFacts| {
        webp(facts);
        facts.video[0].alpha = Some(true);
    };
    assert_eq!(made("", clear), (OutputContainer::Png, false));
    assert_eq!(made(ONLY_JPEG, clear), (OutputContainer::Jpeg, true));
    let drawing = |facts: &mut MediaFacts| facts.container = Some("gif".into());
    assert_eq!(made("", drawing), (OutputContainer::Png, false));
    // A PNG of 720x1280 pixels may need more than 3 MB.
    let small_file = "[rule.image-size]\nmax_bytes = 3000000\n";
    assert_eq!(made(small_file, drawing), (OutputContainer::Jpeg, false));
    assert_eq!(planned(small_file, "a.gif", drawing).spec.unwrap().max_size_bytes, Some(3_000_000));
}

#[test]
fn size_orientation_and_metadata_are_steps() {
    let plan = planned("", "a.png", |facts| {
        (facts.video[0].width, facts.video[0].height) = (Some(2880), Some(1620));
        facts.video[0].rotation = Rotation::Quarter;
        let metadata = vec![ImageMetadata::Exif, ImageMetadata::Gps];
        facts.image = Some(ImageHeader {
            color_profile: Some("Display P3".into()),
            metadata,
            ..ImageHeader::default()
        });
    });
    let (container, encode) = encoded(&plan);
    assert_eq!((plan.action, container), (Action::ReencodeVideo, OutputContainer::Png));
    assert_eq!((encode.coded, encode.scale), (Size::new(2880, 1620), Size::new(1440, 2560)));
    let texts: Vec<&str> = plan.steps.iter().map(|step| step.text.as_str()).collect();
    for text in [
        "colour profile Display P3 converted to sRGB",
        "orientation of the EXIF data applied to the pixels",
        "scaled from 1620x2880 to 1440x2560",
        "metadata removed: EXIF, GPS position",
    ] {
        assert!(texts.contains(&text), "{text}: {texts:?}");
    }
    assert_eq!(plan.output_extension, None);
}

#[test]
fn an_extension_of_the_same_format_is_kept() {
    let extension = |name: &str| {
        let plan = planned("", name, |facts| {
            facts.container = Some("jpeg_pipe".into());
            (facts.video[0].width, facts.video[0].height) = (Some(2880), Some(1620));
        });
        plan.output_extension
    };
    assert_eq!((extension("a.jpeg"), extension("a.JPG")), (None, None));
    assert_eq!(extension("a.png").as_deref(), Some("jpg"));
}

#[test]
fn metadata_alone_is_removed_without_loss_unless_it_turns_the_image() {
    let located = |facts: &mut MediaFacts| facts.privacy.location.push("EXIF GPS".into());
    assert_eq!(planned("", "a.png", located).action, Action::Copy);
    let plan = planned(PRIVATE, "a.png", located);
    assert_eq!(plan.action, Action::Remux);
    assert!(plan.steps.iter().all(|step| step.applicability == Applicability::Lossless), "{plan:?}");
    let turned = planned(PRIVATE, "a.png", |facts| {
        located(facts);
        facts.video[0].rotation = Rotation::Half;
    });
    assert_eq!(turned.action, Action::ReencodeVideo);
}

#[test]
fn images_that_cannot_be_decoded_as_displayed_are_refused() {
    let refused = |rules: &str, change: fn(&mut MediaFacts)| planned(rules, "a.webp", change).refusal;
    let heif = |facts: &mut MediaFacts| {
        facts.container = Some("mov".into());
        facts.major_brand = Some("heic".into());
    };
    assert_eq!(refused("", heif), Some(Refusal::StillImage));
    let obstacle = |facts: &mut MediaFacts, obstacle| {
        webp(facts);
        facts.image.as_mut().unwrap().obstacle = Some(obstacle);
    };
    assert_eq!(refused("", webp), None);
    let plan = planned("", "a.webp", |facts| obstacle(facts, ImageObstacle::Cmyk));
    assert_eq!(plan.refusal, Some(Refusal::NoBaseLayer));
    let plan = planned("", "a.webp", |facts| obstacle(facts, ImageObstacle::ComposedItems));
    assert_eq!(plan.refusal, Some(Refusal::NoDecoder));
    let huge = |facts: &mut MediaFacts| {
        webp(facts);
        (facts.video[0].width, facts.video[0].height) = (Some(10_001), Some(10_000));
    };
    assert_eq!(refused("", huge), Some(Refusal::NotProducible));
    let neither = |facts: &mut MediaFacts| facts.container = Some("png_pipe".into());
    assert_eq!(refused(ONLY_WEBP, neither), Some(Refusal::NotProducible));
    let cut = |facts: &mut MediaFacts| {
        facts.completeness = Completeness::Missing { first_missing_s: None, reason: "cut".into() };
    };
    assert_eq!(refused("", cut), Some(Refusal::MissingData));
}
