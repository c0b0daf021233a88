//! Shows what is being uploaded, and what the platform is waited for.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use indicatif::ProgressBar;

use crate::cli::progress::{ProgressDisplay, name_of};
use crate::model::count;
use crate::ship::DeliveryState;

/// Displays the uploads of a run and the videos that the platform processes.
#[derive(Debug)]
pub struct DeliveryProgress {
    display: Arc<ProgressDisplay>,
    state: Mutex<Running>,
}

#[derive(Debug, Default)]
struct Running {
    uploads: BTreeMap<PathBuf, ProgressBar>,
    waiting: BTreeSet<PathBuf>,
    waiting_bar: Option<ProgressBar>,
}

impl DeliveryProgress {
    /// Creates the part of `display` that is about deliveries.
    pub fn new(display: &Arc<ProgressDisplay>) -> DeliveryProgress {
        DeliveryProgress { display: Arc::clone(display), state: Mutex::default() }
    }

    /// Shows that a video has a new state. `text` is a line about it, which bars make needless unless it is the last.
    pub fn change(&self, source: &Path, delivery: &DeliveryState, text: &str) {
        let is_step = matches!(
            delivery,
            DeliveryState::Validated
                | DeliveryState::Uploading
                | DeliveryState::Uploaded
                | DeliveryState::Processing
                | DeliveryState::Ready
                | DeliveryState::Publishing
        );
        if !(is_step && self.display.has_bars()) {
            self.display.print_line(text);
        }
        let Ok(mut running) = self.state.lock() else { return };
        if *delivery != DeliveryState::Uploading
            && let Some(bar) = running.uploads.remove(source)
        {
            bar.finish_and_clear();
        }
        match delivery {
            DeliveryState::Uploaded | DeliveryState::Processing => running.waiting.insert(source.to_owned()),
            _ => running.waiting.remove(source),
        };
        running.show_waiting(&self.display);
    }

    /// Shows how much of a video is sent.
    pub fn sent(&self, source: &Path, bytes: u64, total: u64) {
        let Ok(mut running) = self.state.lock() else { return };
        let bar = running.uploads.entry(source.to_owned()).or_insert_with(|| {
            let template = "  {prefix:<32!} {wide_bar} uploading {decimal_bytes} of {decimal_total_bytes}";
            self.display.add_bar(template, total).with_prefix(name_of(source))
        });
        bar.set_position(bytes);
        self.display.log_line(|| running.text());
    }

    /// Removes the bars.
    pub fn end(&self) {
        let Ok(mut running) = self.state.lock() else { return };
        let running = std::mem::take(&mut *running);
        running.uploads.into_values().chain(running.waiting_bar).for_each(|bar| bar.finish_and_clear());
    }
}

impl Running {
    fn show_waiting(&mut self, display: &ProgressDisplay) {
        if self.waiting.is_empty() {
            if let Some(bar) = self.waiting_bar.take() {
                bar.finish_and_clear();
            }
            return;
        }
        let bar = self.waiting_bar.get_or_insert_with(|| {
            let bar = display.add_bar("  waiting {elapsed} for the platform to process {wide_msg}", 0);
            // Nothing else moves while the platform works.
            bar.enable_steady_tick(Duration::from_secs(1));
            bar
        });
        let names: Vec<String> = self.waiting.iter().map(|source| name_of(source)).collect();
        bar.set_message(format!("{}: {}", videos(self.waiting.len()), names.join(", ")));
    }

    fn text(&self) -> String {
        let upload = |(source, bar): (&PathBuf, &ProgressBar)| {
            let share = 100 * bar.position() / bar.length().unwrap_or(0).max(1);
            format!("uploading {} {share} %", name_of(source))
        };
        let mut parts: Vec<String> = self.uploads.iter().map(upload).collect();
        if !self.waiting.is_empty() {
            parts.push(format!("waiting for the platform to process {}", videos(self.waiting.len())));
        }
        format!("greenlit: {}", parts.join("; "))
    }
}

fn videos(number: usize) -> String {
    count(number as u64, "video", "videos")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::settings::ProgressMode;

    #[test]
    fn a_video_is_uploaded_then_waited_for_then_done() {
        let progress = DeliveryProgress::new(&Arc::new(ProgressDisplay::new(ProgressMode::Hidden)));
        let (one, two) = (Path::new("in/one.mp4"), Path::new("in/two.mp4"));
        let text = || progress.state.lock().map(|running| running.text()).unwrap_or_default();
        progress.change(one, &DeliveryState::Uploading, "");
        progress.sent(one, 25, 100);
        progress.sent(two, 0, 0);
        assert_eq!(text(), "greenlit: uploading one.mp4 25 %; uploading two.mp4 0 %");
        progress.change(one, &DeliveryState::Processing, "");
        assert_eq!(text(), "greenlit: uploading two.mp4 0 %; waiting for the platform to process 1 video");
        progress.change(two, &DeliveryState::Failed, "");
        progress.change(one, &DeliveryState::Ready, "");
        assert_eq!(text(), "greenlit: ");
    }
}
