//! Service level objectives: error budgets, burn rates and their causes.

use stagelight_core::catalog::{Outcome, labels};

use super::{
    common,
    dashboard::{Dashboard, Row},
    link::Link,
    overrides::Override,
    panel::Panel,
    query::{or, rate_by},
    series::{FAILED, requests},
    steps::Alerts,
    unit::Unit,
    variable::Variable,
    view::View::{Lines, Stacked, Stats, Table},
};

/// The bound of the objective "latency", in seconds.
const LATENCY_SECS: u32 = 5;
const NO_RULES: &str = "No data: load collector/prometheus/rules and send requests for ten minutes";
const LEGEND: &str = "{{slo}} {{job}}";

pub(super) fn dashboard() -> Dashboard {
    let jobs = r#"__name__="slo:sli_total:rate5m""#;
    let objectives = r#"__name__="slo:objective:ratio""#;
    Dashboard {
        uid: "stagelight-slo",
        title: "Service level objectives",
        description: "Error budgets for failed and slow requests: remaining budget, burn rate and \
                      causes. collector/prometheus/rules/slo.recording.yaml has the objectives.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::TRACES,
            Variable::label_values("job", "Job", jobs, "job", ".+"),
            Variable::label_values("slo", "Objective", objectives, "slo", ".+"),
            Variable::instance(),
            Variable::endpoint(),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open("Burn rate", burn_rates()),
            Row::open("Causes", causes()),
            Row::collapsed("Details", details()),
        ],
        from: "now-6h",
    }
}

