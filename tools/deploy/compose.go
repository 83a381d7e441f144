package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/compose-spec/compose-go/v2/cli"
	"github.com/compose-spec/compose-go/v2/types"
)

// loadCompose reads a file as `docker compose` does, with an empty environment: schema,
// interpolation, names of networks, volumes and services. Unknown fields are errors.
func loadCompose(file string) (*types.Project, error) {
	options, err := cli.NewProjectOptions([]string{file}, cli.WithResolvedPaths(true), cli.WithNormalization(true), cli.WithConsistency(true))
	if err != nil {
		return nil, err
	}
	return options.LoadProject(context.Background())
}

// checkCompose applies the rules that `docker compose` does not have.
func checkCompose(project *types.Project) findings {
	var found findings
	for _, name := range project.ServiceNames() {
		service := project.Services[name]
		found = append(found, checkLeastPrivilege(service)...)
		found = append(found, checkMounts(project, service)...)
		found = append(found, checkHidden(service)...)
		found = append(found, checkHealth(project, service)...)
		found = append(found, checkNames(project, service)...)
		c := composeContainer(service)
		if c.isCollector() {
			found = append(found, checkCollector(c)...)
		}
	}
	return slices.Concat(found, checkPrometheus(project), checkAlertmanager(project), checkGrafana(project))
}

func composeContainer(service types.ServiceConfig) container {
	mounted := files{folders: map[string]string{}}
	var mounts []string
	for _, volume := range service.Volumes {
		mounts = append(mounts, volume.Target)
		if volume.Type == types.VolumeTypeBind {
			mounted.folders[volume.Target] = volume.Source
		}
	}
	environment := map[string]string{}
	for name, value := range service.Environment {
		if value != nil {
			environment[name] = *value
		}
	}
	return container{
		where:       service.Name,
		image:       service.Image,
		arguments:   service.Command,
		environment: environment,
		memory:      int64(service.MemLimit),
		files:       mounted,
		mounts:      mounts,
	}
}

func checkLeastPrivilege(service types.ServiceConfig) findings {
	var found findings
	require := func(holds bool, what string) {
		if !holds {
			found.add(service.Name, "%s", what)
		}
	}
	if err := exactTag(service.Image); err != nil {
		found.add(service.Name, "%v", err)
	}
	require(service.ReadOnly, "its file system is not read-only")
	require(slices.Equal(service.CapDrop, []string{"ALL"}), "cap_drop is not [ALL]")
	require(slices.Contains(service.SecurityOpt, "no-new-privileges:true"), "no-new-privileges is not set")
	require(!service.Privileged, "it is privileged")
	require(service.MemLimit > 0 && service.CPUS > 0 && service.PidsLimit > 0, "mem_limit, cpus and pids_limit are not all set")
	require(service.Restart != "", "no restart policy")
	require(service.Logging != nil && service.Logging.Options["max-size"] != "", "its log has no max-size")
	once := service.Restart == types.RestartPolicyNo && service.NetworkMode == "none"
	require(once || len(service.CapAdd) == 0, "cap_add in a long-running service or one with a network")
	user, _, _ := strings.Cut(service.User, ":")
	require(user != "" && (once || user != "0" && user != "root"), "it runs as root, or its user is not set")
	for _, port := range service.Ports {
		require(port.HostIP == "127.0.0.1", fmt.Sprintf("port %d is published on %q, not on loopback", port.Target, port.HostIP))
	}
	return found
}

// checkMounts checks bind mounts and secrets. Users create the secrets; they are never committed.
func checkMounts(project *types.Project, service types.ServiceConfig) findings {
	var found findings
	for _, volume := range service.Volumes {
		if volume.Type != types.VolumeTypeBind {
			continue
		}
		if _, err := os.Stat(volume.Source); err != nil {
			found.add(service.Name, "mounts %v", err)
		}
		if !volume.ReadOnly || volume.Bind == nil || bool(volume.Bind.CreateHostPath) {
			found.add(service.Name, "%s is mounted writable, or created when missing", volume.Source)
		}
	}
	for _, secret := range service.Secrets {
		if file := project.Secrets[secret.Source].File; filepath.Base(filepath.Dir(file)) != "secrets" {
			found.add(service.Name, "secret %s is %q, not in the folder `secrets`, which is never committed", secret.Source, file)
		}
	}
	return found
}

// tools are the programs in each image that a health check may call, according to the Dockerfiles
// (for prom/*, of quay.io/prometheus/busybox). otel/opentelemetry-collector-contrib contains only
// its binary, grafana/tempo has no shell.
var tools = map[string][]string{
	"prom/prometheus":   {"wget", "promtool"},
	"prom/alertmanager": {"wget", "amtool"},
	"grafana/grafana":   {"wget"},
	"grafana/tempo":     {"/tempo"},
}

// checkHealth checks health checks and dependencies on them. A service without one needs a second
// service that checks it.
func checkHealth(project *types.Project, service types.ServiceConfig) findings {
	var found findings
	image, _, _ := strings.Cut(service.Image, ":")
	if service.HealthCheck == nil {
		once := service.Restart == types.RestartPolicyNo && completes(project, service.Name)
		checker := project.Services[service.Name+"-health"]
		_, depends := checker.DependsOn[service.Name]
		if !once && !(depends && checker.HealthCheck != nil) {
			found.add(service.Name, "no health check, and no service %s-health that checks it", service.Name)
		}
	} else if test := service.HealthCheck.Test; len(test) < 2 || test[0] != "CMD" || !slices.Contains(tools[image], test[1]) {
		found.add(service.Name, "health check %q calls a program that image %s does not have (it has %q)", test, image, tools[image])
	}
	for name, dependency := range service.DependsOn {
		if dependency.Condition == types.ServiceConditionHealthy && project.Services[name].HealthCheck == nil {
			found.add(service.Name, "waits for %s to be healthy, which has no health check", name)
		}
	}
	return found
}

// completes returns whether another service waits for this one to complete. Otherwise `up --wait`
// treats its exit as a failure.
func completes(project *types.Project, name string) bool {
	for _, other := range project.Services {
		if other.DependsOn[name].Condition == types.ServiceConditionCompletedSuccessfully {
			return true
		}
	}
	return false
}
