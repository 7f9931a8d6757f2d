package rules_test

import (
	"flag"
	"os"
	"slices"
	"testing"

	"sluice.dev/conformance/cases"
	"sluice.dev/conformance/internal/rules"
	"sluice.dev/conformance/internal/runner"
)

var write = flag.Bool("write", false, "writes the table into docs/conformance.md instead of comparing it")

func read(t *testing.T) (numbers []string, about map[string]string, all []*runner.Case) {
	t.Helper()
	numbers, err := rules.InProto(rules.Proto)
	if err != nil {
		t.Fatal(err)
	}
	if about, err = rules.ReadAbout(rules.About); err != nil {
		t.Fatal(err)
	}
	if all, err = runner.Load(cases.Files); err != nil {
		t.Fatal(err)
	}
	return numbers, about, all
}

func TestNumbersAreWithoutGaps(t *testing.T) {
	numbers, _, _ := read(t)
	if len(numbers) < 40 {
		t.Fatalf("the proto has only %d numbers", len(numbers))
	}
	for i := 1; i < len(numbers); i++ {
		if numbers[i] == numbers[i-1] {
			t.Errorf("%s stands twice", numbers[i])
		}
	}
}

func TestEachNumberOfTheProtoIsHeldByACase(t *testing.T) {
	numbers, about, all := read(t)
	by := rules.ByRule(all)
	for _, rule := range numbers {
		if len(by[rule]) == 0 {
			t.Errorf("no case names %s", rule)
		}
		if about[rule] == "" {
			t.Errorf("rules.yaml says nothing of %s", rule)
		}
	}
}

func TestEachNumberOfACaseStandsInTheProto(t *testing.T) {
	numbers, about, all := read(t)
	for rule, names := range rules.ByRule(all) {
		if !slices.Contains(numbers, rule) {
			t.Errorf("%v name %s, which does not stand in worker.proto", names, rule)
		}
	}
	for rule := range about {
		if !slices.Contains(numbers, rule) {
			t.Errorf("rules.yaml has %s, which does not stand in worker.proto", rule)
		}
	}
	for _, c := range all {
		if len(c.Rules) == 0 {
			t.Errorf("%s names no number", c.FullName())
		}
	}
}

func TestThePageShowsThem(t *testing.T) {
	numbers, about, all := read(t)
	content, err := os.ReadFile(rules.Page)
	if err != nil {
		t.Fatal(err)
	}
	table := rules.Table(numbers, about, rules.ByRule(all))
	if *write {
		page, err := rules.Replace(string(content), table)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(rules.Page, []byte(page), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	found, err := rules.InPage(string(content))
	if err != nil {
		t.Fatal(err)
	}
	if found != table {
		t.Error("docs/conformance.md is out of date: run conformance/dev rules")
	}
}
