# Lint rules for pint. Run from the root of the repository, without a server:
#
#   pint --offline --config collector/prometheus/pint.hcl lint --min-severity=info --fail-on=info collector/prometheus/rules
#
# `cargo xtask ci --step rules` runs the version in tools/pint. With a `prometheus` block and
# without `--offline`, pint also checks that the series exist on a server.

parser {
  # OTLP names are escaped to the classic character set.
  names = "legacy"
}

checks {
  disabled = [
    # Groups have different intervals, so rules depend on rules of other groups. Prometheus
    # evaluates that correctly.
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

# Recording rules have to keep `job`: a sum without it mixes services.
rule {
  match {
    kind = "recording"
  }
  aggregate ".+" {
    keep     = ["job"]
    severity = "bug"
  }
}
