//! Shows progress on standard error: a bar per running file on a terminal, a line every few seconds in a
//! log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::model::count;
use crate::pipeline::{Event, Observer};
use crate::report::escape;

use super::notices;
use super::settings::ProgressMode;

/// Interval between progress lines in a log.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Progress is shown only after this time, so that short runs print none.
const QUIET_START: Duration = Duration::from_millis(700);

/// Displays the progress of a run.
#[derive(Debug)]
pub struct ProgressDisplay {
    mode: ProgressMode,
    begin: Instant,
    bars: MultiProgress,
    state: Mutex<ProgressState>,
}

#[derive(Debug, Default)]
struct ProgressState {
    files: usize,
    checked: usize,
    outputs: usize,
    finished: usize,
    media_s: f64,
    /// Estimated processor time of all outputs, in seconds.
    total_core_s: f64,
    /// Processor time of the finished outputs, in seconds.
    finished_core_s: f64,
    batch_begin: Option<Instant>,
    batch: Option<ProgressBar>,
    running: BTreeMap<usize, ActiveTask>,
    last_line: Option<Instant>,
}

#[derive(Debug)]
struct ActiveTask {
    name: String,
    bar: ProgressBar,
    what: String,
    begin: Instant,
    total_s: Option<f64>,
    done_s: f64,
    /// Estimated processor time, in seconds.
    core_s: f64,
}

impl ProgressDisplay {
    /// Creates a display in this mode.
    pub fn new(mode: ProgressMode) -> ProgressDisplay {
        let target = match mode {
            ProgressMode::Bars => ProgressDrawTarget::stderr(),
            ProgressMode::Hidden | ProgressMode::Lines => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        ProgressDisplay { mode, begin: Instant::now(), bars, state: Mutex::new(ProgressState::default()) }
    }

    /// Clears the bars before the report is printed.
    pub fn end(&self) {
        if let Ok(mut state) = self.state.lock() {
            for running in std::mem::take(&mut state.running).into_values() {
                running.bar.finish_and_clear();
            }
            if let Some(batch) = state.batch.take() {
                batch.finish_and_clear();
            }
        }
        let _ = self.bars.clear();
    }

    /// Prints a line above the bars.
    pub fn print_line(&self, text: &str) {
        match self.mode {
            ProgressMode::Hidden => {}
            ProgressMode::Bars => {
                let _ = self.bars.println(notices::safe_line(text, notices::in_ci()));
            }
            ProgressMode::Lines => {
                notices::print(text);
            }
        }
    }

    /// Returns whether bars are shown, so that what they show needs no lines.
    pub fn has_bars(&self) -> bool {
        self.mode == ProgressMode::Bars
    }

    /// Adds a bar below the others.
    pub fn add_bar(&self, template: &str, length: u64) -> ProgressBar {
        // A bar must be hidden until it is added to the others, or it draws itself.
        let bar = ProgressBar::with_draw_target(Some(length), ProgressDrawTarget::hidden());
        self.bars.add(bar.with_style(style(template)))
    }

    /// Prints a line in a log, unless one was printed within the last seconds.
    pub fn log_line(&self, text: impl FnOnce() -> String) {
        if let Ok(mut state) = self.state.lock()
            && self.is_line_due(&mut state)
        {
            notices::print(&text());
        }
    }

    fn status_line(&self, state: &mut ProgressState) {
        if self.is_line_due(state) {
            notices::print(&state.status_text());
        }
    }

    fn is_line_due(&self, state: &mut ProgressState) -> bool {
        let is_due = self.mode == ProgressMode::Lines
            && self.begin.elapsed() >= QUIET_START
            && state.last_line.is_none_or(|last| last.elapsed() >= LINE_EVERY);
        if is_due {
            state.last_line = Some(Instant::now());
        }
        is_due
    }
}

impl ProgressState {
    fn status_text(&self) -> String {
        if self.outputs == 0 {
            return format!(
                "greenlit: checked {} of {}",
                self.checked,
                count(self.files as u64, "file", "files")
            );
        }
        let mut text = format!(
            "greenlit: {} of {} written",
            self.finished,
            count(self.outputs as u64, "output", "outputs")
        );
        if let Some(left) = self.remaining() {
            text.push_str(&format!(", about {} left", format_time(left)));
        }
        for running in self.running.values() {
            text.push_str(&format!("; {} {}", running.what, running.name));
            if let Some(total) = running.total_s.filter(|total| *total > 0.0) {
                text.push_str(&format!(" {:.0} %", 100.0 * (running.done_s / total).min(1.0)));
            }
        }
        text
    }

