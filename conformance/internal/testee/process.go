// Package testee starts the program that a case drives, and speaks with it: one JSON object a line, both ways.
package testee

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"syscall"
	"time"

	"sluice.dev/conformance/internal/board"
	"sluice.dev/conformance/internal/values"
)

// Process is one testee; it may serve several cases, one after the other. Safe for concurrent use.
type Process struct {
	command *exec.Cmd
	input   io.WriteCloser
	exited  chan struct{}

	mu      sync.Mutex
	board   *board.Board // Of the case that it serves; nil: none.
	running bool         // A worker runs.
	stderr  bytes.Buffer // Since the case began.
}

const maxStderr = 256 << 10

// Start runs the command.
func Start(command []string) (*Process, error) {
	p := &Process{command: exec.Command(command[0], command[1:]...), exited: make(chan struct{})}
	// A group of its own, so that whatever the command starts ends with it.
	p.command.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	input, err := p.command.StdinPipe()
	if err != nil {
		return nil, err
	}
	p.input = input
	output, childOutput, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	p.command.Stdout = childOutput
	p.command.Stderr = p
	if err := p.command.Start(); err != nil {
		return nil, fmt.Errorf("cannot start %q: %w", command[0], err)
	}
	_ = childOutput.Close()
	read := make(chan struct{})
	go func() {
		p.read(output)
		close(read)
	}()
	go func() {
		<-read
		_ = p.command.Wait()
		p.mu.Lock()
		p.running = false
		to := p.board
		p.mu.Unlock()
		if to != nil {
			state := p.command.ProcessState
			data := map[string]any{"code": state.ExitCode()}
			if status, ok := state.Sys().(syscall.WaitStatus); ok && status.Signaled() {
				data["signal"] = status.Signal().String()
			}
			to.Note("testee exits: %v", state)
			to.Add("exit", "", 0, data)
		}
		close(p.exited)
	}()
	return p, nil
}

// Write takes standard error.
func (p *Process) Write(data []byte) (int, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stderr.Write(data)
	if over := p.stderr.Len() - maxStderr; over > 0 {
		p.stderr.Next(over)
	}
	return len(data), nil
}

// Stderr returns what came on standard error since the case began.
func (p *Process) Stderr() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.stderr.String()
}

// Attach sends events to this board from now on; nil: to none.
func (p *Process) Attach(to *board.Board) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.board = to
	if to != nil {
		p.stderr.Reset()
	}
}

func (p *Process) read(output io.Reader) {
	lines := bufio.NewReaderSize(output, 1<<20)
	for {
		line, err := lines.ReadBytes('\n')
		if len(bytes.TrimSpace(line)) > 0 {
			p.take(line)
		}
		if err != nil {
			return
		}
	}
}

func (p *Process) take(line []byte) {
	decoder := json.NewDecoder(bytes.NewReader(line))
	decoder.UseNumber()
	var decoded map[string]any
	err := decoder.Decode(&decoded)
	p.mu.Lock()
	to := p.board
	name, _ := decoded["event"].(string)
	if name == "ended" {
		p.running = false
	}
	p.mu.Unlock()
	switch {
	case to == nil:
	case err != nil || name == "":
		to.Violate("testee", "standard output has a line that is no event: %.200q", line)
	default:
		data := plain(decoded).(map[string]any)
		to.Note("testee -> %s", values.Show(data))
		to.Add(name, "", 0, data)
	}
}

// plain turns numbers into int64 where they are whole.
func plain(value any) any {
	switch value := value.(type) {
	case json.Number:
		if whole, err := value.Int64(); err == nil {
			return whole
		}
		fraction, _ := value.Float64()
		return fraction
	case []any:
		for i := range value {
			value[i] = plain(value[i])
		}
	case map[string]any:
		for name := range value {
			value[name] = plain(value[name])
		}
	}
	return value
}

// Send writes a command.
func (p *Process) Send(command map[string]any) error {
	encoded, err := json.Marshal(command)
	if err != nil {
		return err
	}
	p.mu.Lock()
	to := p.board
	if command["cmd"] == "run" {
		p.running = true
	}
	p.mu.Unlock()
	if to != nil {
		to.Note("testee <- %s", encoded)
	}
	_, err = p.input.Write(append(encoded, '\n'))
	return err
}

// Running: a worker has been started and has not ended.
func (p *Process) Running() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.running
}

// Alive: the process has not exited.
func (p *Process) Alive() bool {
	select {
	case <-p.exited:
		return false
	default:
		return true
	}
}

// Signal sends a signal to the process that was started, and to those that it started.
func (p *Process) Signal(signal syscall.Signal) error {
	return syscall.Kill(-p.command.Process.Pid, signal)
}

// Close lets the process end by itself, and kills it when it has not within the bound. False: it had to be killed.
func (p *Process) Close(bound time.Duration) bool {
	_ = p.input.Close()
	select {
	case <-p.exited:
		return true
	case <-time.After(bound):
	}
	_ = p.Signal(syscall.SIGKILL)
	<-p.exited
	return false
}
