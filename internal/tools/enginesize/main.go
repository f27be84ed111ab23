// Copyright The EventFlux Authors
// SPDX-License-Identifier: Apache-2.0

// Command enginesize prints what an engine gains by importing the SDK over the OTLP exporters alone: Go modules and
// megabytes of its binary. With -check it fails if either has grown by more than a tenth over size.json; with
// -update it writes that file.
package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
)

// The two engines, packages of the SDK's module.
const (
	without = "./internal/size/otlp"
	with    = "./internal/size/eventflux"
)

// gain is what the second engine has more than the first.
type gain struct {
	Modules   int     `json:"modules"`
	Megabytes float64 `json:"megabytes"` // of 10^6 bytes

	names []string
}

func main() {
	log.SetFlags(0)
	log.SetPrefix("enginesize: ")
	sdk := flag.String("sdk", "sdk", "folder of the SDK's module")
	file := flag.String("allowed", "internal/tools/enginesize/size.json", "file with the numbers that are allowed")
	check := flag.Bool("check", false, "fail if the numbers have grown")
	update := flag.Bool("update", false, "write the numbers")
	flag.Parse()
	if err := run(*sdk, *file, *check, *update); err != nil {
		log.Fatal(err)
	}
}

func run(sdk, file string, check, update bool) error {
	g, err := measure(sdk)
	if err != nil {
		return err
	}
	if update {
		text, err := json.MarshalIndent(g, "", "  ")
		if err != nil {
			return err
		}
		return os.WriteFile(file, append(text, '\n'), 0o644) //nolint:gosec // a source file
	}
	if !check {
		return nil
	}
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	var allowed gain
	if err := json.Unmarshal(text, &allowed); err != nil {
		return fmt.Errorf("could not read %s: %w", file, err)
	}
	return g.compare(allowed)
}

// compare says which of the numbers has grown by more than a tenth.
func (g gain) compare(allowed gain) error {
	var errs []error
	if float64(g.Modules) > 1.1*float64(allowed.Modules) {
		errs = append(errs, fmt.Errorf("the SDK brings %d modules, allowed are %d and a tenth more: %s", g.Modules, allowed.Modules, strings.Join(g.names, ", ")))
	}
	if g.Megabytes > 1.1*allowed.Megabytes {
		errs = append(errs, fmt.Errorf("the SDK brings %.2f MB, allowed are %.2f MB and a tenth more", g.Megabytes, allowed.Megabytes))
	}
	return errors.Join(errs...)
}

// measure builds both engines and prints their numbers.
func measure(sdk string) (gain, error) {
	dir, err := os.MkdirTemp("", "enginesize")
	if err != nil {
		return gain{}, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // a temporary folder
	var modules [2][]string
	var sizes [2]float64
	for i, engine := range []string{without, with} {
		if modules[i], err = listModules(sdk, engine); err != nil {
			return gain{}, err
		}
		if sizes[i], err = build(sdk, engine, filepath.Join(dir, filepath.Base(engine))); err != nil {
			return gain{}, err
		}
	}
	g := gain{Megabytes: round(sizes[1] - sizes[0])}
	for _, m := range modules[1] {
		if !slices.Contains(modules[0], m) {
			g.names = append(g.names, m)
		}
	}
	g.Modules = len(g.names)
	fmt.Printf("| engine | modules | megabytes |\n|---|---|---|\n| OTLP exporters alone | %d | %.2f |\n| with the SDK | %d | %.2f |\n| gained | %d | %.2f |\n\n%s\n",
		len(modules[0]), sizes[0], len(modules[1]), sizes[1], g.Modules, g.Megabytes, strings.Join(g.names, "\n"))
	return g, nil
}

func round(megabytes float64) float64 { return float64(int(megabytes*100+0.5)) / 100 }

// listModules lists the modules whose packages end up in the engine, the SDK's own among them only if it does.
func listModules(sdk, engine string) ([]string, error) {
	out, err := command(sdk, "list", "-deps", "-f", "{{if and .Module (ne .Name \"main\")}}{{.Module.Path}}{{end}}", engine).Output()
	if err != nil {
		return nil, fmt.Errorf("could not list the modules of %s: %w", engine, err)
	}
	modules := strings.Fields(string(out))
	slices.Sort(modules)
	return slices.Compact(modules), nil
}

// build builds the engine as it would be shipped, and returns its size in megabytes.
func build(sdk, engine, to string) (float64, error) {
	if out, err := command(sdk, "build", "-trimpath", "-ldflags", "-s -w", "-o", to, engine).CombinedOutput(); err != nil {
		return 0, fmt.Errorf("could not build %s: %w\n%s", engine, err, out)
	}
	info, err := os.Stat(to)
	if err != nil {
		return 0, err
	}
	return float64(info.Size()) / 1e6, nil
}

// command is the go command for one platform, so that the numbers are the same everywhere.
func command(dir string, args ...string) *exec.Cmd {
	c := exec.Command("go", args...)
	c.Dir = dir
	c.Env = append(os.Environ(), "GOOS=linux", "GOARCH=amd64", "CGO_ENABLED=0", "GOWORK=off")
	return c
}