    /// Returns the processor time done so far, including running tasks, in seconds.
    fn done_core_s(&self) -> f64 {
        self.finished_core_s + self.running.values().map(ActiveTask::done_core_s).sum::<f64>()
    }

    /// Estimates the remaining time from the work done so far.
    fn remaining(&self) -> Option<Duration> {
        let elapsed = self.batch_begin?.elapsed().as_secs_f64();
        let done = self.done_core_s();
        let rest = self.total_core_s - done;
        (done > 0.0 && rest > 0.0 && elapsed > 1.0).then(|| seconds(elapsed / done * rest))
    }
}

impl Observer for ProgressDisplay {
    fn notice(&self, event: Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            // Shipping checks its files one by one.
            Event::Found { files } => state.files += files,
            Event::Checked { .. } => {
                state.checked += 1;
                self.show_checked(&mut state);
            }
            Event::Planned { outputs, media_s, core_s } => {
                if let Some(batch) = state.batch.take() {
                    batch.finish_and_clear();
                }
                state.outputs = outputs;
                state.media_s = media_s;
                state.total_core_s = core_s;
                state.batch_begin = Some(Instant::now());
                self.show_planned(&mut state);
            }
            Event::Started { work, path, what, media_s, core_s } => {
                self.show_started(&mut state, work, ActiveTask::new(path, what, media_s, core_s));
            }
            Event::Advanced { work, progress } => {
                if let Some(running) = state.running.get_mut(&work) {
                    running.done_s = progress.done_s;
                    running.total_s = progress.total_s.or(running.total_s);
                    running.update_bar();
                }
                self.update_batch_bar(&mut state);
                self.status_line(&mut state);
            }
            Event::Finished { work, outputs } => {
                if let Some(running) = state.running.remove(&work) {
                    running.bar.finish_and_clear();
                    // If the file is shorter than declared, the estimate of all work becomes smaller.
                    let done = running.done_core_s();
                    state.finished_core_s += done;
                    state.total_core_s -= running.core_s - done;
                    state.finished += outputs;
                }
                self.update_batch_bar(&mut state);
                self.status_line(&mut state);
            }
        }
    }
}

impl ProgressDisplay {
    fn show_checked(&self, state: &mut ProgressState) {
        let slow = self.begin.elapsed() > QUIET_START && state.files > 1;
        if self.mode == ProgressMode::Bars && slow {
            let files = state.files as u64;
            let batch = state
                .batch
                .get_or_insert_with(|| self.add_bar("checking {pos} of {len} files {wide_bar} {eta}", files));
            batch.set_position(state.checked as u64);
        }
        self.status_line(state);
    }

    fn show_planned(&self, state: &mut ProgressState) {
        if state.outputs == 0 {
            return;
        }
        self.print_line(&format!(
            "greenlit: {} to write, {} of media",
            count(state.outputs as u64, "output", "outputs"),
            format_time(seconds(state.media_s))
        ));
        if self.mode == ProgressMode::Bars {
            state.batch = Some(self.add_bar("{msg:<34!} {wide_bar} {percent:>3} %", 1000));
        }
    }

    fn show_started(&self, state: &mut ProgressState, task: usize, running: ActiveTask) {
        let bar = running.bar.clone();
        match &state.batch {
            Some(batch) => self.bars.insert_before(batch, bar),
            None => self.bars.add(bar),
        };
        state.running.insert(task, running);
        self.status_line(state);
    }

    fn update_batch_bar(&self, state: &mut ProgressState) {
        let Some(batch) = &state.batch else { return };
        if state.total_core_s > 0.0 {
            batch.set_position((1000.0 * (state.done_core_s() / state.total_core_s).min(1.0)) as u64);
        }
        let left = state.remaining().map_or(String::new(), |left| format!(", {} left", format_time(left)));
        batch.set_message(format!("{} of {} written{left}", state.finished, state.outputs));
    }
}

impl ActiveTask {
    fn new(path: &Path, what: &str, media_s: Option<f64>, core_s: f64) -> ActiveTask {
        // A bar must be hidden until it is added to the others, or it draws itself.
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
        let name = name_of(path);
        bar.set_style(style("  {prefix:<32!} {wide_bar} {msg}"));
        bar.set_prefix(name.clone());
        bar.set_message(what.to_owned());
        let (what, begin) = (what.to_owned(), Instant::now());
        ActiveTask { name, bar, what, begin, total_s: media_s, done_s: 0.0, core_s }
    }

