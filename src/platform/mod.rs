//! The interfaces between delivery and the platforms' APIs, and the classes of replies.

mod call;
mod class;
mod columns;
mod destination;
pub mod folder;
mod http_client;
mod loopback;
mod mutation;
mod name_match;
pub mod registry;
mod row;
mod server_clock;
mod spreadsheet_id;
pub mod tiktok_ads;
pub mod tiktok_post;
mod upload_body;

pub use call::{Call, CallError, UploadObserver};
pub use class::{Class, UnknownClass};
pub use destination::{
    Awaited, CallCounts, ConnectError, Connection, CoverLimits, Defaults, Destination, Platform, Progress,
    PublicationKind, PublicationName, PublicationTime, Quota,
};
pub(crate) use http_client::http_client;
pub(crate) use loopback::is_loopback;
pub use mutation::{
    EffectKind, Failure, FailureMeaning, Mutation, MutationOutcome, NewPublication, OpenedUpload, SentEffect,
    Sighting,
};
pub use row::{COVER, Problem, ProblemKind, Row, VIDEO};
pub(crate) use row::{RowProblems, digest, place};
pub use upload_body::Timeouts;
