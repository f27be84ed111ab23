// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command semconvgen writes code and documentation of the semantic conventions, whose one source is the registry in
// sdk/semconv.
//
//	go run -C internal/tools ./semconvgen -registry ../../sdk/semconv -target sdk -out ../../sdk/semconv
//
// It writes nothing when the registry breaks one of its rules; the error names every fault.
package main

import (
	"bytes"
	"embed"
	"flag"
	"fmt"
	"go/format"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"text/template"

	"github.com/eventflux-io/eventflux-otel/internal/tools/semconvgen/internal/registry"
)

//go:embed templates
var templates embed.FS

func main() {
	from := flag.String("registry", ".", "folder with settings.yaml and registry/")
	target := flag.String("target", "", "what to write: a folder of templates")
	out := flag.String("out", ".", "folder to write to")
	flag.Parse()
	if err := run(os.DirFS(*from), *target, *out); err != nil {
		fmt.Fprintln(os.Stderr, "semconvgen:", err)
		os.Exit(1)
	}
}

// run renders every template of the target: templates/sdk/metrics_generated.go.tmpl becomes metrics_generated.go.
func run(from fs.FS, target, out string) error {
	conventions, err := registry.Load(from)
	if err != nil {
		return err
	}
	if err := checkIdentifiers(conventions); err != nil {
		return err
	}
	files, err := render(conventions, target)
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(files)) {
		if err := os.WriteFile(filepath.Join(out, name), files[name], 0o644); err != nil {
			return fmt.Errorf("could not write the result: %w", err)
		}
	}
	return nil
}

// render returns the files of a target by name.
func render(conventions *registry.Registry, target string) (map[string][]byte, error) {
	names, err := fs.Glob(templates, "templates/"+target+"/*.tmpl")
	if err != nil || len(names) == 0 {
		return nil, fmt.Errorf("there is no target %q", target)
	}
	parsed, err := template.New("").Funcs(functions).ParseFS(templates, names...)
	if err != nil {
		return nil, err
	}
	files := map[string][]byte{}
	for _, name := range names {
		var text bytes.Buffer
		base := filepath.Base(name)
		if err := parsed.ExecuteTemplate(&text, base, conventions); err != nil {
			return nil, err
		}
		made := text.Bytes()
		file := strings.TrimSuffix(base, ".tmpl")
		if filepath.Ext(file) == ".go" {
			if made, err = format.Source(made); err != nil {
				return nil, fmt.Errorf("%s is no Go: %w", file, err)
			}
		}
		files[file] = made
	}
	return files, nil
}