    /// Returns the processor time done so far, in seconds.
    fn done_core_s(&self) -> f64 {
        let share = self.total_s.filter(|total| *total > 0.0).map_or(1.0, |total| self.done_s / total);
        self.core_s * share.clamp(0.0, 1.0)
    }

    fn update_bar(&self) {
        let Some(total) = self.total_s.filter(|total| *total > 0.0) else { return };
        self.bar.set_position((1000.0 * (self.done_s / total).min(1.0)) as u64);
        let elapsed = self.begin.elapsed().as_secs_f64();
        if elapsed > 0.5 && self.done_s > 0.0 {
            let speed = self.done_s / elapsed;
            let left = seconds((total - self.done_s) / speed);
            self.bar.set_message(format!("{} {speed:.1}x, {} left", self.what, format_time(left)));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}

/// Returns the name of a file without its folder.
pub fn name_of(path: &Path) -> String {
    escape(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

/// Returns a time span, which is never negative; an amount that is too large becomes the longest one.
fn seconds(amount: f64) -> Duration {
    Duration::try_from_secs_f64(amount.max(0.0)).unwrap_or(Duration::MAX)
}

fn format_time(time: Duration) -> String {
    let seconds = time.as_secs_f64().round() as u64;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds:02} s"),
        (hours, minutes, _) => format!("{hours} h {minutes:02} min"),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_file_shorter_than_declared_reduces_the_total_work() {
        let progress = ProgressDisplay::new(ProgressMode::Hidden);
        let (long, short) = (0, 1);
        let start = |work, media_s, core_s| {
            let path = Path::new("video.mp4");
            progress.notice(Event::Started { work, path, what: "reencode", media_s: Some(media_s), core_s });
        };
        let advance = |work, done_s, total_s| {
            let progress_made = crate::job::Progress { done_s, total_s: Some(total_s), frames: 0 };
            progress.notice(Event::Advanced { work, progress: progress_made });
        };
        progress.notice(Event::Planned { outputs: 2, media_s: 620.0, core_s: 310.0 });
        start(long, 600.0, 300.0);
        advance(long, 1.0, 600.0);
        progress.notice(Event::Finished { work: long, outputs: 1 });
        start(short, 20.0, 10.0);
        advance(short, 10.0, 20.0);
        let state = progress.state.lock().unwrap();
        // 0.5 s for the one second of the long file, and half of the 10 s of the short file.
        assert_eq!((state.total_core_s, state.done_core_s()), (10.5, 5.5));
    }

    /// Numbers come from a process that reads hostile files.
    #[test]
    fn absurd_progress_is_shown_without_a_panic() {
        let absurd = [1e-300, -1.0, 0.0, 1e300, f64::MIN_POSITIVE, f64::MAX, f64::INFINITY, f64::NAN];
        for mode in [ProgressMode::Hidden, ProgressMode::Bars, ProgressMode::Lines] {
            for (done_s, total_s) in absurd.into_iter().flat_map(|a| absurd.map(|b| (a, b))) {
                let progress = ProgressDisplay::new(mode);
                let (path, work, what) = (Path::new("video.mp4"), 0, "reencode");
                progress.notice(Event::Planned { outputs: 1, media_s: total_s, core_s: total_s });
                progress.notice(Event::Started { work, path, what, media_s: Some(done_s), core_s: total_s });
                {
                    // As if it had run for a while; at first no time is estimated.
                    let mut state = progress.state.lock().unwrap();
                    let earlier = Instant::now().checked_sub(Duration::from_secs(60));
                    state.batch_begin = earlier;
                    state.running.values_mut().for_each(|task| task.begin = earlier.unwrap_or(task.begin));
                }
                let step = crate::job::Progress { done_s, total_s: Some(total_s), frames: u64::MAX };
                progress.notice(Event::Advanced { work, progress: step });
                progress.state.lock().unwrap().status_text();
                progress.notice(Event::Finished { work, outputs: 1 });
                progress.end();
            }
        }
    }

    #[test]
    fn formats_times_in_hours_minutes_and_seconds() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (3661, "1 h 01 min")] {
            assert_eq!(format_time(Duration::from_secs(seconds)), text);
        }
    }
}
