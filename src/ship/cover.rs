//! Cover uploads: one per content; an upload of unknown outcome is repeated, since a second copy is harmless.

use std::io::Read;
use std::path::Path;

use super::DeliveryState;
use super::crash_points::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectState, Resolution};
use super::publish::StepResult;
use super::upload::{MAX_SENDS, MutationOutcome, mutation_outcome};

/// The largest cover image the platform accepts, in bytes.
const MAX_COVER_BYTES: u64 = 50_000_000;

impl Context {
    /// Uploads a cover. An upload of unknown outcome is repeated: a second copy is harmless, and the platform has
    /// no search for images.
    pub(super) async fn upload_cover(&self, path: &Path, hash: String) -> Result<StepResult<String>, Abort> {
        let effect = Effect {
            kind: "image",
            origin: self.platform.origin().to_owned(),
            advertiser: self.platform.advertiser_id().to_owned(),
            scope: String::new(),
            name: format!("cover-{}", hash.chars().take(12).collect::<String>()),
            content: hash,
            md5: None,
            size_bytes: None,
            encode_mode: 1,
        };
        let key = effect.key();
        let lock = self.lock_for(&key);
        let _one_at_a_time = lock.lock().await;
        let extension =
            path.extension().and_then(|extension| extension.to_str()).unwrap_or("jpg").to_ascii_lowercase();
        for sends in 0..MAX_SENDS {
            let record = self.journal.record_intent(&effect)?;
            crash_point!(self.crash, "image.after_intent");
            if let (EffectState::Done, Some(id)) = (record.state, &record.receipt) {
                return Ok(StepResult::Continue(id.clone()));
            }
            if matches!(record.state, EffectState::Sent | EffectState::Unknown) {
                let reason = "outcome unknown; repeated, since a second copy is harmless".to_owned();
                self.journal.record_resolution(&key, &Resolution::NotDone { reason }, None)?;
            }
            self.wait_before_send(sends).await?;
            self.journal.mark_sent(&key)?;
            // A copy of an earlier send may have the name.
            let suffix = if record.sends > 0 { format!("-{}", record.sends + 1) } else { String::new() };
            let name = format!("{}{suffix}.{extension}", effect.name);
            let answer = self.call(self.platform.upload_image(path, &name)).await?;
            crash_point!(self.crash, "image.after_send_before_receipt");
            match answer {
                Ok(id) => {
                    self.journal.record_resolution(&key, &Resolution::Done { receipt: id.clone() }, None)?;
                    crash_point!(self.crash, "image.after_receipt");
                    return Ok(StepResult::Continue(id));
                }
                Err(error) => {
                    let reason = error.to_string();
                    let resolution = Resolution::NotDone { reason: reason.clone() };
                    self.journal.record_resolution(&key, &resolution, error.request_id.as_deref())?;
                    if matches!(
                        mutation_outcome(&error),
                        MutationOutcome::BadMedia | MutationOutcome::Refused | MutationOutcome::Stale
                    ) {
                        return Ok(StepResult::EndRow(
                            DeliveryState::Failed,
                            format!("cover refused: {reason}"),
                        ));
                    }
                }
            }
        }
        Ok(StepResult::EndRow(
            DeliveryState::Unconfirmed,
            format!("upload of the cover failed {MAX_SENDS} times"),
        ))
    }
}

pub(super) fn hash_cover(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(MAX_COVER_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_COVER_BYTES {
        let message = format!("larger than the {MAX_COVER_BYTES} bytes that the platform accepts");
        return Err(std::io::Error::other(message));
    }
    Ok(blake3::hash(&bytes).to_hex().to_string())
}
