// reference-testee is a worker for the suite's own tests, right unless --mutation says in which way it is wrong.
package main

import (
	"flag"
	"fmt"
	"os"

	"sluice.dev/conformance/internal/reference"
)

func main() {
	mutation := flag.String("mutation", "", "the `NAME` of a rule to break, see internal/runner/mutation_test.go")
	flag.Parse()
	t := &reference.Testee{Mutation: *mutation}
	if err := t.Serve(os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
