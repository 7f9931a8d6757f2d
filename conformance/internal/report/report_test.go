package report_test

import (
	"bytes"
	"encoding/xml"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sluice.dev/conformance/internal/board"
	"sluice.dev/conformance/internal/report"
	"sluice.dev/conformance/internal/runner"
)

func outcomes() []*runner.Outcome {
	started := time.Now()
	c := func(theme, name string) *runner.Case {
		return &runner.Case{Theme: theme, Name: name, Rules: []string{"W-1"}}
	}
	return []*runner.Outcome{
		{Case: c("life", "passes"), Took: time.Second, Started: started},
		{Case: c("life", "fails"), Took: time.Second, Started: started, Failure: "step 2: <no> \x01settle\nmore", Stderr: "panic",
			Transcript: []board.Entry{{At: started.Add(time.Second), Text: `a#1 -> {"ping":{}}`}}},
		{Case: c("drain", "known"), Failure: "step 1", KnownFail: true, Started: started},
		{Case: c("drain", "passes unexpectedly"), KnownFail: true, Started: started},
	}
}

func TestJUnitCanBeReadAgain(t *testing.T) {
	path := filepath.Join(t.TempDir(), "junit.xml")
	if err := report.JUnit(path, outcomes()); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var read struct {
		Suites []struct {
			Name     string `xml:"name,attr"`
			Tests    int    `xml:"tests,attr"`
			Failures int    `xml:"failures,attr"`
			Skipped  int    `xml:"skipped,attr"`
			Cases    []struct {
				Name    string `xml:"name,attr"`
				Failure *struct {
					Message string `xml:"message,attr"`
				} `xml:"failure"`
				Output string `xml:"system-out"`
				Error  string `xml:"system-err"`
			} `xml:"testcase"`
		} `xml:"testsuite"`
	}
	if err := xml.Unmarshal(content, &read); err != nil {
		t.Fatalf("%v\n%s", err, content)
	}
	if len(read.Suites) != 2 || read.Suites[0].Name != "life" || read.Suites[0].Tests != 2 || read.Suites[0].Failures != 1 ||
		read.Suites[1].Failures != 1 || read.Suites[1].Skipped != 1 {
		t.Errorf("read %+v", read.Suites)
	}
	failed := read.Suites[0].Cases[1]
	if failed.Failure.Message != "step 2: <no> ?settle" || !strings.Contains(failed.Output, `a#1 -> {"ping"`) || failed.Error != "panic" {
		t.Errorf("read %+v", failed)
	}
}

func TestDetailsHaveTheReasonTheTranscriptAndStandardError(t *testing.T) {
	var text bytes.Buffer
	report.Details(&text, outcomes()[1])
	for _, part := range []string{"life/fails", "W-1", "step 2", `  1.000 a#1 -> {"ping":{}}`, "panic"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q in\n%s", part, text.String())
		}
	}
}

func TestALongTranscriptIsShownByItsEnds(t *testing.T) {
	o := outcomes()[1]
	o.Transcript = nil
	for range 1000 {
		o.Transcript = append(o.Transcript, board.Entry{At: o.Started, Text: "middle"})
	}
	o.Transcript[0].Text, o.Transcript[999].Text = "the first", "the last"
	var text bytes.Buffer
	report.Details(&text, o)
	if lines := strings.Count(text.String(), "\n"); lines > 250 {
		t.Errorf("it has %d lines", lines)
	}
	for _, part := range []string{"the first", "the last", "… 800 lines"} {
		if !strings.Contains(text.String(), part) {
			t.Errorf("no %q", part)
		}
	}
}

func TestTheSummaryCounts(t *testing.T) {
	var text bytes.Buffer
	report.Summary(&text, outcomes(), 2*time.Second)
	if !strings.Contains(text.String(), "4 cases in 2.0 s: 1 passed, 1 failed, 2 known to fail, 1 of those passed") {
		t.Errorf("it says %q", text.String())
	}
}
