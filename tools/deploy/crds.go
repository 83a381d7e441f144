package main

import (
	"fmt"
	"os"
	"path/filepath"

	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/yaml"
)

// schemas are the schemas of custom resources, by version and kind.
type schemas map[string]validation.SchemaValidator

// readSchemas reads all CustomResourceDefinitions in a folder.
func readSchemas(folder string) (schemas, error) {
	files, err := filepath.Glob(filepath.Join(folder, "*.yaml"))
	if err != nil || len(files) == 0 {
		return nil, fmt.Errorf("no CustomResourceDefinitions in %s", folder)
	}
	all := schemas{}
	for _, file := range files {
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		var definition apiextensionsv1.CustomResourceDefinition
		if err := yaml.Unmarshal(text, &definition); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
		for _, version := range definition.Spec.Versions {
			var schema apiextensions.JSONSchemaProps
			if err := apiextensionsv1.Convert_v1_JSONSchemaProps_To_apiextensions_JSONSchemaProps(version.Schema.OpenAPIV3Schema, &schema, nil); err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			validator, _, err := validation.NewSchemaValidator(&schema)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", file, err)
			}
			all[definition.Spec.Group+"/"+version.Name+" "+definition.Spec.Names.Kind] = validator
		}
	}
	return all, nil
}

// admit validates a custom resource as the API server does, except for CEL rules.
func (s schemas) admit(document []byte) field.ErrorList {
	var object map[string]any
	if err := yaml.Unmarshal(document, &object); err != nil {
		return field.ErrorList{field.InternalError(nil, err)}
	}
	kind := fmt.Sprintf("%v %v", object["apiVersion"], object["kind"])
	validator, ok := s[kind]
	if !ok {
		return field.ErrorList{field.NotFound(nil, kind)}
	}
	return validation.ValidateCustomResource(nil, object, validator)
}
