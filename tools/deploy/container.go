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

// container is what a Compose service and a container of a pod have in common.
type container struct {
	where       string
	image       string
	arguments   []string
	environment map[string]string
	// The memory it may use, in bytes; 0 is no limit.
	memory int64
	files  files
	// Where anything is mounted. Everything else is the image's, and read-only.
	mounts []string
}

// files is what is mounted: folders and files of this machine, and contents that are known without one.
type files struct {
	folders  map[string]string
	contents map[string]string
}

// read returns a file of the container, if it is one that was mounted.
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

// source returns where a path of the container is on this machine. The longest mount that holds it counts.
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

// isCollector says whether the program is a collector, by its image.
func (c container) isCollector() bool {
	return strings.Contains(c.image, "opentelemetry-collector")
}

// variable is `${env:NAME:-default}` in a collector's configuration.
var variable = regexp.MustCompile(`\$\{env:([A-Za-z0-9_]+)(:-([^}]*))?\}`)

// checkCollector holds a collector's environment against what its configurations read.
func checkCollector(c container) findings {
	var found findings
	configurations := c.flag("--config")
	if len(configurations) == 0 {
		found.add(c.where, "no --config=FILE among its arguments %q", c.arguments)
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
			found.add(c.where, "%s is set, and no configuration of it reads that", name)
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

// checkMemory holds the collector's three ideas of its memory against each other: Go's is below the limiter's, and that
// is below the kernel's.
func checkMemory(c container) findings {
	var found findings
	limiter, err := strconv.ParseInt(c.environment["STAGELIGHT_COLLECTOR_MEMORY_MIB"], 10, 64)
	if err != nil {
		found.add(c.where, "STAGELIGHT_COLLECTOR_MEMORY_MIB is no number: %v", err)
		return found
	}
	garbage, err := strconv.ParseInt(strings.TrimSuffix(c.environment["GOMEMLIMIT"], "MiB"), 10, 64)
	if err != nil {
		found.add(c.where, "GOMEMLIMIT is no number of MiB: %v", err)
		return found
	}
	kernel := c.memory >> 20
	if !(garbage < limiter && limiter < kernel) {
		found.add(c.where, "memory: GOMEMLIMIT %d MiB, memory_limiter %d MiB, container %d MiB have to be in this order", garbage, limiter, kernel)
	}
	return found
}

// withoutComments blanks what follows a `#` at the start of a line or after a space.
func withoutComments(text string) string {
	return comment.ReplaceAllString(text, "$1")
}

var comment = regexp.MustCompile(`(?m)(^|\s)#.*$`)

// exactTag refuses images that may be another one tomorrow.
func exactTag(image string) error {
	name, tag, ok := strings.Cut(image[strings.LastIndex(image, "/")+1:], ":")
	if !ok || !versionTag.MatchString(tag) {
		return fmt.Errorf("image %q: %q needs an exact version as its tag", image, name)
	}
	return nil
}

var versionTag = regexp.MustCompile(`^v?[0-9]+\.[0-9]+\.[0-9]+(-[a-z0-9.]+)?(@sha256:[0-9a-f]{64})?$`)
