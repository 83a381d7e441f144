package main

import (
	"fmt"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// container has the common properties of a Compose service and a container in a pod.
type container struct {
	where       string
	image       string
	arguments   []string
	environment map[string]string
	// Memory limit in bytes; 0 is unlimited.
	memory int64
	files  files
	// Mount points. Everything else is the image's read-only file system.
	mounts []string
}

// files are the mounted files: paths on this machine, and contents that exist only in manifests.
type files struct {
	folders  map[string]string
	contents map[string]string
}

// read returns the content of a mounted file.
func (f files) read(name string) ([]byte, error) {
	if content, ok := f.contents[name]; ok {
		return []byte(content), nil
	}
	source, ok := f.source(name)
	if !ok {
		return nil, fmt.Errorf("nothing is mounted at %s", name)
	}
	return os.ReadFile(source)
}

// source returns the path on this machine of a path in the container, from the innermost mount.
func (f files) source(name string) (string, bool) {
	for at := path.Clean(name); ; at = path.Dir(at) {
		if source, ok := f.folders[at]; ok {
			return filepath.Join(source, strings.TrimPrefix(path.Clean(name), at)), true
		}
		if at == "/" || at == "." {
			return "", false
		}
	}
}

// flag returns the values of `--name=value`.
func (c container) flag(name string) []string {
	var values []string
	for _, argument := range c.arguments {
		if value, ok := strings.CutPrefix(argument, name+"="); ok {
			values = append(values, value)
		}
	}
	return values
}

// isCollector returns whether the image is an OpenTelemetry Collector.
func (c container) isCollector() bool {
	return strings.Contains(c.image, "opentelemetry-collector")
}

// variable matches `${env:NAME:-default}` in a collector's configuration.
var variable = regexp.MustCompile(`\$\{env:([A-Za-z0-9_]+)(:-([^}]*))?\}`)

// checkCollector compares a collector's environment with the variables of its configurations.
func checkCollector(c container) findings {
	var found findings
	configurations := c.flag("--config")
	if len(configurations) == 0 {
		found.add(c.where, "no --config=FILE argument: %q", c.arguments)
	}
	read := map[string]bool{}
	for _, name := range configurations {
		text, err := c.files.read(name)
		if err != nil {
			found.add(c.where, "--config=%s: %v", name, err)
			continue
		}
		for _, match := range variable.FindAllStringSubmatch(withoutComments(string(text)), -1) {
			name, hasDefault, fallback := match[1], match[2] != "", match[3]
			if read[name] {
				continue
			}
			read[name] = true
			value, set := c.environment[name]
			if !set {
				value = fallback
			}
			switch {
			case strings.HasPrefix(value, "/") && value != "/" && !c.isMounted(value):
				found.add(c.where, "%s is %q, where nothing is mounted", name, value)
			case set:
			case !hasDefault:
				found.add(c.where, "%s is not set and has no default", name)
			case strings.Contains(fallback, "127.0.0.1") || strings.Contains(fallback, "localhost"):
				found.add(c.where, "%s is not set, and its default %q is the container itself", name, fallback)
			}
		}
	}
	for name := range c.environment {
		if strings.HasPrefix(name, "STAGELIGHT_") && !read[name] {
			found.add(c.where, "%s is set, but none of its configurations reads it", name)
		}
	}
	slices.Sort(found)
	found = append(found, checkPipelines(c)...)
	return append(found, checkMemory(c)...)
}

func (c container) isMounted(name string) bool {
	return slices.ContainsFunc(c.mounts, func(mount string) bool {
		return name == mount || strings.HasPrefix(name, mount+"/")
	})
}

// checkMemory checks the order of the collector's memory limits: GOMEMLIMIT below memory_limiter
// below the container's limit.
func checkMemory(c container) findings {
	var found findings
	limiter, err := strconv.ParseInt(c.environment["STAGELIGHT_COLLECTOR_MEMORY_MIB"], 10, 64)
	if err != nil {
		found.add(c.where, "STAGELIGHT_COLLECTOR_MEMORY_MIB is not a number: %v", err)
		return found
	}
	garbage, err := strconv.ParseInt(strings.TrimSuffix(c.environment["GOMEMLIMIT"], "MiB"), 10, 64)
	if err != nil {
		found.add(c.where, "GOMEMLIMIT is not a number of MiB: %v", err)
		return found
	}
	kernel := c.memory >> 20
	if !(garbage < limiter && limiter < kernel) {
		found.add(c.where, "memory limits are not ascending: GOMEMLIMIT %d MiB, memory_limiter %d MiB, container %d MiB", garbage, limiter, kernel)
	}
	return found
}

// withoutComments removes comments: from a `#` at the start of a line or after a space.
func withoutComments(text string) string {
	return comment.ReplaceAllString(text, "$1")
}

var comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)

// exactTag returns an error unless the image's tag is an exact version.
func exactTag(image string) error {
	name, tag, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	if !ok || !versionTag.MatchString(tag) {
		return fmt.Errorf("image %q: %q needs an exact version as its tag", image, name)
	}
	return nil
}

var versionTag = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)
