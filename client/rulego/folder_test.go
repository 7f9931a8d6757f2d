package rulego

import (
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/rulego/rulego/api/types"
	"github.com/rulego/rulego/engine"
)

// place is a folder of chains under test, and what it has reported.
type place struct {
	*folder
	t      *testing.T
	events []Event
}

func newPlace(t *testing.T) *place {
	p := &place{t: t}
	config := engine.NewConfig()
	config.Logger = EngineLogger(slog.New(slog.DiscardHandler))
	p.folder = newFolder(t.TempDir(), config, engine.NewPool(), func(event Event) { p.events = append(p.events, event) })
	return p
}

// chain is one that marks its messages, so that which definition ran shows.
func chain(id, mark string) string {
	return fmt.Sprintf(`{"ruleChain":{"id":%q},"metadata":{"nodes":[{"id":"a","type":"jsTransform","configuration":
		{"jsScript":"metadata['responseTopic']='out';msg.mark=%s;return {'msg':msg,'metadata':metadata,'msgType':msgType};"}}],"connections":[]}}`, id, mark)
}

func (p *place) write(name, text string) {
	p.t.Helper()
	path := filepath.Join(p.path, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		p.t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		p.t.Fatal(err)
	}
}

func (p *place) scanned() bool {
	p.t.Helper()
	changed, err := p.scan()
	if err != nil {
		p.t.Fatal(err)
	}
	return changed
}

// last event, which there must be.
func (p *place) last(kind EventKind) Event {
	p.t.Helper()
	if len(p.events) == 0 || p.events[len(p.events)-1].Kind != kind {
		p.t.Fatalf("the last event is not of kind %d: %v", kind, p.events)
	}
	return p.events[len(p.events)-1]
}

func (p *place) ran(id string) string {
	p.t.Helper()
	running, ok := p.pool.Get(id)
	if !ok {
		p.t.Fatalf("%s does not run", id)
	}
	var data string
	running.OnMsgAndWait(types.NewMsgWithJsonData("{}"), types.WithOnEnd(func(_ types.RuleContext, msg types.RuleMsg, _ error, _ string) { data = msg.GetData() }))
	return data
}

func TestChainsAreFoundInFoldersBelowButNotInHiddenOnes(t *testing.T) {
	p := newPlace(t)
	p.write("b.json", chain("beta", "1"))
	p.write("below/a.JSON", chain("alpha", "1"))
	p.write("..data/hidden.json", chain("hidden", "1"))
	p.write("note.txt", "no chain")
	if !p.scanned() || !slices.Equal(p.chains(), []string{"alpha", "beta"}) {
		t.Fatal(p.chains(), p.events)
	}
	if p.scanned() {
		t.Fatal("nothing has changed")
	}
}

func TestAChainWithoutAnIDHasTheNameOfItsFile(t *testing.T) {
	p := newPlace(t)
	p.write("named.json", chain("", "1"))
	p.scanned()
	if !slices.Equal(p.chains(), []string{"named"}) {
		t.Fatal(p.chains(), p.events)
	}
}

func TestAChangedFileRunsInThePlaceOfTheFormer(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", chain("alpha", "1"))
	p.scanned()
	p.write("a.json", chain("alpha", "2"))
	if p.scanned() {
		t.Error("the set of chains is the same")
	}
	p.last(ChainReloaded)
	if got := p.ran("alpha"); got != `{"mark":2}` {
		t.Error(got)
	}
}

func TestWhatIsBrokenLeavesTheFormerRunningAndIsToldOnce(t *testing.T) {
	for name, broken := range map[string]struct{ text, said string }{
		"no JSON":      {"{\n  \"ruleChain\": oops}", "line 2, column 16"},
		"unknown node": {`{"ruleChain":{"id":"alpha"},"metadata":{"nodes":[{"id":"x","type":"nosuch"}]}}`, "nosuch"},
		"bad script":   {strings.Replace(chain("alpha", "1"), "return", "retrun (", 1), "alpha"},
		"wrong kind":   {`{"ruleChain":{"id":7}}`, "line 1, column"},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.write("a.json", chain("alpha", "1"))
			p.scanned()
			p.write("a.json", broken.text)
			p.scanned()
			said := p.last(ChainBroken).String()
			if !strings.Contains(said, broken.said) || !strings.Contains(said, "a.json") || !strings.Contains(said, "alpha runs on as it was") {
				t.Error(said)
			}
			events := len(p.events)
			p.scanned()
			if len(p.events) != events {
				t.Error("told again: ", p.events[events:])
			}
			if got := p.ran("alpha"); got != `{"mark":1}` {
				t.Error(got)
			}
			p.write("a.json", chain("alpha", "3"))
			p.scanned()
			if got := p.ran("alpha"); got != `{"mark":3}` {
				t.Error("mended, it runs: ", got)
			}
		})
	}
}

