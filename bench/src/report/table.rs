//! The report as Markdown.

use std::fmt::{self, Display, Formatter};

use crate::{
    measure::{Figure, Recorded, Served},
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
                "**Taken on a busy machine** (load {:.1} on {} cores when it began): read the \
                 least figures, and the two-thread columns with care.",
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
            "\nOne request: a root span and five stages. Ratio of the least figure to the \
             Registry's with an empty layer; nanoseconds a request as least / median.\n\n\
             | recording | ratio | 1 thread | 2 threads, same series | 2 threads, own series \
             | instructions | allocations | |\n\
             |---|--:|--:|--:|--:|--:|--:|---|"
        )?;
        for it in &self.recording {
            recorded(f, it)?;
        }
        if self.valgrind.is_none() {
            writeln!(f, "\nInstructions are absent: valgrind is not installed.")?;
        }
        Ok(())
    }

    fn http(&self, f: &mut Formatter<'_>) -> fmt::Result {
        writeln!(
            f,
            "\nOne HTTP request to an axum handler over loopback: processor time of the server, in \
             microseconds as least / median. Ratio of what is added to what axum-otel-metrics \
             adds, on one thread.\n\n\
             | serving | ratio | added | total | 2 threads, same series | 2 threads, own series \
             | |\n\
             |---|--:|--:|--:|--:|--:|---|"
        )?;
        for it in &self.http {
            served(f, it)?;
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

fn recorded(f: &mut Formatter<'_>, it: &Recorded) -> fmt::Result {
    let instructions = it.instructions.map_or_else(absent, |it| format!("{it:.0}"));
    writeln!(
        f,
        "| {} | **{:.2}** | {} | {} | {} | {instructions} | {:.1} | {} |",
        it.title,
        it.ratio,
        figure(it.one_thread, 1.0, 0),
        figure(it.two_threads, 1.0, 0),
        figure(it.two_threads_own_series, 1.0, 0),
        it.allocations,
        it.note
    )
}

fn served(f: &mut Formatter<'_>, it: &Served) -> fmt::Result {
    let ratio = it.ratio.map_or_else(absent, |it| format!("**{it:.2}**"));
    let added = it.added.map_or_else(absent, |it| figure(it, 1e3, 2));
    let micros = |it| figure(it, 1e3, 2);
    writeln!(
        f,
        "| {} | {ratio} | {added} | {} | {} | {} | {} |",
        it.title,
        micros(it.cpu),
        micros(it.cpu_two_threads),
        micros(it.cpu_two_threads_own_series),
        it.note
    )
}

fn absent() -> String {
    "–".to_owned()
}

fn figure(it: Figure, unit: f64, decimals: usize) -> String {
    format!("{:.decimals$} / {:.decimals$}", it.min / unit, it.median / unit)
}
