package main

import (
	"fmt"
	"maps"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/pod-security-admission/api"
	podsecurity "k8s.io/pod-security-admission/policy"
)

// workload is an object that creates pods.
type workload struct {
	where     string
	namespace string
	name      string
	// Headless Service and number of pods, for a StatefulSet only.
	service  string
	replicas int32
	selector *metav1.LabelSelector
	template corev1.PodTemplateSpec
}

func workloadOf(it manifest) (workload, bool) {
	switch object := it.versioned.(type) {
	case *appsv1.StatefulSet:
		return workload{it.where, object.Namespace, object.Name, object.Spec.ServiceName, *object.Spec.Replicas, object.Spec.Selector, object.Spec.Template}, true
	case *appsv1.DaemonSet:
		return workload{it.where, object.Namespace, object.Name, "", 0, object.Spec.Selector, object.Spec.Template}, true
	case *appsv1.Deployment:
		return workload{it.where, object.Namespace, object.Name, "", 0, object.Spec.Selector, object.Spec.Template}, true
	default:
		return workload{}, false
	}
}

// containers returns the containers that run for the life of the pod, including sidecars (init
// containers that always restart).
func (w workload) containers() []corev1.Container {
	var all []corev1.Container
	for _, container := range w.template.Spec.InitContainers {
		if container.RestartPolicy != nil && *container.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			all = append(all, container)
		}
	}
	return append(all, w.template.Spec.Containers...)
}

// checkSecurity checks the pod against the pod security standard of its namespace, as the API
// server's admission does, and each container against stricter rules.
func (w workload) checkSecurity(namespaces map[string]*corev1.Namespace) findings {
	var found findings
	namespace, ok := namespaces[w.namespace]
	if !ok {
		found.add(w.where, "its namespace %q is not in the manifests", w.namespace)
		return found
	}
	level, err := api.ParseLevel(namespace.Labels["pod-security.kubernetes.io/enforce"])
	if err != nil {
		found.add(w.where, "namespace %s: pod-security.kubernetes.io/enforce: %v", w.namespace, err)
		return found
	}
	evaluator, err := podsecurity.NewEvaluator(podsecurity.DefaultChecks(), nil)
	if err != nil {
		found.add(w.where, "%v", err)
		return found
	}
	version := api.LevelVersion{Level: level, Version: api.LatestVersion()}
	for _, result := range evaluator.EvaluatePod(version, &w.template.ObjectMeta, &w.template.Spec) {
		if !result.Allowed {
			found.add(w.where, "namespace %s is %s: %s (%s)", w.namespace, level, result.ForbiddenReason, result.ForbiddenDetail)
		}
	}
	for _, container := range w.containers() {
		found = append(found, w.checkContainer(container)...)
	}
	return found
}

func (w workload) checkContainer(container corev1.Container) findings {
	var found findings
	where := w.where + ": " + container.Name
	if err := exactTag(container.Image); err != nil {
		found.add(where, "%v", err)
	}
	if security := container.SecurityContext; security == nil || security.ReadOnlyRootFilesystem == nil || !*security.ReadOnlyRootFilesystem {
		found.add(where, "its file system is not read-only")
	}
	if container.Resources.Limits.Memory().IsZero() || container.Resources.Requests.Cpu().IsZero() {
		found.add(where, "no memory limit or no CPU request")
	}
	return found
}

// collectors returns the collectors among the containers, with their mounts and environment.
func (w workload) collectors(c *cluster) ([]container, findings) {
	var all []container
	var found findings
	for _, it := range w.containers() {
		one := container{
			where:       w.where + ": " + it.Name,
			image:       it.Image,
			arguments:   it.Args,
			environment: map[string]string{},
			memory:      it.Resources.Limits.Memory().Value(),
			files:       files{contents: map[string]string{}},
		}
		if !one.isCollector() {
			continue
		}
		for _, source := range it.EnvFrom {
			if reference := source.ConfigMapRef; reference != nil {
				data, ok := c.configMap(w.namespace, reference.Name)
				if !ok {
					found.add(one.where, "envFrom: no ConfigMap %s/%s", w.namespace, reference.Name)
				}
				maps.Copy(one.environment, data)
			}
		}
		for _, variable := range it.Env {
			one.environment[variable.Name] = expand(variable, one.environment)
		}
		for _, mount := range it.VolumeMounts {
			one.mounts = append(one.mounts, mount.MountPath)
			for _, volume := range w.template.Spec.Volumes {
				if volume.Name == mount.Name && volume.ConfigMap != nil {
					data, _ := c.configMap(w.namespace, volume.ConfigMap.Name)
					for key, text := range data {
						one.files.contents[mount.MountPath+"/"+key] = text
					}
				}
			}
		}
		found = append(found, checkProbes(one, it)...)
		all = append(all, one)
	}
	return all, found
}

// expand returns a variable's value with `$(NAME)` replaced. Values that are only known on a node
// are replaced by their field path.
func expand(variable corev1.EnvVar, known map[string]string) string {
	if source := variable.ValueFrom; source != nil && source.FieldRef != nil {
		return "the-" + source.FieldRef.FieldPath
	}
	value := variable.Value
	for name, replacement := range known {
		value = strings.ReplaceAll(value, "$("+name+")", replacement)
	}
	return value
}

// checkProbes compares the ports and probes of a collector's container with its listen addresses.
func checkProbes(c container, it corev1.Container) findings {
	var found findings
	ports := map[string]int32{}
	for _, port := range it.Ports {
		ports[port.Name] = port.ContainerPort
	}
	listens := map[string]string{
		"otlp-grpc":    c.environment["STAGELIGHT_OTLP_GRPC_ADDRESS"],
		"otlp-http":    c.environment["STAGELIGHT_OTLP_HTTP_ADDRESS"],
		"otlp-by-id":   c.environment["STAGELIGHT_TRACES_BY_ID_ADDRESS"],
		"health":       c.environment["STAGELIGHT_COLLECTOR_HEALTH_ADDRESS"],
		"otel-health":  c.environment["STAGELIGHT_COLLECTOR_HEALTH_ADDRESS"],
		"metrics":      c.environment["STAGELIGHT_COLLECTOR_METRICS_HOST"] + ":" + c.environment["STAGELIGHT_COLLECTOR_METRICS_PORT"],
		"otel-metrics": c.environment["STAGELIGHT_COLLECTOR_METRICS_HOST"] + ":" + c.environment["STAGELIGHT_COLLECTOR_METRICS_PORT"],
	}
	for name, port := range ports {
		if wanted := fmt.Sprintf("0.0.0.0:%d", port); listens[name] != wanted {
			found.add(c.where, "port %s is %d, but the collector listens on %q", name, port, listens[name])
		}
	}
	for name, probe := range map[string]*corev1.Probe{"startupProbe": it.StartupProbe, "livenessProbe": it.LivenessProbe, "readinessProbe": it.ReadinessProbe} {
		// A sidecar needs no readinessProbe: it would affect the readiness of the service.
		if probe == nil {
			if name != "readinessProbe" || ports["otel-health"] == 0 {
				found.add(c.where, "no %s", name)
			}
		} else if probe.HTTPGet == nil || ports[probe.HTTPGet.Port.String()] == 0 {
			found.add(c.where, "%s uses port %s, which the container does not define", name, probe.HTTPGet.Port.String())
		}
	}
	return found
}
