// Deploy checks the ways to deploy that are shipped, without a container engine or a cluster.
//
//	deploy compose FILE           a Compose file, with Compose's own loader
//	deploy kubernetes FOLDER...   what kustomize builds of each folder, with the API server's own validation
//	deploy render FOLDER          prints what kustomize builds of it
//	deploy collectors PATH...     prints, as JSON, each collector in these files and folders: configurations and environment
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
		return nil, fmt.Errorf("expected `compose FILE`, `kubernetes FOLDER...`, `render FOLDER` or `collectors PATH...`, got %q", arguments)
	}
	verb, paths := arguments[0], arguments[1:]
	var found findings
	switch verb {
	case "compose":
		project, err := loadCompose(paths[0])
		if err != nil {
			return nil, err
		}
		return checkCompose(project), nil
	default:
		return found, fmt.Errorf("no such command: %q", verb)
	}
}

// findings is what is wrong, a line each.
type findings []string

func (f *findings) add(where, format string, arguments ...any) {
	*f = append(*f, where+": "+fmt.Sprintf(format, arguments...))
}
