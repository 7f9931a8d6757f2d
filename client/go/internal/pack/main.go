// Command pack writes the modules here as a Go module proxy serves them: pack VERSION LICENSE DIRECTORY MODULE…
//
// DIRECTORY can then be named in GOPROXY, as file:// and its path. Each MODULE is a folder with a go.mod.
package main

import (
	"archive/zip"
	"encoding/json"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"time"
)

var (
	moduleLine  = regexp.MustCompile(`(?m)^module (\S+)$`)
	replaceLine = regexp.MustCompile(`(?m)^\n?replace .*\n`)
)

func main() {
	if len(os.Args) < 5 {
		fmt.Fprintln(os.Stderr, "usage: pack VERSION LICENSE DIRECTORY MODULE…")
		os.Exit(2)
	}
	for _, folder := range os.Args[4:] {
		if err := pack("v"+os.Args[1], os.Args[2], os.Args[3], folder); err != nil {
			fmt.Fprintln(os.Stderr, "pack:", err)
			os.Exit(1)
		}
	}
}

func pack(version, license, directory, folder string) error {
	mod, err := os.ReadFile(filepath.Join(folder, "go.mod"))
	if err != nil {
		return err
	}
	name := moduleLine.FindSubmatch(mod)
	if name == nil {
		return fmt.Errorf("%s/go.mod names no module", folder)
	}
	// A replacement counts in the main module only; who gets this one gets the others from where it came from.
	mod = replaceLine.ReplaceAll(mod, nil)
	module := string(name[1])
	base := filepath.Join(directory, filepath.FromSlash(module), "@v")
	if err := os.MkdirAll(base, 0o755); err != nil {
		return err
	}
	info, err := json.Marshal(map[string]string{"Version": version, "Time": time.Now().UTC().Format(time.RFC3339)})
	if err != nil {
		return err
	}
	for file, content := range map[string][]byte{version + ".mod": mod, version + ".info": info, "list": []byte(version + "\n")} {
		if err := os.WriteFile(filepath.Join(base, file), content, 0o644); err != nil {
			return err
		}
	}
	return writeZip(filepath.Join(base, version+".zip"), module+"@"+version+"/", folder, license, mod)
}

func writeZip(path, prefix, folder, license string, mod []byte) error {
	file, err := os.Create(path)
	if err != nil {
		return err
	}
	defer func() { _ = file.Close() }()
	archive := zip.NewWriter(file)
	add := func(name, from string) error {
		content, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		if name == "go.mod" {
			content = mod
		}
		w, err := archive.Create(prefix + name)
		if err != nil {
			return err
		}
		_, err = w.Write(content)
		return err
	}
	if err := add("LICENSE", license); err != nil {
		return err
	}
	err = filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if entry.IsDir() {
			if _, err := os.Stat(filepath.Join(path, "go.mod")); err == nil && path != folder {
				return filepath.SkipDir // A module of its own.
			}
			return nil
		}
		name, err := filepath.Rel(folder, path)
		if err != nil {
			return err
		}
		return add(filepath.ToSlash(name), path)
	})
	if err != nil {
		return err
	}
	if err := archive.Close(); err != nil {
		return err
	}
	return file.Close()
}
