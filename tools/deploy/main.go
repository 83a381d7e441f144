// Deploy checks the Compose file and the Kubernetes manifests, without a container engine or a
// cluster.
//
//	deploy compose FILE           checks a Compose file with Compose's own loader
//	deploy kubernetes PROMETHEUS.yaml DEFINITIONS FOLDER...
//	                              builds each folder with kustomize and validates the objects as
//	                              the API server does; DEFINITIONS is a folder with the CRDs of
//	                              the Prometheus operator
//	deploy render FOLDER          prints the objects that kustomize builds
//	deploy collectors COMPOSE.yaml FOLDER...
//	                              prints configurations and environment of every collector as JSON
//
// Prints one line per problem. The exit status is 1 if there are any.
package main

import (
	"fmt"
	"os"
)

func main() {
	found, err := run(os.Args[1:])
	if err != nil {
		found.add("deploy", "%v", err)
	}
	for _, line := range found {
		fmt.Fprintln(os.Stderr, line)
	}
	if len(found) > 0 {
		os.Exit(1)
	}
}

func run(arguments []string) (findings, error) {
	if len(arguments) < 2 {
		return nil, fmt.Errorf("expected `compose FILE`, `kubernetes PROMETHEUS.yaml DEFINITIONS FOLDER...`, `render FOLDER` or `collectors COMPOSE.yaml FOLDER...`, got %q", arguments)
	}
	verb, paths := arguments[0], arguments[1:]
	if verb == "kubernetes" && len(paths) < 3 {
		return nil, fmt.Errorf("kubernetes: expected PROMETHEUS.yaml, DEFINITIONS and FOLDER..., got %q", paths)
	}
	var found findings
	switch verb {
	case "compose":
		project, err := loadCompose(paths[0])
		if err != nil {
			return nil, err
		}
		return checkCompose(project), nil
	case "kubernetes":
		return checkKubernetes(paths[0], paths[1], paths[2:])
	case "collectors":
		return printCollectors(paths[0], paths[1:])
	case "render":
		documents, err := build(paths[0])
		for _, document := range documents {
			fmt.Printf("---\n%s", document)
		}
		return nil, err
	default:
		return found, fmt.Errorf("unknown command %q", verb)
	}
}

// findings are problems, one line each.
type findings []string

func (f *findings) add(where, format string, arguments ...any) {
	*f = append(*f, where+": "+fmt.Sprintf(format, arguments...))
}