fn of_slo(name: &str) -> String {
    format!(r#"{name}{{slo=~"$slo", job=~"$job"}}"#)
}

fn now() -> Vec<Panel> {
    let remaining = of_slo("slo:error_budget_remaining:ratio");
    vec![
        Panel::new(Stats, "Error budget remaining", Unit::Ratio, NO_RULES)
            .description("Of 30 days. 100 % is unused, 0 % is used up, below is a violation.")
            .query(remaining.as_str(), LEGEND)
            .lower_limits(0.0, 0.25)
            .signed()
            .size(6, 6),
        Panel::new(Stats, "Burn rate, last hour", Unit::Times, NO_RULES)
            .description("1 uses up the budget in exactly 30 days, 14.4 in two days.")
            .query(of_slo("slo:burn_rate:ratio1h"), LEGEND)
            .alerts(&["ErrorBudgetGoneIn30Days", "ErrorBudgetGoneIn2Days"])
            .size(6, 6),
        Panel::new(Stats, "Good requests, 30 days", Unit::Ratio, NO_RULES)
            .description(
                "The ratio that the objective limits. Covers less than 30 days while Prometheus \
                 has less data.",
            )
            .query(format!("1 - {}", of_slo("slo:sli_error:ratio_rate30d")), LEGEND)
            .size(6, 6),
        Panel::new(Stats, "Objective", Unit::Ratio, NO_RULES)
            .description("Required ratio of good requests.")
            .query(r#"slo:objective:ratio{slo=~"$slo"}"#, "{{slo}}")
            .size(6, 6),
        Panel::new(Lines, "Error budget remaining over time", Unit::Ratio, NO_RULES)
            .description(
                "Falls with every bad request; rises when bad requests become older than 30 days.",
            )
            .query(remaining, LEGEND)
            .lower_limits(0.0, 0.25)
            .signed(),
        common::firing_alerts(),
    ]
}

fn burn_rates() -> Vec<Panel> {
    let pair = |title: &str, [short, long]: [&str; 2], alerts: Alerts, description: &str| {
        let query = |window: &str| of_slo(&format!("slo:burn_rate:ratio{window}"));
        Panel::new(Lines, title, Unit::Times, NO_RULES)
            .description(description)
            .query(query(short), &format!("{short} {LEGEND}"))
            .query(query(long), &format!("{long} {LEGEND}"))
            .alerts(alerts)
    };
    vec![
        pair(
            "Burn rate, 5 m and 1 h",
            ["5m", "1h"],
            &["ErrorBudgetGoneIn2Days"],
            "A page when both are above 14.4: the budget would last two days.",
        ),
        pair(
            "Burn rate, 30 m and 6 h",
            ["30m", "6h"],
            &["ErrorBudgetGoneIn5Days"],
            "A page when both are above 6: the budget would last five days.",
        ),
        pair(
            "Burn rate, 2 h and 1 d",
            ["2h", "1d"],
            &["ErrorBudgetGoneIn10Days"],
            "A ticket when both are above 3: the budget would last ten days.",
        ),
        pair(
            "Burn rate, 6 h and 3 d",
            ["6h", "3d"],
            &["ErrorBudgetGoneIn30Days"],
            "A ticket when both are above 1: the budget will not last its 30 days.",
        ),
    ]
}

fn causes() -> Vec<Panel> {
    let failed = || requests().with(FAILED);
    let by = [labels::Endpoint::LABEL, Outcome::LABEL];
    let slow_traces = format!(
        r#"{{ span.http.route = "${{__field.labels.endpoint}}" && duration > {LATENCY_SECS}s }}"#
    );
    let (no_failed, no_slow, no_bad) = (
        "No failed requests in this time range",
        "No slow requests in this time range",
        "No bad requests in this time range",
    );
    vec![
        Panel::new(Stacked, "Failed requests", Unit::RequestsPerSecond, no_failed)
            .description("Uses up the budget of the objective \"errors\".")
            .query(failed().rate(&by), "{{endpoint}} {{outcome}}")
            .link(Link::spans(
                "Traces of these failures",
                &[
                    ("http.route", "${__field.labels.endpoint}"),
                    ("outcome", "${__field.labels.outcome}"),
                ],
            )),
        Panel::new(Stacked, "Slow requests", Unit::RequestsPerSecond, no_slow)
            .description(
                "Uses up the budget of the objective \"latency\": successful requests that take \
                 longer than its bound.",
            )
            .query(slow(), "{{endpoint}}")
            .link(Link::traces("Slow traces", &slow_traces))
            .link(Link::dashboard("Stage breakdown", "stagelight-stage-breakdown")),
        common::stage_errors(Stacked),
        Panel::new(Table, "Bad requests in the time range", Unit::Count, no_bad)
            .description("Failed requests by endpoint and outcome, largest first.")
            .query(format!("topk(10, (\n{}\n) > 0)", failed().over_range().increase(&by)), "")
            .columns(&[("endpoint", "Endpoint"), ("outcome", "Outcome"), ("Value", "Requests")])
            .sorted_by("Requests")
            .with_override(Override::for_column("Requests").limits(1.0, 10.0).colored())
            .link(Link::spans(
                "Traces of these failures",
                &[
                    ("http.route", "${__data.fields.Endpoint}"),
                    ("outcome", "${__data.fields.Outcome}"),
                ],
            )),
    ]
}

/// The rate of successful requests that exceed the latency bound, by endpoint.
fn slow() -> String {
    let ok = requests().with(r#"outcome="ok""#);
    // The bound is `5` over OTLP and `5.0` when scraped.
    let fast = ok.clone().with(&format!(r#"le=~"{LATENCY_SECS}([.]0)?""#));
    let rate = |selector: &str| rate_by("endpoint", selector);
    let all = ok.selector("");
    let classic =
        format!("{}\n- {}", rate(&ok.selector("_count")), rate(&fast.selector("_bucket")));
    let native = format!(
        "sum by (endpoint) (histogram_fraction({LATENCY_SECS}, +Inf, \
         rate({all}[$__rate_interval])) * histogram_count(rate({all}[$__rate_interval])))"
    );
    or(&classic, &native)
}

fn details() -> Vec<Panel> {
    let error = |window: &str| of_slo(&format!("slo:sli_error:ratio_rate{window}"));
    vec![
        Panel::new(Lines, "Bad request ratio", Unit::Ratio, NO_RULES)
            .description("Over five minutes, an hour and a day. No value without requests.")
            .query(error("5m"), &format!("5m {LEGEND}"))
            .query(error("1h"), &format!("1h {LEGEND}"))
            .query(error("1d"), &format!("1d {LEGEND}")),
        Panel::new(Lines, "Bad requests per hour", Unit::Count, NO_RULES)
            .description("A count: the burn rate of few requests means little.")
            .query(of_slo("slo:sli_bad:increase1h"), LEGEND),
        Panel::new(Stacked, "Valid requests", Unit::RequestsPerSecond, NO_RULES)
            .description(
                "Requests that the objectives cover: for errors all except cancelled ones, for \
                 latency the successful ones.",
            )
            .query(of_slo("slo:sli_total:rate5m"), LEGEND),
    ]
}
