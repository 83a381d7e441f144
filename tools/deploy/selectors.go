package main

import (
	"fmt"
	"regexp"
	"slices"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	policyv1 "k8s.io/api/policy/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// podAddress matches `host:port`, alone or in a URL, where the host is a name.
var podAddress = regexp.MustCompile(`^(?:[a-z]+://)?([a-z][a-z0-9-]*(?:\.[a-z0-9-]+)*):([0-9]+)(?:/|$)`)

// external are labels of pods that are created elsewhere: by the Prometheus operator, and by the
// charts of Grafana and Tempo.
var external = []labels.Set{
	{"app.kubernetes.io/name": "prometheus"},
	{"app.kubernetes.io/name": "alertmanager"},
	{"app.kubernetes.io/name": "grafana"},
	{"app.kubernetes.io/name": "tempo"},
}

// checkSelectors checks that every selector selects pods with the named ports.
func (c *cluster) checkSelectors(it manifest) findings {
	var found findings
	switch object := it.versioned.(type) {
	case *corev1.Service:
		pods := c.pods(object.Namespace, &metav1.LabelSelector{MatchLabels: object.Spec.Selector}, c.manifests)
		for _, port := range object.Spec.Ports {
			found.require(it.where, len(pods) > 0 && hasPort(pods, port.TargetPort), "no selected pod has the port %s", port.TargetPort.String())
		}
	case *policyv1.PodDisruptionBudget:
		found.require(it.where, len(c.pods(object.Namespace, object.Spec.Selector, c.manifests)) > 0, "it selects no pod")
	case *networkingv1.NetworkPolicy:
		found = append(found, c.checkPolicy(it.where, object)...)
	case *monitoringv1.PodMonitor:
		pods := c.pods(object.Namespace, &object.Spec.Selector, c.manifests)
		if object.Spec.NamespaceSelector.Any {
			pods = c.pods("", &object.Spec.Selector, c.world)
		}
		for _, endpoint := range object.Spec.PodMetricsEndpoints {
			for _, w := range pods {
				found.require(it.where, endpoint.Port != nil && hasPort([]workload{w}, intstr.FromString(*endpoint.Port)), "%s has no such port", w.where)
			}
		}
		found.require(it.where, len(pods) > 0, "it selects no pod")
	}
	return found
}

func (f *findings) require(where string, holds bool, format string, arguments ...any) {
	if !holds {
		f.add(where, format, arguments...)
	}
}

// pods returns the workloads of a namespace (of all, if it is empty) whose pods match a selector.
func (c *cluster) pods(namespace string, selector *metav1.LabelSelector, among []manifest) []workload {
	matcher, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil || matcher.Empty() {
		return nil
	}
	var pods []workload
	for _, it := range among {
		w, ok := workloadOf(it)
		if ok && (namespace == "" || w.namespace == namespace) && matcher.Matches(labels.Set(w.template.Labels)) {
			pods = append(pods, w)
		}
	}
	return pods
}

func hasPort(pods []workload, port intstr.IntOrString) bool {
	return slices.ContainsFunc(pods, func(w workload) bool {
		return slices.ContainsFunc(w.containers(), func(it corev1.Container) bool {
			return slices.ContainsFunc(it.Ports, func(named corev1.ContainerPort) bool {
				return named.Name == port.StrVal || named.ContainerPort == port.IntVal
			})
		})
	})
}

// checkPolicy checks that the pods, peers and ports of a NetworkPolicy exist, and that all ports of
// its pods are reachable, except for the health port: no policy blocks the node's probes.
func (c *cluster) checkPolicy(where string, policy *networkingv1.NetworkPolicy) findings {
	var found findings
	own := c.pods(policy.Namespace, &policy.Spec.PodSelector, c.manifests)
	if len(own) == 0 {
		found.require(where, isExternal(&policy.Spec.PodSelector), "it selects no pod")
		return found
	}
	var open []string
	for _, rule := range policy.Spec.Ingress {
		found = append(found, c.checkPeers(where, policy.Namespace, rule.From, nil)...)
		for _, port := range rule.Ports {
			found.require(where, hasPort(own, *port.Port), "its pods have no port %s", port.Port.String())
			open = append(open, port.Port.String())
		}
	}
	for _, rule := range policy.Spec.Egress {
		found = append(found, c.checkPeers(where, policy.Namespace, rule.To, rule.Ports)...)
	}
	for _, w := range own {
		for _, container := range w.containers() {
			for _, port := range container.Ports {
				found.require(where, port.Name == "health" || slices.Contains(open, port.Name), "port %s of its pods is not reachable", port.Name)
			}
		}
	}
	return found
}

// checkPeers checks that each peer selects pods, and that one of them has each port.
func (c *cluster) checkPeers(where, namespace string, peers []networkingv1.NetworkPolicyPeer, ports []networkingv1.NetworkPolicyPort) findings {
	var found findings
	for _, peer := range peers {
		if peer.PodSelector == nil || isExternal(peer.PodSelector) {
			continue
		}
		in := namespace
		if peer.NamespaceSelector != nil {
			in = ""
		}
		pods := c.pods(in, peer.PodSelector, c.world)
		found.require(where, len(pods) > 0, "no pod has the labels %v", peer.PodSelector.MatchLabels)
		for _, port := range ports {
			found.require(where, hasPort(pods, *port.Port), "no pod with the labels %v has the port %s", peer.PodSelector.MatchLabels, port.Port.String())
		}
	}
	return found
}

func isExternal(selector *metav1.LabelSelector) bool {
	matcher, err := metav1.LabelSelectorAsSelector(selector)
	return err == nil && slices.ContainsFunc(external, func(set labels.Set) bool { return matcher.Matches(set) })
}

// matches returns an error if a selector does not match labels.
func matches(selector *metav1.LabelSelector, set map[string]string) error {
	matcher, err := metav1.LabelSelectorAsSelector(selector)
	if err != nil {
		return err
	}
	if !matcher.Matches(labels.Set(set)) {
		return fmt.Errorf("%v does not match %v", matcher, set)
	}
	return nil
}
