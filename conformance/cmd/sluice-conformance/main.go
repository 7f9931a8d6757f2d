// sluice-conformance plays a Sluice gateway, with all the faults that a gateway and a network can have, and looks at what a worker
// does. docs/conformance.md says how to write the program that it drives.
package main

import (
	"flag"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"time"

	sluice "sluice.dev/client/go"
	"sluice.dev/conformance/cases"
	"sluice.dev/conformance/internal/report"
	"sluice.dev/conformance/internal/runner"
)

const usage = `usage: sluice-conformance [OPTION…] -- TESTEE [ARGUMENT…]

Runs the conformance cases against the worker in the program TESTEE, which is started several times. Exit status 0: all passed.

`

func main() {
	flags := flag.NewFlagSet("sluice-conformance", flag.ExitOnError)
	flags.Usage = func() {
		fmt.Fprint(flags.Output(), usage)
		flags.PrintDefaults()
	}
	pattern := flags.String("run", "", "only cases whose `THEME/NAME` matches this regular expression")
	list := flags.Bool("list", false, "names the cases and the rules that they hold, and runs none")
	jobs := flags.Int("jobs", 2*runtime.NumCPU(), "`N` cases at once")
	junit := flags.String("junit", "", "also writes the outcomes to this `FILE`, as JUnit's XML")
	known := flags.String("known-failing", "", "a `FILE` with the names of cases that are known to fail, one a line: they are run, and the run fails when one passes")
	without := flags.String("without", "", "leaves out cases that need what this `LIST` names (see --list), by commas")
	folder := flags.String("cases", "", "reads the cases in this `FOLDER` instead of those in the program")
	patience := flags.Float64("patience", 1, "multiplies the time that everything may take, for slow machines")
	verbose := flags.Bool("v", false, "shows the transcripts of cases that pass, too")
	version := flags.Bool("version", false, "prints version, commit and build")
	_ = flags.Parse(os.Args[1:])
	if *version {
		fmt.Println("sluice-conformance", sluice.Version, "(commit "+commit+", "+runtime.Version()+")")
		return
	}

	var from fs.FS = cases.Files
	if *folder != "" {
		from = os.DirFS(*folder)
	}
	all, err := runner.Load(from)
	if err != nil {
		fail("%v", err)
	}
	var knownFailing map[string]bool
	if *known != "" {
		if knownFailing, err = runner.LoadKnownFailing(*known, all); err != nil {
			fail("%v", err)
		}
	}
	if all, err = choose(all, *pattern, *without); err != nil {
		fail("%v", err)
	}
	if *list {
		for _, c := range all {
			fmt.Printf("%-60s %s %s\n", c.FullName(), strings.Join(c.Rules, " "), strings.Join(c.Needs, " "))
		}
		return
	}
	if flags.NArg() == 0 {
		flags.Usage()
		os.Exit(2)
	}
	if _, err := exec.LookPath(flags.Arg(0)); err != nil {
		fail("%v", err)
	}
	settings := runner.Settings{Command: flags.Args(), Jobs: *jobs, Patience: *patience, Known: knownFailing,
		Done: func(o *runner.Outcome) { report.Line(os.Stdout, o) }}
	os.Exit(run(all, settings, *junit, *verbose))
}

// commit is of what the program is built, and set by ./dev build.
var commit = "unknown"

func run(all []*runner.Case, settings runner.Settings, junit string, verbose bool) int {
	started := time.Now()
	outcomes := runner.Run(all, settings)
	status := 0
	for _, o := range outcomes {
		if o.Bad() {
			status = 1
		}
		if o.Bad() || verbose {
			report.Details(os.Stdout, o)
		}
	}
	report.Summary(os.Stdout, outcomes, time.Since(started))
	if junit != "" {
		if err := report.JUnit(junit, outcomes); err != nil {
			fail("%v", err)
		}
	}
	return status
}

// choose keeps the cases that match, and that need nothing of what is missing.
func choose(all []*runner.Case, pattern, without string) ([]*runner.Case, error) {
	matcher, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	var missing []string
	if without != "" {
		missing = strings.Split(without, ",")
	}
	for _, need := range missing {
		if !slices.Contains(runner.Needs, need) {
			return nil, fmt.Errorf("no case needs %q; there are %s", need, strings.Join(runner.Needs, ", "))
		}
	}
	chosen := slices.DeleteFunc(all, func(c *runner.Case) bool {
		return !matcher.MatchString(c.FullName()) ||
			slices.ContainsFunc(c.Needs, func(need string) bool { return slices.Contains(missing, need) })
	})
	if len(chosen) == 0 {
		return nil, fmt.Errorf("no case matches")
	}
	return chosen, nil
}

func fail(format string, arguments ...any) {
	fmt.Fprintf(os.Stderr, "sluice-conformance: "+format+"\n", arguments...)
	os.Exit(2)
}
