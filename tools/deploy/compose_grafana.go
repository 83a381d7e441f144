package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/types"
	"sigs.k8s.io/yaml"
)

// provisioned matches `${NAME}` in Grafana's provisioning files, where `$$` is a dollar sign.
var provisioned = regexp.MustCompile(`(\$\$)?\$\{([A-Za-z0-9_]+)\}`)

// checkGrafana compares Grafana's environment with the variables of its provisioning files, which
// support no defaults.
func checkGrafana(project *types.Project) findings {
	var found findings
	service, ok := project.Services["grafana"]
	if !ok {
		found.add("grafana", "no such service")
		return found
	}
	c := composeContainer(service)
	used := map[string]bool{}
	folder, ok := c.files.source("/etc/grafana/provisioning")
	if !ok {
		found.add(c.where, "nothing is mounted at /etc/grafana/provisioning")
	}
	err := filepath.WalkDir(folder, func(file string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(file)
		for _, match := range provisioned.FindAllStringSubmatch(string(text), -1) {
			used[match[2]] = true
		}
		return err
	})
	if err != nil {
		found.add(c.where, "%v", err)
	}
	for name := range used {
		found.require(c.where, c.environment[name] != "", "%s is not set, but its provisioning files use it", name)
	}
	for name := range c.environment {
		found.require(c.where, !strings.HasPrefix(name, "STAGELIGHT_") || used[name], "%s is set, but no provisioning file uses it", name)
	}
	dashboards := c.environment["STAGELIGHT_DASHBOARDS_DIR"]
	found.require(c.where, len(c.files.glob(dashboards, "*.json")) > 0, "no dashboards at %q", dashboards)
	found.require(c.where, c.environment["GF_PLUGINS_PREINSTALL_DISABLED"] == "true", "GF_PLUGINS_PREINSTALL_DISABLED is not set, but its file system is read-only")
	for name, value := range c.environment {
		if path, ok := strings.CutPrefix(value, "/run/secrets/"); ok {
			has := slices.ContainsFunc(service.Secrets, func(secret types.ServiceSecretConfig) bool { return secret.Source == path })
			found.require(c.where, has, "%s refers to a secret that is not mounted", name)
		}
	}
	slices.Sort(found)
	return found
}

// alertmanagerSecret matches the secret files in an Alertmanager configuration.
var alertmanagerSecret = regexp.MustCompile(`(?m)^\s*(?:- )?[a-z_]+_file: *(/\S+)$`)

// checkAlertmanager checks that the files in Alertmanager's configuration are mounted.
func checkAlertmanager(project *types.Project) findings {
	var found findings
	service, ok := project.Services["alertmanager"]
	if !ok {
		found.add("alertmanager", "no such service")
		return found
	}
	c := composeContainer(service)
	for _, name := range c.flag("--config.file") {
		text, err := c.files.read(name)
		var configuration struct {
			Templates []string `json:"templates"`
		}
		if err == nil {
			err = yaml.Unmarshal(text, &configuration)
		}
		if err != nil {
			found.add(c.where, "%s: %v", name, err)
			continue
		}
		for _, pattern := range configuration.Templates {
			found.require(c.where, len(c.files.glob(filepath.Dir(name), pattern)) > 0, "templates: %s matches no mounted file", pattern)
		}
		for _, match := range alertmanagerSecret.FindAllStringSubmatch(string(text), -1) {
			has := slices.ContainsFunc(service.Secrets, func(secret types.ServiceSecretConfig) bool { return secret.Target == match[1] })
			found.require(c.where, has, "%s names %s, which is none of its secrets", name, match[1])
		}
	}
	found.require(c.where, len(c.flag("--config.file")) == 1, "no --config.file argument")
	return found
}

// checkHidden checks mounts inside other mounts: the inner one has to contain all files of the
// outer one that it hides.
func checkHidden(service types.ServiceConfig) findings {
	var found findings
	for _, inner := range service.Volumes {
		outer := composeContainer(service).files
		delete(outer.folders, inner.Target)
		hidden, ok := outer.source(inner.Target)
		if inner.Type != types.VolumeTypeBind || !ok {
			continue
		}
		entries, err := os.ReadDir(hidden)
		if err != nil {
			found.add(service.Name, "%s has no mount point: %v", inner.Target, err)
		}
		for _, entry := range entries {
			_, err := os.Stat(filepath.Join(inner.Source, entry.Name()))
			found.require(service.Name, err == nil, "%s hides %s and does not have it", inner.Source, entry.Name())
		}
	}
	return found
}
