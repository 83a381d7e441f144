package main

import (
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

// prometheusSettings are the settings that collector/prometheus/prometheus.yaml and a Prometheus
// object have in common.
type prometheusSettings struct {
	Global struct {
		ScrapeInterval     string `json:"scrape_interval"`
		EvaluationInterval string `json:"evaluation_interval"`
	} `json:"global"`
	OTLP struct {
		TranslationStrategy               string   `json:"translation_strategy"`
		KeepIdentifyingResourceAttributes bool     `json:"keep_identifying_resource_attributes"`
		PromoteResourceAttributes         []string `json:"promote_resource_attributes"`
	} `json:"otlp"`
	Storage struct {
		TSDB struct {
			OutOfOrderTimeWindow string `json:"out_of_order_time_window"`
			Retention            struct {
				Time string `json:"time"`
			} `json:"retention"`
		} `json:"tsdb"`
		Exemplars struct {
			MaxExemplars int64 `json:"max_exemplars"`
		} `json:"exemplars"`
	} `json:"storage"`
}

// shippedRules reads all groups of the rule files of a Prometheus configuration into the operator's
// type. Unknown fields are errors.
func shippedRules(prometheus string) (map[string]monitoringv1.RuleGroup, error) {
	files, err := filepath.Glob(filepath.Join(filepath.Dir(prometheus), "rules", "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no rule files for %s", prometheus)
	}
	groups := map[string]monitoringv1.RuleGroup{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var spec monitoringv1.PrometheusRuleSpec
		if err := yaml.UnmarshalStrict(text, &spec); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, group := range spec.Groups {
			groups[group.Name] = group
		}
	}
	return groups, nil
}

// checkRules compares the PrometheusRules of a cluster, if it has any, with the shipped rules.
func (c *cluster) checkRules(shipped map[string]monitoringv1.RuleGroup) findings {
	var found findings
	made := map[string]monitoringv1.RuleGroup{}
	for _, it := range c.manifests {
		if object, ok := it.versioned.(*monitoringv1.PrometheusRule); ok {
			for _, group := range object.Spec.Groups {
				made[group.Name] = group
			}
		}
	}
	if len(made) == 0 {
		return nil
	}
	for name, group := range shipped {
		found.require(c.name, reflect.DeepEqual(group, made[name]), "group %s differs between its PrometheusRules and the shipped rules", name)
	}
	found.require(c.name, len(made) == len(shipped), "its PrometheusRules have %d groups, the shipped rules %d", len(made), len(shipped))
	return found
}

func readPrometheusSettings(file string) (prometheusSettings, error) {
	var settings prometheusSettings
	text, err := os.ReadFile(file)
	if err != nil {
		return settings, err
	}
	if err := yaml.Unmarshal(text, &settings); err != nil {
		return settings, fmt.Errorf("%s: %w", file, err)
	}
	return settings, nil
}

// partOf is the label that Prometheus uses to select rules and monitors.
const partOf = "app.kubernetes.io/part-of"

// checkOperated checks the objects of the Prometheus operator, and that Prometheus selects them.
func (c *cluster) checkOperated(it manifest, wanted prometheusSettings) findings {
	var found findings
	switch object := it.versioned.(type) {
	case *monitoringv1.Prometheus:
		found = append(found, checkPrometheusObject(it.where, object, wanted)...)
		_, ok := find[*corev1.ServiceAccount](c.manifests, object.Namespace, object.Spec.ServiceAccountName)
		found.require(it.where, ok, "no ServiceAccount %s/%s", object.Namespace, object.Spec.ServiceAccountName)
	case *monitoringv1.Alertmanager:
		_, ok := find[*corev1.Secret](c.manifests, object.Namespace, object.Spec.ConfigSecret)
		found.require(it.where, ok, "no Secret %s/%s with its configuration", object.Namespace, object.Spec.ConfigSecret)
		found = append(found, checkVolumes(c, it.where, object.Namespace, object.Spec.Volumes)...)
	case *monitoringv1.PrometheusRule:
		found.require(it.where, object.Labels[partOf] == "stagelight", "no label %s=stagelight: Prometheus does not select it", partOf)
		found.require(it.where, len(object.Spec.Groups) > 0, "it has no rules")
	case *monitoringv1.PodMonitor:
		found.require(it.where, object.Labels[partOf] == "stagelight", "no label %s=stagelight: Prometheus does not select it", partOf)
	case *monitoringv1.ServiceMonitor:
		found.require(it.where, object.Labels[partOf] == "stagelight", "no label %s=stagelight: Prometheus does not select it", partOf)
	}
	return found
}

func checkPrometheusObject(where string, object *monitoringv1.Prometheus, wanted prometheusSettings) findings {
	var found findings
	spec := object.Spec
	label := map[string]string{partOf: "stagelight"}
	for _, selector := range []error{matches(spec.RuleSelector, label), matches(spec.PodMonitorSelector, label), matches(spec.ServiceMonitorSelector, label)} {
		found.require(where, selector == nil, "%v", selector)
	}
	found.require(where, spec.EnableOTLPReceiver != nil && *spec.EnableOTLPReceiver, "enableOTLPReceiver is not set: metrics are rejected")
	found.require(where, slices.Contains(spec.EnableFeatures, "exemplar-storage"), "enableFeatures has no exemplar-storage: exemplars are dropped")
	found.require(where, spec.Replicas != nil && *spec.Replicas == 1, "replicas is not 1: each would receive a part of the pushed data")
	same := func(field string, got, wanted any) {
		found.require(where, fmt.Sprint(got) == fmt.Sprint(wanted), "%s is %v, but prometheus.yaml has %v", field, got, wanted)
	}
	same("scrapeInterval", spec.ScrapeInterval, wanted.Global.ScrapeInterval)
	same("evaluationInterval", spec.EvaluationInterval, wanted.Global.EvaluationInterval)
	same("retention", spec.Retention, wanted.Storage.TSDB.Retention.Time)
	if spec.OTLP == nil || spec.OTLP.TranslationStrategy == nil || spec.OTLP.KeepIdentifyingResourceAttributes == nil ||
		spec.TSDB == nil || spec.TSDB.OutOfOrderTimeWindow == nil || spec.Exemplars == nil || spec.Exemplars.MaxSize == nil {
		found.add(where, "otlp, tsdb or exemplars are not all set")
		return found
	}
	same("otlp.translationStrategy", *spec.OTLP.TranslationStrategy, wanted.OTLP.TranslationStrategy)
	same("otlp.keepIdentifyingResourceAttributes", *spec.OTLP.KeepIdentifyingResourceAttributes, wanted.OTLP.KeepIdentifyingResourceAttributes)
	same("otlp.promoteResourceAttributes", spec.OTLP.PromoteResourceAttributes, wanted.OTLP.PromoteResourceAttributes)
	same("tsdb.outOfOrderTimeWindow", *spec.TSDB.OutOfOrderTimeWindow, wanted.Storage.TSDB.OutOfOrderTimeWindow)
	same("exemplars.maxSize", *spec.Exemplars.MaxSize, wanted.Storage.Exemplars.MaxExemplars)
	return found
}
