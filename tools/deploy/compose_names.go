package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// address is `host:port`, alone or in a URL.
var address = regexp.MustCompile(`^(?:[a-z]+://)?([a-z][a-z0-9-]*):([0-9]+)(?:/|$)`)

// checkNames checks that every address in the environment is a reachable service.
func checkNames(project *types.Project, service types.ServiceConfig) findings {
	var found findings
	for name, value := range service.Environment {
		if value != nil {
			if err := reachable(project, service, *value); err != nil {
				found.add(service.Name, "%s: %v", name, err)
			}
		}
	}
	for _, argument := range healthTest(service) {
		if err := reachable(project, service, argument); err != nil {
			found.add(service.Name, "health check: %v", err)
		}
	}
	return found
}

// reachable returns an error if a service cannot reach an address. Other text is ignored.
func reachable(project *types.Project, from types.ServiceConfig, text string) error {
	match := address.FindStringSubmatch(text)
	if match == nil || match[1] == "localhost" {
		return nil
	}
	to, ok := project.Services[match[1]]
	if !ok {
		return fmt.Errorf("%q names no service", text)
	}
	for network := range from.Networks {
		if _, ok := to.Networks[network]; ok {
			return nil
		}
	}
	return fmt.Errorf("%q is on none of its networks", text)
}

// prometheusFile has the parts of a Prometheus configuration that refer to other files.
type prometheusFile struct {
	RuleFiles     []string       `json:"rule_files"`
	ScrapeConfigs []scrapeConfig `json:"scrape_configs"`
	Alerting      struct {
		Alertmanagers []scrapeConfig `json:"alertmanagers"`
	} `json:"alerting"`
}

type scrapeConfig struct {
	FileSDConfigs []struct {
		Files []string `json:"files"`
	} `json:"file_sd_configs"`
	StaticConfigs []targetGroup `json:"static_configs"`
}

type targetGroup struct {
	Targets []string          `json:"targets"`
	Labels  map[string]string `json:"labels"`
}

// checkPrometheus checks the flags and files of Prometheus that the other services rely on.
func checkPrometheus(project *types.Project) findings {
	var found findings
	service, ok := project.Services["prometheus"]
	if !ok {
		found.add("prometheus", "no such service")
		return found
	}
	c := composeContainer(service)
	for _, wanted := range []string{"--web.enable-otlp-receiver", "--enable-feature=exemplar-storage"} {
		if !slices.Contains(c.arguments, wanted) {
			found.add(c.where, "flag %s is missing: metrics or exemplars are rejected", wanted)
		}
	}
	for _, name := range c.flag("--config.file") {
		text, err := c.files.read(name)
		var configuration prometheusFile
		if err == nil {
			err = yaml.Unmarshal(text, &configuration)
		}
		if err != nil {
			found.add(c.where, "%s: %v", name, err)
			continue
		}
		found = append(found, checkPrometheusFiles(project, service, c, path.Dir(name), configuration)...)
	}
	return found
}

func checkPrometheusFiles(project *types.Project, service types.ServiceConfig, c container, folder string, configuration prometheusFile) findings {
	var found findings
	for _, pattern := range configuration.RuleFiles {
		if len(c.files.glob(folder, pattern)) == 0 {
			found.add(c.where, "rule_files: %s matches no mounted file", pattern)
		}
	}
	for _, config := range slices.Concat(configuration.ScrapeConfigs, configuration.Alerting.Alertmanagers) {
		groups := config.StaticConfigs
		for _, discovery := range config.FileSDConfigs {
			for _, pattern := range discovery.Files {
				matches := c.files.glob(folder, pattern)
				if len(matches) == 0 {
					found.add(c.where, "file_sd_configs: %s matches no mounted file", pattern)
				}
				for _, match := range matches {
					read, err := readTargets(match)
					if err != nil {
						found.add(c.where, "%v", err)
					}
					groups = append(groups, read...)
				}
			}
		}
		for _, group := range groups {
			for _, target := range group.Targets {
				if err := reachable(project, service, target); err != nil {
					found.add(c.where, "target %v", err)
				} else if address.FindString(target) == "" {
					found.add(c.where, "target %q names no service", target)
				}
			}
		}
	}
	return found
}

func readTargets(file string) ([]targetGroup, error) {
	text, err := os.ReadFile(file)
	if err != nil {
		return nil, err
	}
	var groups []targetGroup
	if err := yaml.UnmarshalStrict(text, &groups); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return groups, nil
}

// glob returns the files on this machine that match a pattern in the container. Relative patterns
// start at a folder.
func (f files) glob(folder, pattern string) []string {
	if !strings.HasPrefix(pattern, "/") {
		pattern = path.Join(folder, pattern)
	}
	source, ok := f.source(path.Dir(pattern))
	if !ok {
		return nil
	}
	matches, _ := filepath.Glob(filepath.Join(source, path.Base(pattern)))
	return matches
}

func healthTest(service types.ServiceConfig) []string {
	if service.HealthCheck == nil {
		return nil
	}
	return service.HealthCheck.Test
}
