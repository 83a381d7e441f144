// Dashboards checks Grafana dashboards against Grafana's own schema, as its foundation SDK has it.
//
//	dashboards FILE...
//
// Fields that the schema does not know, required ones that are missing, values of the wrong type and options that a panel does not have are
// errors. It prints one line for each, and ends with 1 if there was any.
package main

import (
	"encoding/json"
	"fmt"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
)

// What Grafana's Prometheus data source reads of an annotation besides the schema's fields: see its annotations.ts.
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

// withoutAnnotationTexts leaves out the fields of Prometheus annotations that the schema leaves to the data source.
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
