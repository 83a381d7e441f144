package main

import (
	"encoding/json"
	"os"
	"slices"

	"sigs.k8s.io/yaml"
)

// pipelines are the lists of a collector's configuration that merging replaces as a whole.
type pipelines struct {
	Processors map[string]any `json:"processors"`
	Service    struct {
		Pipelines map[string]struct {
			Processors []string `json:"processors"`
		} `json:"pipelines"`
	} `json:"service"`
}

// checkPipelines compares the processors of each pipeline in additional configurations with those
// of the first: except for processors that the additional one defines, they have to be the same.
func checkPipelines(c container) findings {
	var found findings
	var base pipelines
	for number, name := range c.flag("--config") {
		text, err := c.files.read(name)
		var read pipelines
		if err == nil {
			err = yaml.Unmarshal(text, &read)
		}
		if err != nil {
			found.add(c.where, "%s: %v", name, err)
			continue
		}
		if number == 0 {
			base = read
			continue
		}
		for pipeline, it := range read.Service.Pipelines {
			if it.Processors == nil {
				continue
			}
			kept := slices.DeleteFunc(slices.Clone(it.Processors), func(processor string) bool {
				_, added := read.Processors[processor]
				return added
			})
			if wanted := base.Service.Pipelines[pipeline].Processors; !slices.Equal(kept, wanted) {
				found.add(c.where, "%s: pipeline %s repeats %q of the processors %q", name, pipeline, kept, wanted)
			}
		}
	}
	return found
}

// described has everything needed to start a collector.
type described struct {
	Where       string            `json:"where"`
	Environment map[string]string `json:"environment"`
	// Contents of the configuration files, in order.
	Configurations []string `json:"configurations"`
}

// printCollectors prints every collector of a Compose file and of kustomize folders as JSON.
func printCollectors(compose string, folders []string) (findings, error) {
	project, err := loadCompose(compose)
	if err != nil {
		return nil, err
	}
	var all []container
	for _, service := range project.Services {
		if c := composeContainer(service); c.isCollector() {
			all = append(all, c)
		}
	}
	clusters, found, err := readClusters(nil, folders)
	if err != nil {
		return found, err
	}
	for _, it := range clusters {
		for _, one := range it.manifests {
			if w, ok := workloadOf(one); ok {
				collectors, wrong := w.collectors(it)
				all, found = append(all, collectors...), append(found, wrong...)
			}
		}
	}
	var list []described
	for _, c := range all {
		one := described{Where: c.where, Environment: c.environment}
		for _, name := range c.flag("--config") {
			text, err := c.files.read(name)
			if err != nil {
				found.add(c.where, "%s: %v", name, err)
			}
			one.Configurations = append(one.Configurations, string(text))
		}
		list = append(list, one)
	}
	return found, json.NewEncoder(os.Stdout).Encode(list)
}
