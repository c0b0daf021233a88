//! Progress on standard error: a bar for each running file on a terminal, a line every few seconds
//! in a log.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::Path;
use std::sync::Mutex;
use std::time::{Duration, Instant};

use indicatif::{MultiProgress, ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::pipeline::{Event, Observer};
use crate::report::escape;

use super::settings::ProgressMode;

/// How often a log hears of long work.
const LINE_EVERY: Duration = Duration::from_secs(5);
/// Short runs stay silent for this long.
const QUIET_START: Duration = Duration::from_millis(700);

/// Shows what happens.
#[derive(Debug)]
pub struct Progress {
    mode: ProgressMode,
    begin: Instant,
    bars: MultiProgress,
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    files: usize,
    checked: usize,
    outputs: usize,
    finished: usize,
    media_s: f64,
    /// Seconds of processor time: of everything, as far as one can tell, and of what is done.
    work: f64,
    worked: f64,
    batch_begin: Option<Instant>,
    batch: Option<ProgressBar>,
    running: BTreeMap<usize, Running>,
    last_line: Option<Instant>,
}

#[derive(Debug)]
struct Running {
    name: String,
    bar: ProgressBar,
    what: String,
    begin: Instant,
    total_s: Option<f64>,
    done_s: f64,
    /// Seconds of processor time that it will take.
    work: f64,
}

impl Progress {
    /// Progress shown as `mode` says.
    pub fn new(mode: ProgressMode) -> Progress {
        let target = match mode {
            ProgressMode::Bars => ProgressDrawTarget::stderr(),
            ProgressMode::Hidden | ProgressMode::Lines => ProgressDrawTarget::hidden(),
        };
        let bars = MultiProgress::with_draw_target(target);
        Progress { mode, begin: Instant::now(), bars, state: Mutex::new(State::default()) }
    }

    /// Clears the bars; the report comes next.
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

    /// Says a sentence without tearing the bars.
    pub fn say(&self, text: &str) {
        match self.mode {
            ProgressMode::Hidden => {}
            ProgressMode::Bars => {
                let _ = self.bars.println(text);
            }
            ProgressMode::Lines => {
                let _ = writeln!(std::io::stderr(), "{text}");
            }
        }
    }

    fn line(&self, state: &mut State, force: bool) {
        if self.mode != ProgressMode::Lines || self.begin.elapsed() < QUIET_START {
            return;
        }
        if !force && state.last_line.is_some_and(|last| last.elapsed() < LINE_EVERY) {
            return;
        }
        state.last_line = Some(Instant::now());
        let _ = writeln!(std::io::stderr(), "{}", state.sentence());
    }
}

impl State {
    fn sentence(&self) -> String {
        if self.outputs == 0 {
            return format!("greenlit: checked {} of {} files", self.checked, self.files);
        }
        let mut text = format!("greenlit: {} of {} outputs made", self.finished, self.outputs);
        if let Some(left) = self.left() {
            text.push_str(&format!(", about {} left", short_time(left)));
        }
        for running in self.running.values() {
            text.push_str(&format!("; {} {}", running.what, running.name));
            if let Some(total) = running.total_s.filter(|total| *total > 0.0) {
                text.push_str(&format!(" {:.0} %", 100.0 * (running.done_s / total).min(1.0)));
            }
        }
        text
    }

    /// The work done so far, running files included.
    fn worked(&self) -> f64 {
        self.worked + self.running.values().map(Running::worked).sum::<f64>()
    }

    /// Time left by the work done so far.
    fn left(&self) -> Option<Duration> {
        let begun = self.batch_begin?.elapsed().as_secs_f64();
        let done = self.worked();
        let rest = self.work - done;
        (done > 0.0 && rest > 0.0 && begun > 1.0).then(|| Duration::from_secs_f64(begun / done * rest))
    }
}

impl Observer for Progress {
    fn notice(&self, event: Event<'_>) {
        let Ok(mut state) = self.state.lock() else { return };
        match event {
            Event::Found { files } => state.files = files,
            Event::Checked { .. } => {
                state.checked += 1;
                self.checked(&mut state);
            }
            Event::Planned { outputs, media_s, core_s } => {
                if let Some(batch) = state.batch.take() {
                    batch.finish_and_clear();
                }
                state.outputs = outputs;
                state.media_s = media_s;
                state.work = core_s;
                state.batch_begin = Some(Instant::now());
                self.planned(&mut state);
            }
            Event::Started { work, path, what, media_s, core_s } => {
                self.started(&mut state, work, Running::of(path, what, media_s, core_s));
            }
            Event::Advanced { work, progress } => {
                if let Some(running) = state.running.get_mut(&work) {
                    running.done_s = progress.done_s;
                    running.total_s = progress.total_s.or(running.total_s);
                    running.show();
                }
                self.batch(&mut state);
                self.line(&mut state, false);
            }
            Event::Finished { work, made } => {
                if let Some(running) = state.running.remove(&work) {
                    running.bar.finish_and_clear();
                    // What turned out shorter than it said was less work, and says nothing of the speed.
                    let worked = running.worked();
                    state.worked += worked;
                    state.work -= running.work - worked;
                    state.finished += made;
                }
                self.batch(&mut state);
                self.line(&mut state, false);
            }
        }
    }
}

impl Progress {
    fn checked(&self, state: &mut State) {
        let slow = self.begin.elapsed() > QUIET_START && state.files > 1;
        if self.mode == ProgressMode::Bars && slow {
            let files = state.files as u64;
            let bars = &self.bars;
            let batch = state.batch.get_or_insert_with(|| {
                bars.add(
                    ProgressBar::new(files)
                        .with_style(style("checking {pos} of {len} files {wide_bar} {eta}")),
                )
            });
            batch.set_position(state.checked as u64);
        }
        self.line(state, false);
    }

    fn planned(&self, state: &mut State) {
        if state.outputs == 0 {
            return;
        }
        self.say(&format!(
            "greenlit: {} output{} to make, {} of media",
            state.outputs,
            if state.outputs == 1 { "" } else { "s" },
            short_time(Duration::from_secs_f64(state.media_s.max(0.0)))
        ));
        if self.mode == ProgressMode::Bars {
            let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
            let bar = self.bars.add(bar);
            bar.set_style(style("{msg:<34!} {wide_bar} {percent:>3} %"));
            state.batch = Some(bar);
        }
    }

    fn started(&self, state: &mut State, work: usize, running: Running) {
        let bar = running.bar.clone();
        match &state.batch {
            Some(batch) => self.bars.insert_before(batch, bar),
            None => self.bars.add(bar),
        };
        state.running.insert(work, running);
        self.line(state, false);
    }

    fn batch(&self, state: &mut State) {
        let Some(batch) = &state.batch else { return };
        if state.work > 0.0 {
            batch.set_position((1000.0 * (state.worked() / state.work).min(1.0)) as u64);
        }
        let left = state.left().map_or(String::new(), |left| format!(", {} left", short_time(left)));
        batch.set_message(format!("{} of {} made{left}", state.finished, state.outputs));
    }
}

impl Running {
    fn of(path: &Path, what: &str, media_s: Option<f64>, work: f64) -> Running {
        // A bar draws by itself until it belongs to the others.
        let bar = ProgressBar::with_draw_target(Some(1000), ProgressDrawTarget::hidden());
        let name = name_of(path);
        bar.set_style(style("  {prefix:<32!} {wide_bar} {msg}"));
        bar.set_prefix(name.clone());
        bar.set_message(what.to_owned());
        let (what, begin) = (what.to_owned(), Instant::now());
        Running { name, bar, what, begin, total_s: media_s, done_s: 0.0, work }
    }

    /// The part of its work that is done.
    fn worked(&self) -> f64 {
        let share = self.total_s.filter(|total| *total > 0.0).map_or(1.0, |total| self.done_s / total);
        self.work * share.clamp(0.0, 1.0)
    }

    fn show(&self) {
        let Some(total) = self.total_s.filter(|total| *total > 0.0) else { return };
        self.bar.set_position((1000.0 * (self.done_s / total).min(1.0)) as u64);
        let elapsed = self.begin.elapsed().as_secs_f64();
        if elapsed > 0.5 && self.done_s > 0.0 {
            let speed = self.done_s / elapsed;
            let left = Duration::from_secs_f64(((total - self.done_s) / speed).max(0.0));
            self.bar.set_message(format!("{} {speed:.1}x, {} left", self.what, short_time(left)));
        }
    }
}

fn style(template: &str) -> ProgressStyle {
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    style.progress_chars("━╸─")
}

fn name_of(path: &Path) -> String {
    escape(&path.file_name().unwrap_or(path.as_os_str()).to_string_lossy())
}

fn short_time(time: Duration) -> String {
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
    fn what_turns_out_shorter_than_it_said_was_less_work() {
        let progress = Progress::new(ProgressMode::Hidden);
        let (long, short) = (0, 1);
        let start = |work, media_s, core_s| {
            let path = Path::new("film.mp4");
            progress.notice(Event::Started { work, path, what: "reencode", media_s: Some(media_s), core_s });
        };
        let advance = |work, done_s, total_s| {
            let progress_made = crate::job::Progress { done_s, total_s: Some(total_s), frames: 0 };
            progress.notice(Event::Advanced { work, progress: progress_made });
        };
        progress.notice(Event::Planned { outputs: 2, media_s: 620.0, core_s: 310.0 });
        start(long, 600.0, 300.0);
        advance(long, 1.0, 600.0);
        progress.notice(Event::Finished { work: long, made: 1 });
        start(short, 20.0, 10.0);
        advance(short, 10.0, 20.0);
        let state = progress.state.lock().unwrap();
        // Half a second of work for the one second there was, and half of the other's ten.
        assert_eq!((state.work, state.worked()), (10.5, 5.5));
    }

    #[test]
    fn times_are_short_and_read_well() {
        for (seconds, text) in [(0, "0 s"), (59, "59 s"), (61, "1 min 01 s"), (3661, "1 h 01 min")] {
            assert_eq!(short_time(Duration::from_secs(seconds)), text);
        }
    }
}
