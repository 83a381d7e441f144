//! Shows the breakdown of the last seconds in a terminal.

use std::{
    collections::VecDeque,
    convert::Infallible,
    io::{self, Stdout, Write},
    time::Duration,
};

use stagelight_core::{Engine, Nanos, Snapshot, Ticks};
use stagelight_live::breakdown::Breakdown;

/// Time between two frames.
const INTERVAL: Duration = Duration::from_secs(1);
/// Intervals in the breakdown: enough requests for quantiles, few enough to see a change.
const WINDOW: usize = 10;

/// Rows if the terminal's size is unknown.
const ROWS: u16 = 24;

/// Alternate screen, no line wrapping, no cursor; and back.
const ENTER: &str = "\x1b[?1049h\x1b[?7l\x1b[?25l";
const LEAVE: &str = "\x1b[?25h\x1b[?7h\x1b[?1049l";
/// Cursor to the top left; clear the rest of a line; clear the rest of the screen.
const HOME: &str = "\x1b[H";
const CLEAR_RIGHT: &str = "\x1b[K\r\n";
const CLEAR_BELOW: &str = "\x1b[J";

/// The terminal screen during the demo, showing an engine's breakdown.
#[derive(Debug)]
pub(super) struct Screen {
    terminal: Terminal,
    view: View,
}

/// Standard output on the alternate screen; drop restores it.
#[derive(Debug)]
struct Terminal(Stdout);

/// The shown text: a header, and the breakdown of the last seconds.
#[derive(Debug)]
struct View {
    head: String,
    engine: Engine,
    /// The last snapshots, oldest first.
    history: VecDeque<(Ticks, Snapshot)>,
}

// === impl Screen ===

impl Screen {
    /// Switches to the alternate screen, to show `engine` below a header.
    ///
    /// # Errors
    ///
    /// When standard output cannot be written.
    pub(super) fn enter(engine: &Engine, head: String) -> io::Result<Self> {
        Ok(Self { terminal: Terminal::enter()?, view: View::new(engine, head) })
    }

    /// Draws once a second until dropped.
    pub(super) async fn show(mut self) -> Infallible {
        loop {
            if self.terminal.draw(&self.view.text()).is_err() {
                // Printing the result will report the error.
                return std::future::pending().await;
            }
            tokio::time::sleep(INTERVAL).await;
        }
    }
}

// === impl Terminal ===

impl Terminal {
    fn enter() -> io::Result<Self> {
        let mut out = io::stdout();
        out.write_all(ENTER.as_bytes())?;
        Ok(Self(out))
    }

    fn draw(&mut self, text: &str) -> io::Result<()> {
        let rows = terminal_size::terminal_size_of(&self.0).map_or(ROWS, |(_, rows)| rows.0);
        self.0.write_all(frame(text, usize::from(rows)).as_bytes())?;
        self.0.flush()
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        // A closed terminal needs no restoring.
        drop(self.0.write_all(LEAVE.as_bytes()).and_then(|()| self.0.flush()));
    }
}

// === impl View ===

impl View {
    fn new(engine: &Engine, head: String) -> Self {
        let history = VecDeque::from([(engine.clock().now(), engine.snapshot())]);
        Self { head, engine: engine.clone(), history }
    }

    /// Takes a snapshot and renders the difference to the oldest kept one.
    fn text(&mut self) -> String {
        let (now, snapshot) = (self.engine.clock().now(), self.engine.snapshot());
        let mut measured = Nanos::default();
        let mut table = String::new();
        if let Some((then, earlier)) = self.history.front() {
            measured = self.engine.clock().between(*then, now);
            let recent = snapshot.since(earlier);
            let group_of = |stage: &str| self.engine.group_of(stage);
            table = Breakdown::from_snapshot(&recent, measured.into(), group_of).to_table();
        }
        self.history.push_back((now, snapshot));
        if WINDOW < self.history.len() {
            self.history.pop_front();
        }
        format!("{}\nthe last {:.0} s:\n\n{table}", self.head, measured.as_secs_f64())
    }
}

/// Returns the terminal output that replaces the last frame by `text`, truncated to `rows`.
fn frame(text: &str, rows: usize) -> String {
    let mut frame = HOME.to_owned();
    // A line feed in the last row would scroll.
    for line in text.lines().take(rows.saturating_sub(1)) {
        frame.push_str(line);
        frame.push_str(CLEAR_RIGHT);
    }
    frame.push_str(CLEAR_BELOW);
    frame
}

#[cfg(test)]
mod tests {
    use stagelight_core::{Clock, Outcome};

    use super::*;

    #[test]
    fn a_frame_covers_the_last_one_and_does_not_scroll() {
        let frame = frame("one\n\nthree\nfour\n", 4);
        assert_eq!(frame, "\x1b[Hone\x1b[K\r\n\x1b[K\r\nthree\x1b[K\r\n\x1b[J");
    }

    #[test]
    fn the_text_covers_the_last_seconds_only() {
        let (clock, time) = Clock::manual();
        let engine = Engine::with_clock(clock);
        let mut view = View::new(&engine, "head\n".to_owned());
        let mut text = String::new();
        for second in 0..15 {
            time.advance(INTERVAL);
            // One route in the first five seconds, another one after.
            engine.start_request(if second < 5 { "/early" } else { "/late" }).end(Outcome::Ok);
            text = view.text();
        }
        assert!(text.starts_with("head\n\nthe last 10 s:\n\n/late  10 requests  10 ok"), "{text}");
        assert!(!text.contains("/early"), "{text}");
    }
}
