//! The report as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    http,
    measure::{Figure, Recorded, Served},
    recording,
    report::Report,
};

impl Display for Report {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        self.head(f)?;
        self.budgets(f)?;
        self.recording(f)?;
        self.http(f)?;
        self.versions(f)
    }
}

// === impl Report ===

impl Report {
    fn head(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let it = &self.machine;
        writeln!(
            f,
            "`{}`, {}, {} ({} cores), {}.",
            self.command, it.date, it.processor, it.cores, it.rustc
        )?;
        if it.is_busy() {
            writeln!(
                f,
                "**Taken on a busy machine** (load {:.1} on {} cores when it began): read the least figures, and the two-thread columns with care.",
                it.load, it.cores
            )?;
        }
        Ok(())
    }

    fn budgets(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(f, "\n| budget | at most | measured | |\n|---|--:|--:|---|")?;
        for it in &self.budgets {
            let verdict = if it.is_met { "met" } else { "**not met**" };
            writeln!(f, "| {} | {:.2} | {:.2} | {verdict} |", it.what, it.at_most, it.measured)?;
        }
        Ok(())
    }

    fn recording(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nOne request: a root span and five stages. Ratio of the least figure to the Registry's with an empty layer; nanoseconds a request as least / median.\n\n\
             | recording | ratio | 1 thread | 2 threads, same series | 2 threads, own series | instructions | allocations | |\n\
             |---|--:|--:|--:|--:|--:|--:|---|"
        )?;
        let base = self.recording.iter().find(|it| it.name == recording::BASE);
        for it in &self.recording {
            recorded(f, it, base)?;
        }
        if self.valgrind.is_none() {
            writeln!(f, "\nInstructions are absent: valgrind is not installed.")?;
        }
        Ok(())
    }

    fn http(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nOne HTTP request to an axum handler over loopback: processor time of the server, in microseconds as least / median. Ratio of what is added to what axum-otel-metrics adds.\n\n\
             | serving | ratio | added | total | |\n|---|--:|--:|--:|---|"
        )?;
        let cpu = |name: &str| self.http.iter().find(|it| it.name == name).map(|it| it.cpu);
        let base = cpu(http::BASE);
        let yardstick = cpu(http::YARDSTICK);
        for it in &self.http {
            served(f, it, base, yardstick)?;
        }
        Ok(())
    }

    fn versions(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let versions =
            self.versions.iter().map(|it| format!("{} {}", it.package, it.versions.join(", ")));
        let mut versions: Vec<_> = versions.collect();
        versions.extend(self.valgrind.clone());
        writeln!(f, "\nVersions: {}.", versions.join("; "))
    }
}

fn recorded(f: &mut Formatter<'_>, it: &Recorded, base: Option<&Recorded>) -> fmt::Result {
    let ratio = base.map_or(f64::NAN, |base| it.one_thread.min / base.one_thread.min);
    let instructions = it.instructions.map_or_else(|| "–".to_owned(), |it| format!("{it:.0}"));
    writeln!(
        f,
        "| {} | **{ratio:.2}** | {} | {} | {} | {instructions} | {:.1} | {} |",
        it.title,
        figure(it.one_thread, 1.0, 0),
        figure(it.two_threads, 1.0, 0),
        figure(it.two_threads_own_series, 1.0, 0),
        it.allocations,
        it.note
    )
}

fn served(
    f: &mut Formatter<'_>,
    it: &Served,
    base: Option<Figure>,
    yardstick: Option<Figure>,
) -> fmt::Result {
    let added =
        base.map(|base| Figure { min: it.cpu.min - base.min, median: it.cpu.median - base.median });
    let ratio = added
        .zip(yardstick)
        .zip(base)
        .map(|((added, yardstick), base)| added.min / (yardstick.min - base.min));
    let is_base = it.name == http::BASE;
    let ratio =
        ratio.filter(|_| !is_base).map_or_else(|| "–".to_owned(), |it| format!("**{it:.2}**"));
    let added = added.filter(|_| !is_base).map_or_else(|| "–".to_owned(), |it| figure(it, 1e3, 2));
    writeln!(f, "| {} | {ratio} | {added} | {} | {} |", it.title, figure(it.cpu, 1e3, 2), it.note)
}

fn figure(it: Figure, unit: f64, decimals: usize) -> String {
    format!("{:.decimals$} / {:.decimals$}", it.min / unit, it.median / unit)
}
