// Deploy checks the ways to deploy that are shipped, without a container engine or a cluster.
//
//	deploy compose FILE           a Compose file, with Compose's own loader
//	deploy kubernetes PROMETHEUS.yaml DEFINITIONS FOLDER...
//	                              what kustomize builds of each folder, with the API server's own validation; the folder
//	                              DEFINITIONS has the CustomResourceDefinitions of the Prometheus operator
//	deploy render FOLDER          prints what kustomize builds of it
//	deploy collectors COMPOSE.yaml FOLDER...
//	                              prints, as JSON, the configurations and the environment of each collector in them
//
// It prints one line for everything that is wrong, and ends with 1 if there was any.
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
		return found, fmt.Errorf("no such command: %q", verb)
	}
}

// findings is what is wrong, a line each.
type findings []string

func (f *findings) add(where, format string, arguments ...any) {
	*f = append(*f, where+": "+fmt.Sprintf(format, arguments...))
}
