// Package report tells people and machines what came of a run.
package report

import (
	"encoding/xml"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"sluice.dev/conformance/internal/runner"
)

// Line writes one outcome as a row of the table.
func Line(to io.Writer, o *runner.Outcome) {
	word := "pass"
	switch {
	case o.Failure != "" && o.KnownFail:
		word = "known"
	case o.Failure != "":
		word = "FAIL"
	case o.KnownFail:
		word = "PASSES"
	}
	fmt.Fprintf(to, "%-6s  %6.2f s  %s\n", word, o.Took.Seconds(), o.Case.FullName())
}

// Details writes what happened in a case, and why it failed, if it did.
func Details(to io.Writer, o *runner.Outcome) {
	fmt.Fprintf(to, "\n== %s (%s)\n", o.Case.FullName(), strings.Join(o.Case.Rules, ", "))
	switch {
	case o.Failure != "":
		fmt.Fprintf(to, "    %s\n", o.Failure)
	case o.KnownFail:
		fmt.Fprintln(to, "    It passes, but stands in the list of cases known to fail: take it out.")
	}
	fmt.Fprintln(to, "-- transcript: seconds since the case began; GATEWAY#STREAM -> what it says, <- what the worker says")
	for _, line := range transcript(o) {
		fmt.Fprintln(to, line)
	}
	if o.Stderr != "" {
		fmt.Fprintf(to, "-- the testee's standard error\n%s\n", strings.TrimRight(o.Stderr, "\n"))
	}
}

// A long case is shown by its beginning and its end.
const (
	firstLines = 60
	lastLines  = 140
)

func transcript(o *runner.Outcome) []string {
	var lines []string
	for at, entry := range o.Transcript {
		if left := len(o.Transcript) - firstLines - lastLines; left > 0 && at >= firstLines && at < firstLines+left {
			if at == firstLines {
				lines = append(lines, fmt.Sprintf("        … %d lines", left))
			}
			continue
		}
		lines = append(lines, fmt.Sprintf("%7.3f %s", entry.At.Sub(o.Started).Seconds(), entry.Text))
	}
	return lines
}

// Summary writes the last line of the table.
func Summary(to io.Writer, outcomes []*runner.Outcome, took time.Duration) {
	passed, failed, known, unexpected := 0, 0, 0, 0
	for _, o := range outcomes {
		switch {
		case o.Failure != "" && o.KnownFail:
			known++
		case o.Failure != "":
			failed++
		case o.KnownFail:
			unexpected++
		default:
			passed++
		}
	}
	fmt.Fprintf(to, "\n%d cases in %.1f s: %d passed, %d failed", len(outcomes), took.Seconds(), passed, failed)
	if known+unexpected > 0 {
		fmt.Fprintf(to, ", %d known to fail, %d of those passed", known+unexpected, unexpected)
	}
	fmt.Fprintln(to)
}

type suites struct {
	XMLName xml.Name `xml:"testsuites"`
	Suites  []*suite `xml:"testsuite"`
}

type suite struct {
	Name     string      `xml:"name,attr"`
	Tests    int         `xml:"tests,attr"`
	Failures int         `xml:"failures,attr"`
	Skipped  int         `xml:"skipped,attr"`
	Time     string      `xml:"time,attr"`
	Cases    []*testcase `xml:"testcase"`
	seconds  float64
}

type testcase struct {
	Class   string   `xml:"classname,attr"`
	Name    string   `xml:"name,attr"`
	Time    string   `xml:"time,attr"`
	Failure *failure `xml:"failure,omitempty"`
	Skipped *skipped `xml:"skipped,omitempty"`
	Output  string   `xml:"system-out,omitempty"`
	Error   string   `xml:"system-err,omitempty"`
}

type failure struct {
	Message string `xml:"message,attr"`
	Text    string `xml:",chardata"`
}

type skipped struct {
	Message string `xml:"message,attr"`
}

// JUnit writes the outcomes as JUnit's XML: a suite for each theme, in the order of the cases.
func JUnit(path string, outcomes []*runner.Outcome) error {
	all := suites{}
	byTheme := map[string]*suite{}
	for _, o := range outcomes {
		s := byTheme[o.Case.Theme]
		if s == nil {
			s = &suite{Name: o.Case.Theme}
			byTheme[o.Case.Theme] = s
			all.Suites = append(all.Suites, s)
		}
		c := &testcase{Class: "conformance." + o.Case.Theme, Name: o.Case.Name, Time: seconds(o.Took.Seconds())}
		switch {
		case o.Failure != "" && o.KnownFail:
			c.Skipped = &skipped{"known to fail: " + printable(o.Failure)}
			s.Skipped++
		case o.Failure != "":
			c.Failure = &failure{firstLine(printable(o.Failure)), printable(o.Failure)}
			c.Output = printable(strings.Join(transcript(o), "\n"))
			c.Error = printable(o.Stderr)
			s.Failures++
		case o.KnownFail:
			c.Failure = &failure{"passes, but is listed as known to fail", ""}
			s.Failures++
		}
		s.Tests++
		s.seconds += o.Took.Seconds()
		s.Time = seconds(s.seconds)
		s.Cases = append(s.Cases, c)
	}
	encoded, err := xml.MarshalIndent(all, "", "  ")
	if err != nil {
		return err
	}
	return os.WriteFile(path, append([]byte(xml.Header), append(encoded, '\n')...), 0o644)
}

func seconds(s float64) string { return fmt.Sprintf("%.3f", s) }

func firstLine(text string) string {
	line, _, _ := strings.Cut(text, "\n")
	return line
}

// printable leaves out what XML 1.0 cannot hold.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' && r != '\n' && r != '\t' {
			return '?'
		}
		return r
	}, strings.ToValidUTF8(text, "?"))
}
