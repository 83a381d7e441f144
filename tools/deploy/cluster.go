package main

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	rbacv1 "k8s.io/api/rbac/v1"
	"k8s.io/apimachinery/pkg/labels"
	"sigs.k8s.io/yaml"
)

// cluster has the manifests of one folder, and those of all checked folders (world), which they may
// refer to.
type cluster struct {
	name      string
	manifests []manifest
	world     []manifest
}

func (c *cluster) check(prometheus prometheusSettings) findings {
	var found findings
	namespaces := map[string]*corev1.Namespace{}
	for _, it := range c.manifests {
		if namespace, ok := it.versioned.(*corev1.Namespace); ok {
			namespaces[namespace.Name] = namespace
		}
	}
	for _, it := range c.manifests {
		if w, ok := workloadOf(it); ok {
			found = append(found, w.checkSecurity(namespaces)...)
			found = append(found, w.checkReferences(c)...)
			found = append(found, w.checkCollectors(c)...)
		}
		switch object := it.versioned.(type) {
		case *rbacv1.ClusterRoleBinding:
			found = append(found, c.checkBinding(it.where, object)...)
		}
		found = append(found, c.checkSelectors(it)...)
		found = append(found, c.checkOperated(it, prometheus)...)
	}
	return found
}

// find returns an object by type, namespace and name.
func find[T interface {
	GetName() string
	GetNamespace() string
}](manifests []manifest, namespace, name string) (T, bool) {
	for _, it := range manifests {
		if object, ok := it.versioned.(T); ok && object.GetName() == name && object.GetNamespace() == namespace {
			return object, true
		}
	}
	var none T
	return none, false
}

func (c *cluster) configMap(namespace, name string) (map[string]string, bool) {
	object, ok := find[*corev1.ConfigMap](c.manifests, namespace, name)
	if !ok {
		return nil, false
	}
	return object.Data, true
}

// checkReferences checks the ServiceAccount, ConfigMaps and Secrets that a pod refers to. Secrets
// have to be optional, because users create them.
func (w workload) checkReferences(c *cluster) findings {
	var found findings
	spec := w.template.Spec
	if spec.ServiceAccountName != "" {
		if _, ok := find[*corev1.ServiceAccount](c.manifests, w.namespace, spec.ServiceAccountName); !ok {
			found.add(w.where, "no ServiceAccount %s/%s", w.namespace, spec.ServiceAccountName)
		}
	}
	found = append(found, checkVolumes(c, w.where, w.namespace, spec.Volumes)...)
	if !labels.SelectorFromSet(w.selector.MatchLabels).Matches(labels.Set(w.template.Labels)) {
		found.add(w.where, "its selector does not match its own pods")
	}
	return found
}

func checkVolumes(c *cluster, where, namespace string, volumes []corev1.Volume) findings {
	var found findings
	for _, volume := range volumes {
		if reference := volume.ConfigMap; reference != nil {
			_, ok := c.configMap(namespace, reference.Name)
			found.require(where, ok, "volume %s: no ConfigMap %s/%s", volume.Name, namespace, reference.Name)
		}
		if reference := volume.Secret; reference != nil && (reference.Optional == nil || !*reference.Optional) {
			found.add(where, "volume %s: Secret %s/%s is not optional: without it, the pod does not start", volume.Name, namespace, reference.SecretName)
		}
	}
	return found
}

// checkCollectors checks the collectors of a pod and the addresses in their environment.
func (w workload) checkCollectors(c *cluster) findings {
	all, found := w.collectors(c)
	for _, one := range all {
		found = append(found, checkCollector(one)...)
		for name, value := range one.environment {
			for _, text := range addresses(value) {
				if err := c.serves(w.namespace, text); err != nil {
					found.add(one.where, "%s: %v", name, err)
				}
			}
		}
		found = append(found, c.checkGateways(one)...)
	}
	slices.Sort(found)
	return found
}

// addresses returns the items of a YAML flow list, or the value itself.
func addresses(value string) []string {
	var list []string
	if strings.HasPrefix(value, "[") && yaml.Unmarshal([]byte(value), &list) == nil {
		return list
	}
	return []string{value}
}

// elsewhere are addresses that others serve: the Prometheus operator, and the trace backend.
var elsewhere = []string{"prometheus-operated:9090", "tempo:4317"}

// serves returns an error if no Service has an address. Other text is ignored.
func (c *cluster) serves(namespace, text string) error {
	match := podAddress.FindStringSubmatch(text)
	if match == nil || slices.Contains(elsewhere, match[1]+":"+match[2]) {
		return nil
	}
	parts := strings.Split(strings.TrimSuffix(match[1], ".svc"), ".")
	if len(parts) == 3 {
		// A pod of a StatefulSet, through its headless Service; checkGateways checks the pod names.
		parts = parts[1:]
	}
	if len(parts) == 2 {
		namespace = parts[1]
	}
	service, ok := find[*corev1.Service](c.world, namespace, parts[0])
	if !ok {
		return fmt.Errorf("%q: no Service %s/%s", text, namespace, parts[0])
	}
	for _, port := range service.Spec.Ports {
		if fmt.Sprint(port.Port) == match[2] {
			return nil
		}
	}
	return fmt.Errorf("%q: Service %s has no port %s", text, parts[0], match[2])
}

// checkGateways compares STAGELIGHT_GATEWAYS with the pods of the StatefulSet.
func (c *cluster) checkGateways(one container) findings {
	var found findings
	for _, it := range c.world {
		w, ok := workloadOf(it)
		if !ok || w.service == "" {
			continue
		}
		var wanted []string
		for ordinal := range w.replicas {
			wanted = append(wanted, fmt.Sprintf("%s-%d.%s.%s.svc:4419", w.name, ordinal, w.service, w.namespace))
		}
		if got := addresses(one.environment["STAGELIGHT_GATEWAYS"]); !slices.Equal(got, wanted) {
			found.add(one.where, "STAGELIGHT_GATEWAYS is %q, but the gateways are %q", got, wanted)
		}
		return found
	}
	found.add(one.where, "no StatefulSet of gateways")
	return found
}

func (c *cluster) checkBinding(where string, binding *rbacv1.ClusterRoleBinding) findings {
	var found findings
	if _, ok := find[*rbacv1.ClusterRole](c.manifests, "", binding.RoleRef.Name); !ok {
		found.add(where, "no ClusterRole %s", binding.RoleRef.Name)
	}
	for _, subject := range binding.Subjects {
		if _, ok := find[*corev1.ServiceAccount](c.manifests, subject.Namespace, subject.Name); !ok {
			found.add(where, "no ServiceAccount %s/%s", subject.Namespace, subject.Name)
		}
	}
	return found
}
