// Package rules holds the numbers in worker.proto against the cases, and writes the table that shows both.
package rules

import (
	"fmt"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"sluice.dev/conformance/internal/runner"
)

// Paths from this package's folder, where its tests run.
const (
	Proto = "../../../proto/sluice/v1/worker.proto"
	Page  = "../../../docs/conformance.md"
	About = "../../rules.yaml"
)

var number = regexp.MustCompile(`\[([WG]-\d+)\]`)

// InProto returns the numbers in the file, each once, W before G, in their order.
func InProto(path string) ([]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	// The example in the head names two of them; they stand elsewhere, too.
	var found []string
	for _, match := range number.FindAllStringSubmatch(string(content), -1) {
		if !slices.Contains(found, match[1]) {
			found = append(found, match[1])
		}
	}
	slices.SortFunc(found, compare)
	return found, nil
}

func compare(a, b string) int {
	if a[0] != b[0] {
		return int(b[0]) - int(a[0])
	}
	left, _ := strconv.Atoi(a[2:])
	right, _ := strconv.Atoi(b[2:])
	return left - right
}

// ReadAbout returns what each number is about.
func ReadAbout(path string) (map[string]string, error) {
	content, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	about := map[string]string{}
	return about, yaml.Unmarshal(content, &about)
}

// ByRule returns the names of the cases that hold each number.
func ByRule(all []*runner.Case) map[string][]string {
	by := map[string][]string{}
	for _, c := range all {
		for _, rule := range c.Rules {
			by[rule] = append(by[rule], c.FullName())
		}
	}
	return by
}

const (
	begin = "<!-- Written by conformance/dev rules: from here -->\n"
	end   = "<!-- to here -->\n"
	// A rule that nearly every case holds is not made clearer by all of them.
	shown = 6
)

// Table is the part of the page that is written.
func Table(numbers []string, about map[string]string, by map[string][]string) string {
	var table strings.Builder
	table.WriteString("| number | what it is about | cases |\n|---|---|---|\n")
	for _, rule := range numbers {
		names := by[rule]
		var cells []string
		for _, name := range names[:min(shown, len(names))] {
			cells = append(cells, "`"+name+"`")
		}
		more := ""
		if len(names) > shown {
			more = fmt.Sprintf(" and %d more", len(names)-shown)
		}
		fmt.Fprintf(&table, "| %s | %s | %s%s |\n", rule, about[rule], strings.Join(cells, ", "), more)
	}
	return table.String()
}

// InPage returns the table that stands in the page.
func InPage(page string) (table string, err error) {
	_, rest, found := strings.Cut(page, begin)
	table, _, closed := strings.Cut(rest, end)
	if !found || !closed {
		return "", fmt.Errorf("the page has no place for the table")
	}
	return table, nil
}

// Replace puts a table into the page.
func Replace(page, table string) (string, error) {
	old, err := InPage(page)
	if err != nil {
		return "", err
	}
	return strings.Replace(page, begin+old+end, begin+table+end, 1), nil
}