func TestTwoFilesCannotBeOneChain(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", chain("alpha", "1"))
	p.write("b.json", chain("alpha", "2"))
	p.scanned()
	if said := p.last(ChainBroken).String(); !strings.Contains(said, "b.json") || !strings.Contains(said, "a.json") {
		t.Error(said)
	}
	if got := p.ran("alpha"); got != `{"mark":1}` {
		t.Error(got)
	}
}

func TestARemovedChainRunsUntilNobodyServesIt(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", chain("alpha", "1"))
	p.write("b.json", chain("beta", "1"))
	p.scanned()
	if err := os.Remove(filepath.Join(p.path, "a.json")); err != nil {
		t.Fatal(err)
	}
	if !p.scanned() || !slices.Equal(p.chains(), []string{"beta"}) {
		t.Fatal(p.chains())
	}
	p.last(ChainRemoved)
	p.ran("alpha")
	p.sweep()
	if _, ok := p.pool.Get("alpha"); ok {
		t.Error("it still runs")
	}
}

func TestAChainThatChangesItsIDIsAnother(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", chain("alpha", "1"))
	p.scanned()
	p.write("a.json", chain("omega", "2"))
	if !p.scanned() || !slices.Equal(p.chains(), []string{"omega"}) {
		t.Fatal(p.chains())
	}
	p.write("a.json", chain("alpha", "3")) // Back, before the former has ended.
	p.scanned()
	p.sweep()
	if got := p.ran("alpha"); got != `{"mark":3}` {
		t.Error(got)
	}
}

func TestADisabledChainIsNotServed(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", strings.Replace(chain("alpha", "1"), `"id":"alpha"`, `"id":"alpha","disabled":true`, 1))
	p.scanned()
	if len(p.chains()) != 0 {
		t.Error(p.chains())
	}
	if said := p.last(ChainBroken).String(); !strings.Contains(said, "disabled") {
		t.Error(said)
	}
}

func TestABorrowedConnectionIsRefused(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", `{"ruleChain":{"id":"alpha"},"metadata":{
		"endpoints":[{"id":"plant","type":"endpoint/mqtt","configuration":{"server":"127.0.0.1:1883"}}],
		"nodes":[{"id":"send","type":"mqttClient","configuration":{"server":"ref://plant","topic":"x"}}]}}`)
	p.scanned()
	if said := p.last(ChainBroken).String(); !strings.Contains(said, `node "send" borrows the connection of endpoint "plant"`) {
		t.Error(said)
	}
}

func TestWhatANodeKeepsIsSaid(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", `{"ruleChain":{"id":"alpha"},"metadata":{"nodes":[{"id":"late","type":"delay","configuration":{"delayMs":"10"}}]}}`)
	p.scanned()
	if p.events[0].Kind != ChainHasState || p.events[0].Node != "late" {
		t.Error(p.events)
	}
}

// A trial of a new definition must not touch what the running chain keeps.
func TestATrialLeavesTheChainsCacheAlone(t *testing.T) {
	p := newPlace(t)
	p.write("a.json", chain("alpha", "1"))
	p.scanned()
	if err := p.config.Cache.Set("alpha"+types.NamespaceSeparator+"k", "v", ""); err != nil {
		t.Fatal(err)
	}
	p.write("a.json", `{"ruleChain":{"id":"alpha"},"metadata":{"nodes":[{"id":"x","type":"nosuch"}]}}`)
	p.scanned()
	p.write("a.json", chain("alpha", "2"))
	p.scanned()
	if got, err := p.config.Cache.Get("alpha" + types.NamespaceSeparator + "k"); got != "v" {
		t.Errorf("the cache holds %v (%v)", got, err)
	}
}
