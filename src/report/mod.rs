//! What people and tools read: one renderer a format.

mod document;

pub use document::{
    AdDelivery, Delivery, FileEntry, Fix, FixAction, Media, Report, SCHEMA, Summary, Tool, Verified,
};
