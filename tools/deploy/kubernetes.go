package main

import (
	"bytes"
	"fmt"
	"path/filepath"

	monitoringv1 "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/kubernetes/pkg/api/legacyscheme"
	"k8s.io/kubernetes/pkg/apis/apps"
	_ "k8s.io/kubernetes/pkg/apis/apps/install"
	appsvalidation "k8s.io/kubernetes/pkg/apis/apps/validation"
	"k8s.io/kubernetes/pkg/apis/core"
	_ "k8s.io/kubernetes/pkg/apis/core/install"
	corevalidation "k8s.io/kubernetes/pkg/apis/core/validation"
	"k8s.io/kubernetes/pkg/apis/networking"
	_ "k8s.io/kubernetes/pkg/apis/networking/install"
	networkingvalidation "k8s.io/kubernetes/pkg/apis/networking/validation"
	"k8s.io/kubernetes/pkg/apis/policy"
	_ "k8s.io/kubernetes/pkg/apis/policy/install"
	policyvalidation "k8s.io/kubernetes/pkg/apis/policy/validation"
	"k8s.io/kubernetes/pkg/apis/rbac"
	_ "k8s.io/kubernetes/pkg/apis/rbac/install"
	rbacvalidation "k8s.io/kubernetes/pkg/apis/rbac/validation"
	"sigs.k8s.io/kustomize/api/krusty"
	"sigs.k8s.io/kustomize/kyaml/filesys"
)

// manifest is an object with the API server's defaults.
type manifest struct {
	where     string
	versioned runtime.Object
}

// build runs `kustomize build FOLDER`, with its load restrictions.
func build(folder string) ([][]byte, error) {
	resources, err := krusty.MakeKustomizer(krusty.MakeDefaultOptions()).Run(filesys.MakeFsOnDisk(), folder)
	if err != nil {
		return nil, fmt.Errorf("kustomize build: %w", err)
	}
	var documents [][]byte
	for _, resource := range resources.Resources() {
		text, err := resource.AsYAML()
		if err != nil {
			return nil, err
		}
		documents = append(documents, text)
	}
	return documents, nil
}

// decoder decodes objects of Kubernetes and the Prometheus operator. Unknown fields are errors.
func decoder() (runtime.Decoder, error) {
	if err := monitoringv1.AddToScheme(legacyscheme.Scheme); err != nil {
		return nil, err
	}
	return serializer.NewCodecFactory(legacyscheme.Scheme, serializer.EnableStrict).UniversalDeserializer(), nil
}

// checkKubernetes builds and checks each folder. Folders may refer to each other's Services.
func checkKubernetes(prometheus, definitions string, folders []string) (findings, error) {
	published, err := readSchemas(definitions)
	if err != nil {
		return nil, err
	}
	settings, err := readPrometheusSettings(prometheus)
	if err != nil {
		return nil, err
	}
	clusters, found, err := readClusters(published, folders)
	rules, failed := shippedRules(prometheus)
	if failed != nil {
		return found, failed
	}
	for _, it := range clusters {
		found = append(found, it.check(settings)...)
		found = append(found, it.checkRules(rules)...)
	}
	return found, err
}

// readClusters builds the folders. Without CRD schemas, the operator's objects are not validated.
func readClusters(published schemas, folders []string) ([]*cluster, findings, error) {
	decode, err := decoder()
	if err != nil {
		return nil, nil, err
	}
	var found findings
	var clusters []*cluster
	var world []manifest
	for _, folder := range folders {
		one, wrong := readCluster(decode, published, folder)
		found = append(found, wrong...)
		clusters = append(clusters, &one)
		world = append(world, one.manifests...)
	}
	for _, it := range clusters {
		it.world = world
	}
	return clusters, found, nil
}

func readCluster(decode runtime.Decoder, published schemas, folder string) (cluster, findings) {
	var found findings
	result := cluster{name: filepath.Base(folder)}
	documents, err := build(folder)
	if err != nil {
		found.add(result.name, "%v", err)
	}
	for _, document := range documents {
		object, kind, err := decode.Decode(document, nil, nil)
		if err != nil {
			head, _, _ := bytes.Cut(document, []byte("\nspec:"))
			found.add(result.name, "%v\n%s", err, head)
			continue
		}
		accessor := object.(interface{ GetName() string })
		where := fmt.Sprintf("%s: %s %s", result.name, kind.Kind, accessor.GetName())
		legacyscheme.Scheme.Default(object)
		admitted := admit(object)
		if kind.Group == monitoringv1.SchemeGroupVersion.Group && published != nil {
			admitted = published.admit(document)
		}
		for _, problem := range admitted {
			found.add(where, "%v", problem)
		}
		result.manifests = append(result.manifests, manifest{where, object})
	}
	return result, found
}

// admit validates a new object with defaults as the API server does, except for objects of the
// operator.
func admit(object runtime.Object) field.ErrorList {
	if object.GetObjectKind().GroupVersionKind().Group == monitoringv1.SchemeGroupVersion.Group {
		return nil
	}
	internal, err := legacyscheme.Scheme.UnsafeConvertToVersion(object.DeepCopyObject(), runtime.InternalGroupVersioner)
	if err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	pods := corevalidation.PodValidationOptions{}
	switch it := internal.(type) {
	case *core.Namespace:
		return corevalidation.ValidateNamespace(it)
	case *core.ServiceAccount:
		return withNamespace(it.Namespace, corevalidation.ValidateServiceAccount, it)
	case *core.Service:
		// The API server does this when only clusterIP is set.
		if it.Spec.ClusterIP == core.ClusterIPNone {
			it.Spec.ClusterIPs = []string{core.ClusterIPNone}
		}
		return withNamespace(it.Namespace, corevalidation.ValidateServiceCreate, it)
	case *core.ConfigMap:
		return withNamespace(it.Namespace, corevalidation.ValidateConfigMap, it)
	case *core.Secret:
		return withNamespace(it.Namespace, corevalidation.ValidateSecret, it)
	case *apps.StatefulSet:
		return appsvalidation.ValidateStatefulSet(it, pods)
	case *apps.DaemonSet:
		return appsvalidation.ValidateDaemonSet(it, pods)
	case *apps.Deployment:
		return appsvalidation.ValidateDeployment(it, pods)
	case *policy.PodDisruptionBudget:
		return policyvalidation.ValidatePodDisruptionBudget(it, policyvalidation.PodDisruptionBudgetValidationOptions{})
	case *networking.NetworkPolicy:
		return networkingvalidation.ValidateNetworkPolicy(it, networkingvalidation.NetworkPolicyValidationOptions{})
	case *rbac.ClusterRole:
		return rbacvalidation.ValidateClusterRole(it, rbacvalidation.ClusterRoleValidationOptions{})
	case *rbac.ClusterRoleBinding:
		return rbacvalidation.ValidateClusterRoleBinding(it)
	default:
		return field.ErrorList{field.InternalError(nil, fmt.Errorf("%T: validation is not implemented", internal))}
	}
}

func withNamespace[T any](namespace string, validate func(T) field.ErrorList, object T) field.ErrorList {
	if namespace == "" || namespace == corev1.NamespaceDefault {
		return field.ErrorList{field.Required(field.NewPath("metadata", "namespace"), "without it, the object is created in kubectl's current namespace")}
	}
	return validate(object)
}
