package rulego

import (
	"fmt"
	"log/slog"

	"github.com/rulego/rulego/api/types"
)

// EventKind is what happened to a chain.
type EventKind uint8

const (
	// ChainLoaded: a chain is served from now on.
	ChainLoaded EventKind = iota
	// ChainReloaded: a chain runs by its new definition.
	ChainReloaded
	// ChainRemoved: its file is gone; messages of it are no longer taken.
	ChainRemoved
	// ChainBroken: a definition cannot run. What ran before goes on.
	ChainBroken
	// ChainHasState: a node keeps something between messages, which is each worker's own.
	ChainHasState
	// FolderUnreadable: the folder could not be looked through. What runs goes on.
	FolderUnreadable
)

// Event tells what happens to the chains of a worker.
type Event struct {
	Kind  EventKind
	File  string
	Chain string
	Node  string // For ChainHasState.
	Text  string // For ChainHasState: what it keeps.
	Err   error  // For ChainBroken and FolderUnreadable.
}

// String is a sentence for people.
func (e Event) String() string {
	switch e.Kind {
	case ChainLoaded:
		return fmt.Sprintf("%s: chain %s is served", e.File, e.Chain)
	case ChainReloaded:
		return fmt.Sprintf("%s: chain %s runs by its new definition", e.File, e.Chain)
	case ChainRemoved:
		return fmt.Sprintf("%s is gone: chain %s is served no longer", e.File, e.Chain)
	case ChainBroken:
		if e.Chain == "" {
			return fmt.Sprintf("%s: %v", e.File, e.Err)
		}
		return fmt.Sprintf("%s: %v; chain %s runs on as it was", e.File, e.Err, e.Chain)
	case ChainHasState:
		return fmt.Sprintf("%s: node %s of chain %s: %s; with several workers give the route an orderBy that keeps what belongs together in order, "+
			"and see docs/rulego.md", e.File, e.Node, e.Chain, e.Text)
	default:
		return fmt.Sprintf("%s: %v; the chains run on as they are", e.File, e.Err)
	}
}

// LogEvents makes a listener that writes each event as a line of the log. Nil: slog's default logger.
func LogEvents(logger *slog.Logger) func(Event) {
	return func(event Event) {
		log := logger
		if log == nil {
			log = slog.Default()
		}
		switch event.Kind {
		case ChainBroken, FolderUnreadable:
			log.Error(event.String())
		case ChainHasState:
			log.Warn(event.String())
		default:
			log.Info(event.String())
		}
	}
}

// EngineLogger makes a RuleGo logger of one of slog's, for [types.Config].
func EngineLogger(logger *slog.Logger) types.Logger { return engineLog{logger} }

// engineLog gives what RuleGo's engine says to slog.
type engineLog struct{ logger *slog.Logger }

func (l engineLog) Printf(format string, v ...any) { l.logger.Info(fmt.Sprintf(format, v...)) }
func (l engineLog) Debugf(format string, v ...any) { l.logger.Debug(fmt.Sprintf(format, v...)) }
func (l engineLog) Infof(format string, v ...any)  { l.logger.Info(fmt.Sprintf(format, v...)) }
func (l engineLog) Warnf(format string, v ...any)  { l.logger.Warn(fmt.Sprintf(format, v...)) }
func (l engineLog) Errorf(format string, v ...any) { l.logger.Error(fmt.Sprintf(format, v...)) }
