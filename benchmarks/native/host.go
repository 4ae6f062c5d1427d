package main

import (
	"bytes"
	"fmt"
	"io"
	"os"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"time"
)

const (
	chunkSize = 64 << 10
	mib       = 1 << 20
	fewest    = 20
	most      = 20_000
	mostBytes = 256 << 20
	large     = "large"
)

// The messages of benchmarks/host.py, which this does the same as.
type (
	place struct {
		URL       string `json:"url"`
		Bucket    string `json:"bucket"`
		AccessKey string `json:"access_key"`
		SecretKey string `json:"secret_key"`
		Region    string `json:"region"`
	}
	hello struct {
		Version string  `json:"version"`
		Import  float64 `json:"import"`
		First   float64 `json:"first"`
	}
	work struct {
		Operation string  `json:"operation"`
		Size      int     `json:"size"`
		InFlight  int     `json:"in_flight"`
		Seconds   float64 `json:"seconds"`
	}
	figures struct {
		Count   float64 `json:"count"`
		Seconds float64 `json:"seconds"`
		CPU     float64 `json:"cpu"`
		Peak    int     `json:"peak"`
	}
	failure struct {
		Error string `json:"error"`
	}
)

type host struct {
	*client
	rates    map[work]float64
	fresh    int
	names    []string
	isListed bool
	idle     int // KiB
}

func greet(at place) (*host, hello) {
	began := time.Now()
	made := &host{client: newClient(at), rates: map[work]float64{}}
	if err := made.put("first", []byte("first")); err != nil {
		fmt.Fprintln(os.Stderr, err) // the check that follows fails too
	}
	first := time.Since(began).Seconds()
	made.idle = kib("VmRSS")
	return made, hello{Version: runtime.Version(), First: first}
}

func (h *host) answer(asked work) any {
	if asked.Operation == "check" {
		if err := h.check(); err != nil {
			return failure{err.Error()}
		}
		return struct{}{}
	}
	done, err := h.do(asked)
	if err != nil {
		return failure{err.Error()}
	}
	h.rates[asked] = done.Count / done.Seconds
	return done
}

func (h *host) check() error {
	data := bytes.Repeat([]byte("0123456789"), 10_000)
	if err := h.put("check/a", data); err != nil {
		return err
	}
	found, err := h.get("check/a")
	if err != nil {
		return err
	}
	if !bytes.Equal(found, data) {
		return fmt.Errorf("other bytes came back")
	}
	if err := h.delete("check/a"); err != nil {
		return err
	}
	if _, err := h.get("check/a"); err == nil {
		return fmt.Errorf("a deleted file was read")
	}
	return h.delete("first")
}

func (h *host) do(asked work) (figures, error) {
	switch asked.Operation {
	case "put":
		data := make([]byte, asked.Size)
		h.names = h.names[:0]
		for range h.count(asked) {
			h.fresh++
			h.names = append(h.names, fmt.Sprintf("small/%07d", h.fresh))
		}
		return h.each(asked, h.names, func(name string) error { return h.put(name, data) })
	case "get":
		return h.each(asked, h.cycle(asked), func(name string) error {
			_, err := h.get(name)
			return err
		})
	case "stat":
		return h.each(asked, h.cycle(asked), h.stat)
	case "delete":
		return h.each(asked, h.names, h.delete)
	case "list":
		return h.measureList(asked)
	case "stream_in":
		return h.measured(float64(asked.Size)/mib, func() error {
			return h.upload(large, &chunks{left: asked.Size})
		})
	case "stream_out":
		done, err := h.measured(float64(asked.Size)/mib, func() error {
			_, err := h.download(large)
			return err
		})
		if err != nil {
			return done, err
		}
		return done, h.delete(large)
	}
	return figures{}, fmt.Errorf("no operation %q", asked.Operation)
}

func (h *host) measureList(asked work) (figures, error) {
	for number := 0; number < asked.Size && !h.isListed; number++ {
		if err := h.put(fmt.Sprintf("listed/%04d", number), []byte("listed")); err != nil {
			return figures{}, err
		}
	}
	h.isListed = true
	times := max(1, h.count(asked)/asked.Size)
	return h.measured(float64(times*asked.Size), func() error {
		for range times {
			if found, err := h.list("listed"); err != nil || found != asked.Size {
				return fmt.Errorf("%d listed: %w", found, err)
			}
		}
		return nil
	})
}

func (h *host) count(asked work) int {
	wanted := max(fewest, 2*asked.InFlight, int(h.rates[asked]*asked.Seconds))
	return min(wanted, most, mostBytes/asked.Size)
}

func (h *host) cycle(asked work) []string {
	names := make([]string, h.count(asked))
	for i := range names {
		names[i] = h.names[i%len(h.names)]
	}
	return names
}

// each calls for every name, some at a time.
func (h *host) each(asked work, names []string, call func(string) error) (figures, error) {
	return h.measured(float64(len(names)), func() error {
		var workers sync.WaitGroup
		waiting, failures := make(chan string, len(names)), make(chan error, len(names))
		for _, name := range names {
			waiting <- name
		}
		close(waiting)
		for range asked.InFlight {
			workers.Go(func() {
				for name := range waiting {
					if err := call(name); err != nil {
						failures <- err
					}
				}
			})
		}
		workers.Wait()
		close(failures)
		return <-failures
	})
}

func (h *host) measured(count float64, do func() error) (figures, error) {
	runtime.GC()
	_ = os.WriteFile("/proc/self/clear_refs", []byte("5"), 0) // else the peak is of all times
	cpu, began := processors(), time.Now()
	err := do()
	return figures{
		Count: count, Seconds: time.Since(began).Seconds(), CPU: processors() - cpu,
		Peak: kib("VmHWM") - h.idle,
	}, err
}

func processors() float64 {
	var used syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &used); err != nil {
		panic(err) // it can't fail with these arguments
	}
	return float64(used.Utime.Nano()+used.Stime.Nano()) / 1e9
}

func kib(field string) (found int) {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), field+":")
	_, _ = fmt.Sscan(after, &found) // 0 where there is none
	return found
}

// chunks gives new bytes chunk by chunk, as a socket does.
type chunks struct{ left int }

func (c *chunks) Read(into []byte) (int, error) {
	if c.left == 0 {
		return 0, io.EOF
	}
	size := min(len(into), chunkSize, c.left)
	copy(into[:size], pattern)
	c.left -= size
	return size, nil
}

var pattern = bytes.Repeat([]byte{7}, chunkSize)
