//! Delivers the files of a run, and those once more whose open questions a person answered meanwhile.

use std::sync::{Arc, Mutex};

use tokio::sync::mpsc;

use super::context::Context;
use super::journal::{ItemKey, JournalError};
use super::locks::lock;
use super::request::{Prepared, ShipError};
use super::{Delivery, DeliveryState};

/// Delivers each file in its own task. After the last one, files with an answered question are delivered once more.
pub(super) async fn deliver_all(
    context: &Arc<Context>,
    sources: mpsc::Receiver<Prepared>,
) -> Result<Vec<Delivery>, ShipError> {
    let unconfirmed: Arc<Mutex<Vec<Prepared>>> = Arc::default();
    let deliver = |prepared: Prepared| {
        let (context, unconfirmed) = (Arc::clone(context), Arc::clone(&unconfirmed));
        async move {
            let delivery = super::asset::deliver(context, prepared.clone()).await?;
            if delivery.is_unconfirmed() {
                lock(&unconfirmed).push(prepared);
            }
            Ok(delivery)
        }
    };
    let mut deliveries = context.drive_all(sources, deliver).await?;
    let again = answered(context, std::mem::take(&mut lock(&unconfirmed)))?;
    if again.is_empty() || context.stop_reason().is_some() {
        return Ok(deliveries);
    }
    let (sender, sources) = mpsc::channel(again.len());
    for prepared in again {
        // The channel has a place for each.
        let _ = sender.try_send(prepared);
    }
    drop(sender);
    for delivery in context.drive_all(sources, deliver).await? {
        if let Some(earlier) = deliveries.iter_mut().find(|earlier| earlier.source == delivery.source) {
            *earlier = delivery.after(earlier);
        }
    }
    Ok(deliveries)
}

/// Returns the files with an answered question.
fn answered(context: &Context, unconfirmed: Vec<Prepared>) -> Result<Vec<Prepared>, JournalError> {
    let mut answered = Vec::new();
    for prepared in unconfirmed {
        let Prepared { source_blake3, profile_hash, .. } = prepared.clone();
        let key = ItemKey { source_blake3, profile_hash, destination: context.destination_key() };
        if context.journal.has_answer(&key)? {
            answered.push(prepared);
        }
    }
    Ok(answered)
}

impl Delivery {
    fn is_unconfirmed(&self) -> bool {
        let mut states = self.rows.iter().map(|row| &row.state).chain([&self.state]);
        states.any(|state| *state == DeliveryState::Unconfirmed)
    }

    /// Returns the delivery with what an earlier one of the same file did in the same run.
    fn after(mut self, earlier: &Delivery) -> Delivery {
        self.uploaded_now |= earlier.uploaded_now;
        self.published_now |= earlier.published_now;
        for row in &mut self.rows {
            row.created_now |= earlier.rows.iter().any(|it| it.row == row.row && it.created_now);
        }
        self
    }
}
