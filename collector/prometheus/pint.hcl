# What pint holds the rules to, beyond their syntax. From the root of the repository, without a server:
#
#   pint --offline --config collector/prometheus/pint.hcl lint --min-severity=info --fail-on=info collector/prometheus/rules
#
# `cargo xtask ci --step rules` does it with the version in tools/pint. With a `prometheus` block and without `--offline`, pint
# also asks a server whether it has each series.

parser {
  # Names as OTLP gives them are escaped to what every Prometheus can read.
  names = "legacy"
}

checks {
  disabled = [
    # Groups differ in how often they run, so a slow one reads what a fast one recorded. Prometheus keeps that.
    "rule/dependency",
  ]
}

rule {
  match {
    kind = "alerting"
  }
  label "severity" {
    required = true
    severity = "bug"
    value    = "critical|warning|info"
  }
  label "team" {
    required = true
    severity = "bug"
  }
  annotation "summary" {
    required = true
    severity = "bug"
  }
  annotation "description" {
    required = true
    severity = "bug"
  }
  annotation "runbook_url" {
    required = true
    severity = "bug"
    value    = "https://github.com/stagelight-rs/stagelight/blob/main/collector/runbooks/[A-Za-z0-9]+[.]md"
  }
}

# A rate of a counter has no unit of its own to be lost, and a sum without `job` mixes services.
rule {
  match {
    kind = "recording"
  }
  aggregate ".+" {
    keep     = ["job"]
    severity = "bug"
  }
}
