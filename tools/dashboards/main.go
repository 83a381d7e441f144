// Dashboards validates Grafana dashboards against the schema of Grafana's foundation SDK.
//
//	dashboards FILE...
//
// Unknown fields, missing required fields, wrong types and unknown panel options are errors. Prints
// one line per error. The exit status is 1 if there are any.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// Annotation fields of Grafana's Prometheus data source that are not in the schema: see its
// annotations.ts.
var prometheusAnnotation = []string{"titleFormat", "textFormat", "tagKeys", "useValueForTime"}

func main() {
	plugins.RegisterDefaultPlugins()
	files := os.Args[1:]
	if len(files) == 0 {
		fmt.Fprintln(os.Stderr, "dashboards: no file given")
		os.Exit(2)
	}
	failed := false
	for _, file := range files {
		if err := check(file); err != nil {
			failed = true
			fmt.Fprintf(os.Stderr, "%s: %v\n", file, err)
		}
	}
	if failed {
		os.Exit(1)
	}
}

func check(file string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	text, err = withoutAnnotationTexts(text)
	if err != nil {
		return err
	}
	var read dashboard.Dashboard
	if err := read.UnmarshalJSONStrict(text); err != nil {
		return err
	}
	return read.Validate()
}

// withoutAnnotationTexts removes the Prometheus annotation fields that are not in the schema.
func withoutAnnotationTexts(text []byte) ([]byte, error) {
	var document map[string]any
	if err := json.Unmarshal(text, &document); err != nil {
		return nil, err
	}
	annotations, _ := document["annotations"].(map[string]any)
	list, _ := annotations["list"].([]any)
	for _, it := range list {
		annotation, _ := it.(map[string]any)
		source, _ := annotation["datasource"].(map[string]any)
		if source["type"] != "prometheus" {
			continue
		}
		for _, field := range prometheusAnnotation {
			delete(annotation, field)
		}
	}
	return json.Marshal(document)
}
