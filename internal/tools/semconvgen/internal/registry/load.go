// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"errors"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
)

// manifest is the file that only Weaver reads.
const manifest = "registry_manifest.yaml"

// Load reads settings.yaml and the files of registry/ from root. The error names every fault, each with its file and
// the id of its group.
func Load(root fs.FS) (*Registry, error) {
	var set settings
	text, err := fs.ReadFile(root, "settings.yaml")
	if err != nil {
		return nil, fmt.Errorf("could not read the settings: %w", err)
	}
	if err := known(text, &set); err != nil {
		return nil, fmt.Errorf("settings.yaml: %w", err)
	}
	names, err := fs.Glob(root, "registry/*.yaml")
	if err != nil {
		return nil, fmt.Errorf("could not list the registry: %w", err)
	}
	var files []file
	for _, name := range names {
		if path.Base(name) == manifest {
			continue
		}
		text, err := fs.ReadFile(root, name)
		if err != nil {
			return nil, fmt.Errorf("could not read the registry: %w", err)
		}
		files = append(files, file{path.Base(name), text})
	}
	return resolve(set, files)
}

type file struct {
	name string
	text []byte
}

// resolve turns files into a Registry: declarations first, then what refers to them.
func resolve(set settings, files []file) (*Registry, error) {
	r := &resolver{
		registry:   &Registry{Buckets: set.Buckets},
		attributes: map[string]*Attribute{}, handles: map[string]*Handle{}, seen: map[string]Place{},
	}
	byFile := map[string][]*group{}
	for _, f := range files {
		groups, err := parseFile(f.name, f.text)
		r.errs = append(r.errs, err)
		byFile[f.name] = groups
	}
	ordered := r.ordered(set, files, byFile)
	each := func(visit func(*group)) {
		for _, f := range ordered {
			for _, g := range byFile[f] {
				visit(g)
			}
		}
	}
	each(r.declarations)
	for i := range set.Imports {
		r.declare(Place{"settings.yaml", "imports"}, &set.Imports[i], true)
	}
	each(r.handle)
	each(r.signal)
	for _, f := range set.Families {
		family := &Family{Title: f.Title}
		for _, m := range slices.Concat(r.registry.Metrics, r.registry.Derived) {
			if m.File == f.File {
				family.Metrics = append(family.Metrics, m)
			}
		}
		r.registry.Families = append(r.registry.Families, family)
	}
	r.check()
	return r.registry, errors.Join(r.errs...)
}

// ordered returns the names of all files: the families as the settings list them, then the rest. A file with metrics
// that is no family is an error, for its metrics would be missing from the documentation.
func (r *resolver) ordered(set settings, files []file, groups map[string][]*group) []string {
	var names []string
	for _, f := range set.Families {
		names = append(names, f.File)
		if _, ok := groups[f.File]; !ok {
			r.fault(Place{"settings.yaml", "families"}, "there is no registry/%s", f.File)
		}
	}
	for _, f := range files {
		if slices.Contains(names, f.name) {
			continue
		}
		for _, g := range groups[f.name] {
			if g.Type == "metric" {
				r.fault(g.place(), "the file is not among the families of settings.yaml")
			}
		}
		names = append(names, f.name)
	}
	return names
}

// resolver collects the registry and every fault in it.
type resolver struct {
	registry   *Registry
	attributes map[string]*Attribute
	handles    map[string]*Handle
	seen       map[string]Place // ids of groups and names of signals
	errs       []error
}

func (r *resolver) fault(at Place, format string, args ...any) {
	r.errs = append(r.errs, fmt.Errorf("%s: "+format, append([]any{at}, args...)...))
}

// unique records a name, which must be the first of its kind.
func (r *resolver) unique(at Place, kind, name string) {
	key := kind + " " + name
	if first, ok := r.seen[key]; ok {
		r.fault(at, "the %s %s exists already in %s", kind, name, first)
		return
	}
	r.seen[key] = at
}

// declarations records the attributes that a group declares.
func (r *resolver) declarations(g *group) {
	r.unique(g.place(), "id", g.ID)
	for i := range g.Attributes {
		if g.Attributes[i].ID != "" {
			r.declare(g.place(), &g.Attributes[i], false)
		}
	}
}

func (r *resolver) declare(at Place, a *attribute, imported bool) {
	r.unique(at, "attribute", a.ID)
	made := &Attribute{
		Place: at, Key: a.ID, Type: a.Type.word, Brief: a.Brief, Examples: a.Examples, Imported: imported,
	}
	for _, m := range a.Type.members {
		made.Members = append(made.Members, Member{m.ID, m.Value})
	}
	r.attributes[a.ID] = made
	r.registry.Attributes = append(r.registry.Attributes, made)
}

// uses resolves the attributes that a group refers to.
func (r *resolver) uses(g *group) []Use {
	var uses []Use
	for _, a := range g.Attributes {
		known, ok := r.attributes[a.Ref]
		switch {
		case a.ID != "":
			r.fault(g.place(), "declares the attribute %s: only attribute groups named registry.* may", a.ID)
		case !ok:
			r.fault(g.place(), "refers to the attribute %q, which is neither declared nor imported", a.Ref)
		case slices.ContainsFunc(uses, func(u Use) bool { return u.Attribute == known }):
			r.fault(g.place(), "refers to %s twice", a.Ref)
		case !slices.Contains([]string{"required", "recommended", "opt_in"}, a.RequirementLevel):
			r.fault(g.place(), "%s has requirement_level %q, want required, recommended or opt_in", a.Ref, a.RequirementLevel)
		default:
			uses = append(uses, Use{known, a.RequirementLevel})
		}
	}
	return uses
}

// handle records the group if it is a handle.
func (r *resolver) handle(g *group) {
	h := g.Annotations.Eventflux.Handle
	if g.Type != "attribute_group" || strings.HasPrefix(g.ID, "registry.") {
		return
	}
	if h == nil {
		r.fault(g.place(), "an attribute_group is either named registry.* or has annotations.eventflux.handle")
		return
	}
	made := &Handle{
		Place: g.place(),
		Go:    h.Go, Owner: h.Owner, Prefix: h.Prefix, Written: h.Written, Brief: g.Brief, Attributes: r.uses(g),
	}
	r.handles[g.ID] = made
	r.registry.Handles = append(r.registry.Handles, made)
}
