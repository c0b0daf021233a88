//! An asset on its way to its publications.

use std::sync::Arc;

use super::RowDelivery;
use super::context::Context;
use super::journaled_item::JournaledItem;
use crate::platform::Row;

/// An asset on its way to its publications.
pub(super) struct Shipment<'a> {
    pub(super) context: &'a Arc<Context>,
    pub(super) item: JournaledItem<'a>,
    pub(super) rows: Vec<Row>,
    /// `None` while the publications were not reached.
    pub(super) deliveries: Option<Vec<RowDelivery>>,
    /// Uploads that failed in this run for reasons unrelated to the file.
    pub(super) unrelated_failures: u32,
    /// Whether this run saw the video published, and not an earlier one.
    pub(super) published_now: bool,
}

impl Shipment<'_> {
    /// Returns the MD5 of the file that was sent, or of the one that will be.
    pub(super) fn md5(&self) -> String {
        let sent = self.item.record.artifact.as_ref().map(|artifact| artifact.md5.clone());
        sent.unwrap_or_else(|| self.item.first_asset.content().md5.clone())
    }
}
