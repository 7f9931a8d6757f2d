// Command bench measures the SDK beside a bare gRPC stream that takes and gives the same frames.
//
// A gateway that does nothing but gRPC runs in this process, the worker in another, each with one processor.
package main

import (
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"google.golang.org/grpc"
)

const about = `Measures messages/s, and the worker's CPU time for a message: 128 B delivered, 128 B in the reply.

  wire    a bare gRPC stream that answers each frame with one made before, without looking at it
  floor   a worker of the generated code, in one goroutine: what there is without an SDK
  inline  the SDK with WithConcurrency(0)
  pool    the SDK with its defaults

`

type figures struct{ rate, cpu float64 }

func main() {
	flag.Usage = func() {
		fmt.Fprint(flag.CommandLine.Output(), about)
		flag.PrintDefaults()
	}
	rounds := flag.Int("rounds", 5, "measurements of each; the median counts")
	seconds := flag.Float64("seconds", 1, "how long one takes")
	payload := flag.Int("payload", 128, "bytes of a message")
	window := flag.Int("window", 1000, "messages in flight")
	sizes := flag.String("sizes", "1,8,64", "messages to a frame")
	modes := flag.String("modes", "wire,floor,inline,pool", "what is measured")
	worker := flag.String("worker", "", "be the worker of this mode, for the gateway at the argument")
	perFrame := flag.Int("per-frame", 1, "messages to a frame, for the worker")
	profile := flag.String("cpuprofile", "", "the worker's profile goes to this file; only with one mode, size and round")
	flag.Parse()
	var err error
	if *worker != "" {
		err = beWorker(*worker, flag.Arg(0), *perFrame, *payload, *profile)
	} else {
		err = measureAll(strings.Split(*modes, ","), strings.Split(*sizes, ","), *rounds, *seconds, *payload, *window, *profile)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

func measureAll(modes, sizes []string, rounds int, seconds float64, payload, window int, profile string) error {
	runtime.GOMAXPROCS(1)
	fmt.Printf("%d B, window %d, medians of %d rounds of %.1f s\n", payload, window, rounds, seconds)
	fmt.Printf("%-8s %6s %12s %10s %10s\n", "", "/frame", "messages/s", "CPU µs", "of floor")
	for _, size := range sizes {
		perFrame, err := strconv.Atoi(size)
		if err != nil {
			return err
		}
		found := make(map[string][]figures)
		for range rounds { // In turn, so that what else the machine does meets all.
			for _, mode := range modes {
				f, err := measure(mode, perFrame, payload, window, seconds, profile)
				if err != nil {
					return err
				}
				found[mode] = append(found[mode], f)
			}
		}
		floor := median(found["floor"])
		for _, mode := range modes {
			f := median(found[mode])
			ratio := "-"
			if floor.rate > 0 {
				ratio = fmt.Sprintf("%.2f", f.rate/floor.rate)
			}
			fmt.Printf("%-8s %6d %12.0f %10.2f %10s\n", mode, perFrame, f.rate, f.cpu, ratio)
		}
	}
	return nil
}

func median(all []figures) figures {
	if len(all) == 0 {
		return figures{}
	}
	slices.SortFunc(all, func(a, b figures) int { return int(a.rate - b.rate) })
	return all[len(all)/2]
}

func measure(mode string, perFrame, payload, window int, seconds float64, profile string) (figures, error) {
	g := newGateway(perFrame, payload, window)
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return figures{}, err
	}
	server := grpc.NewServer(grpc.ForceServerCodecV2(rawCodec{}), grpc.InitialWindowSize(4<<20), grpc.InitialConnWindowSize(8<<20),
		grpc.ReadBufferSize(128<<10), grpc.WriteBufferSize(128<<10), grpc.MaxRecvMsgSize(64<<20))
	server.RegisterService(&workerService, g)
	go func() { _ = server.Serve(listener) }()
	defer server.Stop()

	program, err := os.Executable()
	if err != nil {
		return figures{}, err
	}
	arguments := []string{"-worker", mode, "-per-frame", strconv.Itoa(perFrame), "-payload", strconv.Itoa(payload)}
	if profile != "" {
		arguments = append(arguments, "-cpuprofile", profile)
	}
	child := exec.Command(program, append(arguments, listener.Addr().String())...)
	child.Env = append(os.Environ(), "GOMAXPROCS=1")
	child.Stderr = os.Stderr
	if err := child.Start(); err != nil {
		return figures{}, err
	}
	defer func() {
		_ = child.Process.Signal(syscall.SIGTERM)
		_ = child.Wait()
	}()
	select {
	case <-g.warm:
	case <-time.After(20 * time.Second):
		return figures{}, fmt.Errorf("no messages from the worker of mode %q within 20 s", mode)
	}
	settled, cpu, start := g.settled.Load(), cpuTime(child.Process.Pid), time.Now()
	time.Sleep(time.Duration(seconds * float64(time.Second)))
	messages := float64(g.settled.Load() - settled)
	spent, took := cpuTime(child.Process.Pid)-cpu, time.Since(start)
	return figures{messages / took.Seconds(), float64(spent.Nanoseconds()) / 1000 / messages}, nil
}

// cpuTime of a process' threads, by Linux' scheduler.
func cpuTime(pid int) time.Duration {
	threads, _ := filepath.Glob(fmt.Sprintf("/proc/%d/task/*/schedstat", pid))
	var sum time.Duration
	for _, thread := range threads {
		content, err := os.ReadFile(thread)
		if err != nil {
			continue
		}
		nanos, _, _ := strings.Cut(string(content), " ")
		ran, _ := strconv.ParseInt(nanos, 10, 64)
		sum += time.Duration(ran)
	}
	return sum
}
