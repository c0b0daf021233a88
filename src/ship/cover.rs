//! Covers: uploaded once by their bytes; repeated when in doubt, which harms nobody.

use std::io::Read;
use std::path::Path;

use super::DeliveryState;
use super::crash::crash_point;
use super::engine::{Abort, Context};
use super::journal::{Effect, EffectState, Resolution};
use super::publish::StepResult;
use super::upload::{MAX_SENDS, MutationOutcome, fate};

/// The largest picture the platform takes, in bytes.
const COVER_MAX: u64 = 50_000_000;

impl Context {
    /// Uploads a cover. An upload in doubt is simply repeated: a second copy harms nobody, and
    /// pictures cannot be searched for.
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
            recipe: 1,
        };
        let key = effect.key();
        let lock = self.lock_of(&key);
        let _one_at_a_time = lock.lock().await;
        let extension = path.extension().and_then(|end| end.to_str()).unwrap_or("jpg").to_ascii_lowercase();
        for sends in 0..MAX_SENDS {
            let record = self.journal.intend(&effect)?;
            crash_point!(self.crash, "image.after_intent");
            if let (EffectState::Done, Some(id)) = (record.state, &record.receipt) {
                return Ok(StepResult::Open(id.clone()));
            }
            if matches!(record.state, EffectState::Sent | EffectState::Unknown) {
                let reason = "in doubt; repeated, since a second copy is harmless".to_owned();
                self.journal.settle(&key, &Resolution::NotDone { reason }, None)?;
            }
            self.rest(sends).await?;
            self.journal.mark_sent(&key)?;
            // A copy of an earlier send may hold the name.
            let turn = if record.sends > 0 { format!("-{}", record.sends + 1) } else { String::new() };
            let name = format!("{}{turn}.{extension}", effect.name);
            let answer = self.call(self.platform.upload_image(path, &name)).await?;
            crash_point!(self.crash, "image.after_send_before_receipt");
            match answer {
                Ok(id) => {
                    self.journal.settle(&key, &Resolution::Done { receipt: id.clone() }, None)?;
                    crash_point!(self.crash, "image.after_receipt");
                    return Ok(StepResult::Open(id));
                }
                Err(error) => {
                    let reason = error.to_string();
                    let settled = Resolution::NotDone { reason: reason.clone() };
                    self.journal.settle(&key, &settled, error.request_id.as_deref())?;
                    if matches!(
                        fate(&error),
                        MutationOutcome::BadMedia | MutationOutcome::Refused | MutationOutcome::Stale
                    ) {
                        return Ok(StepResult::Shut(
                            DeliveryState::Failed,
                            format!("cover refused: {reason}"),
                        ));
                    }
                }
            }
        }
        Ok(StepResult::Shut(
            DeliveryState::Unconfirmed,
            format!("the cover was not taken in {MAX_SENDS} tries"),
        ))
    }
}

pub(super) fn hash_cover(path: &Path) -> std::io::Result<String> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(COVER_MAX + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > COVER_MAX {
        return Err(std::io::Error::other("larger than the platform takes"));
    }
    Ok(blake3::hash(&bytes).to_hex().to_string())
}
