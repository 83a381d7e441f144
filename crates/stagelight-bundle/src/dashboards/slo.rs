//! The objectives: how much may fail, how much has, how fast it goes on, and what it is.

use stagelight_core::catalog::{self, Label};

use super::{
    dashboard::{Dashboard, Row},
    limits,
    link::Link,
    overriding::Override,
    panel::{Panel, View},
    query::{Series, either},
    unit::Unit,
    variable::Variable,
};

const NO_RULES: &str =
    "No data: are collector/prometheus/rules loaded, and were there requests for ten minutes?";
const BY: &str = "{{slo}} {{job}}";

pub(super) fn dashboard() -> Dashboard {
    Dashboard {
        uid: "stagelight-slo",
        title: "Service level objectives",
        description: "The error budgets for failed and for slow requests: what is left, how fast it burns, and what burns it. The objectives are in collector/prometheus/rules/slo.recording.yaml.",
        variables: vec![
            Variable::DATASOURCE,
            Variable::TRACES,
            Variable::values("job", "Job", r#"__name__="slo:sli_total:rate5m""#, "job", ".+"),
            Variable::values("slo", "Objective", r#"__name__="slo:objective:ratio""#, "slo", ".+"),
            Variable::instance(),
            Variable::endpoint(),
        ],
        rows: vec![
            Row::open("Now", now()),
            Row::open("How fast it burns", burning()),
            Row::open("What burns it", causes()),
            Row::collapsed("Figures behind it", figures()),
        ],
        from: "now-6h",
    }
}

fn of_slo(name: &str) -> String {
    format!(r#"{name}{{slo=~"$slo", job=~"$job"}}"#)
}

fn now() -> Vec<Panel> {
    vec![
        Panel::new(View::Stats, "Error budget left", Unit::Ratio, NO_RULES)
            .about("Of 30 days: 100 % is untouched, 0 % is used up, below that the objective is broken.")
            .query(of_slo("slo:error_budget_remaining:ratio"), BY)
            .floor(0.0, 0.25)
            .signed()
            .size(6, 6),
        Panel::new(View::Stats, "Burn rate of the last hour", Unit::Times, NO_RULES)
            .about("1 uses the budget up in exactly 30 days; 14.4 in two days.")
            .query(of_slo("slo:burn_rate:ratio1h"), BY)
            .alerts(&["ErrorBudgetGoneIn30Days", "ErrorBudgetGoneIn2Days"])
            .size(6, 6),
        Panel::new(View::Stats, "Good requests, 30 days", Unit::Ratio, NO_RULES)
            .about("What the objective is compared with. Of less than 30 days while Prometheus has less.")
            .query(format!("1 - {}", of_slo("slo:sli_error:ratio_rate30d")), BY)
            .size(6, 6),
        Panel::new(View::Stats, "Objective", Unit::Ratio, NO_RULES)
            .about("Part of the requests that has to be good.")
            .query(r#"slo:objective:ratio{slo=~"$slo"}"#.to_owned(), "{{slo}}")
            .size(6, 6),
        Panel::new(View::Lines, "Error budget left over time", Unit::Ratio, NO_RULES)
            .about("Falls with every bad request, and rises again when bad ones are more than 30 days old.")
            .query(of_slo("slo:error_budget_remaining:ratio"), BY)
            .floor(0.0, 0.25)
            .signed(),
        alerts(),
    ]
}

/// What fires, whatever its cause.
pub(super) fn alerts() -> Panel {
    Panel::new(View::Table, "Firing alerts", Unit::Count, "No alert fires")
        .about("Alerts that fire now. What each means and what to do is in its runbook: collector/runbooks.")
        .query(r#"max by (alertname, severity, job, team) (ALERTS{alertstate="firing"})"#.to_owned(), "")
        .column("alertname", "Alert")
        .column("severity", "Severity")
        .column("job", "Job")
        .column("team", "Team")
        .link(Link::runbook("${__data.fields.Alert}"))
}

fn burning() -> Vec<Panel> {
    let pair = |title: &str,
                short: &'static str,
                long: &'static str,
                alerts: limits::Alerts,
                about: &str| {
        Panel::new(View::Lines, title, Unit::Times, NO_RULES)
            .about(about)
            .query(of_slo(&format!("slo:burn_rate:ratio{short}")), &format!("{short} {BY}"))
            .query(of_slo(&format!("slo:burn_rate:ratio{long}")), &format!("{long} {BY}"))
            .alerts(alerts)
    };
    vec![
        pair(
            "Burn rate, 5 m and 1 h",
            "5m",
            "1h",
            limits::BURN_2_DAYS,
            "An alert pages when both are above 14.4: two days would use up the budget.",
        ),
        pair(
            "Burn rate, 30 m and 6 h",
            "30m",
            "6h",
            limits::BURN_5_DAYS,
            "An alert pages when both are above 6: five days would use up the budget.",
        ),
        pair(
            "Burn rate, 2 h and 1 d",
            "2h",
            "1d",
            limits::BURN_10_DAYS,
            "A ticket when both are above 3: ten days would use up the budget.",
        ),
        pair(
            "Burn rate, 6 h and 3 d",
            "6h",
            "3d",
            limits::BURN_30_DAYS,
            "A ticket when both are above 1: the budget will not last its 30 days.",
        ),
    ]
}

fn causes() -> Vec<Panel> {
    let requests = || Series::of(&catalog::REQUEST, 0);
    let failed = || requests().with(r#"outcome=~"error|timeout|panic""#);
    vec![
        Panel::new(View::Stacked, "Failed requests", Unit::RequestsPerSecond, "No request failed in this time")
            .about("What burns the budget of the objective \"errors\", by endpoint and outcome.")
            .query(failed().rate(&[Label::Endpoint, Label::Outcome]), "{{endpoint}} {{outcome}}")
            .link(Link::traces(
                "Traces of these failures",
                r#"{ span.http.route = "${__field.labels.endpoint}" && span.outcome = "${__field.labels.outcome}" }"#,
            )),
        Panel::new(View::Stacked, "Slow requests", Unit::RequestsPerSecond, "No request was too slow in this time")
            .about("What burns the budget of the objective \"latency\": answers that took longer than its bound, by endpoint.")
            .query(slow(), "{{endpoint}}")
            .link(Link::traces(
                "Slow traces",
                &format!(r#"{{ span.http.route = "${{__field.labels.endpoint}}" && duration > {}s }}"#, limits::SLO_LATENCY_SECS),
            ))
            .link(Link::dashboard("Which stage?", "stagelight-stage-breakdown")),
        Panel::new(View::Stacked, "Failed stages", Unit::PerSecond, "No stage failed in this time")
            .about("Where errors come from, by stage and type.")
            .query(
                Series::of(&catalog::STAGE_ERRORS, 0).rate(&[Label::Stage, Label::ErrorType]),
                "{{stage}} {{error_type}}",
            ),
        Panel::new(View::Table, "Bad requests of the time shown", Unit::Count, "No bad request in this time")
            .about("How many, by endpoint and outcome: where to begin.")
            .query(
                format!("topk(10, (\n{}\n) > 0)", failed().over_range().increase(&[Label::Endpoint, Label::Outcome])),
                "",
            )
            .column("endpoint", "Endpoint")
            .column("outcome", "Outcome")
            .link(Link::traces(
            "Traces of these",
            r#"{ span.http.route = "${__data.fields.Endpoint}" && span.outcome = "${__data.fields.Outcome}" }"#,
        ))
        .column("Value", "Requests").sorted_by("Requests")
            .overriding(Override::of_column("Requests").limits(1.0, 10.0).colored()),
    ]
}

/// Answers a second that took longer than the objective allows, by endpoint.
fn slow() -> String {
    let answers = Series::of(&catalog::REQUEST, 0).with(r#"outcome="ok""#);
    // `5` came by OTLP, `5.0` by scrape.
    let fast = answers.clone().with(&format!(r#"le=~"{}([.]0)?""#, limits::SLO_LATENCY_SECS));
    let classic = format!(
        "sum by (endpoint) (rate({}[$__rate_interval]))\n- sum by (endpoint) (rate({}[$__rate_interval]))",
        answers.selector("_count"),
        fast.selector("_bucket")
    );
    let native = format!(
        "sum by (endpoint) (histogram_fraction({}, +Inf, rate({}[$__rate_interval])) * histogram_count(rate({}[$__rate_interval])))",
        limits::SLO_LATENCY_SECS,
        answers.selector(""),
        answers.selector("")
    );
    either(&classic, &native)
}

fn figures() -> Vec<Panel> {
    vec![
        Panel::new(View::Lines, "Bad part of the requests", Unit::Ratio, NO_RULES)
            .about("In windows of five minutes, an hour and a day. A service without requests has none.")
            .query(of_slo("slo:sli_error:ratio_rate5m"), &format!("5m {BY}"))
            .query(of_slo("slo:sli_error:ratio_rate1h"), &format!("1h {BY}"))
            .query(of_slo("slo:sli_error:ratio_rate1d"), &format!("1d {BY}")),
        Panel::new(View::Lines, "Bad requests of an hour", Unit::Count, NO_RULES)
            .about("How many, not which part: a burn rate of few requests says little.")
            .query(of_slo("slo:sli_bad:increase1h"), BY),
        Panel::new(View::Stacked, "Requests that count", Unit::RequestsPerSecond, NO_RULES)
            .about("Those that the objectives are of: for errors all but those whose client went away, for latency the answers.")
            .query(of_slo("slo:sli_total:rate5m"), BY),
    ]
}
