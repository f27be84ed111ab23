// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"regexp"

	"go.yaml.in/yaml/v3"
)

// settings is settings.yaml.
type settings struct {
	Families []struct {
		File  string
		Title string
	}
	Buckets map[string][]float64
	Imports []attribute
}

// group is one entry under `groups`. A field that its type does not use stays empty.
type group struct {
	ID          string
	Type        string
	Name        string
	DisplayName string `yaml:"display_name"`
	Stability   string
	Brief       string
	Note        string
	MetricName  string `yaml:"metric_name"`
	Instrument  string
	Unit        string
	Extends     string
	SpanKind    string `yaml:"span_kind"`
	Annotations struct{ Eventflux annotation }
	Attributes  []attribute

	file string
}

func (g *group) place() Place { return Place{g.file, g.ID} }

// annotation is what the format leaves to the project.
type annotation struct {
	Level          string
	PrometheusName string `yaml:"prometheus_name"`
	Fixed          bool
	Buckets        string
	Method         string
	Handle         *struct {
		Go, Owner, Prefix string
		Written           bool
	}
	Name     string
	Parent   string
	Severity string
}

// attribute declares an attribute by id or uses one by ref.
type attribute struct {
	ID, Ref          string
	Stability        string
	Type             attributeType
	Brief, Note      string
	Examples         []any
	RequirementLevel string `yaml:"requirement_level"`
	Role             string
}

// attributeType is a word or a list of members.
type attributeType struct {
	word    string
	members []member
}

type member struct {
	ID, Value, Brief, Stability string
}

// UnmarshalYAML implements yaml.Unmarshaler.
func (t *attributeType) UnmarshalYAML(node *yaml.Node) error {
	if node.Kind == yaml.ScalarNode {
		t.word = node.Value
		return nil
	}
	t.word = "enum"
	var enum struct{ Members []member }
	if err := strict(node, &enum); err != nil {
		return err
	}
	t.members = enum.Members
	return nil
}

// parseFile returns the groups of a registry file. A group that cannot be read is named in the error; the others are
// returned all the same.
func parseFile(name string, text []byte) ([]*group, error) {
	var file struct{ Groups []yaml.Node }
	if err := known(text, &file); err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	var groups []*group
	var errs []error
	for i := range file.Groups {
		g := &group{file: name}
		err := strict(&file.Groups[i], g)
		if err != nil {
			_ = file.Groups[i].Decode(&struct{ ID *string }{&g.ID})
			errs = append(errs, fmt.Errorf("%s: %w", g.place(), err))
			continue
		}
		groups = append(groups, g)
	}
	return groups, errors.Join(errs...)
}

// strict decodes node and refuses unknown keys, which Node.Decode cannot.
func strict(node *yaml.Node, into any) error {
	text, err := yaml.Marshal(node)
	if err != nil {
		return err
	}
	return known(text, into)
}

// line is the position inside a re-encoded group, which means nothing to the reader; Go type names neither.
var line = regexp.MustCompile(`(yaml: unmarshal errors:\n *|line \d+: | in type .*)`)

// known decodes text and refuses unknown keys.
func known(text []byte, into any) error {
	d := yaml.NewDecoder(bytes.NewReader(text))
	d.KnownFields(true)
	if err := d.Decode(into); err != nil && !errors.Is(err, io.EOF) {
		return errors.New(line.ReplaceAllString(err.Error(), ""))
	}
	return nil
}
