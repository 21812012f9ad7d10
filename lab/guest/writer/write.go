package main

import (
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

var (
	ackPort    = fromEnvironment("WRITER_ACK", "/dev/virtio-ports/understudy.ack")
	statusFile = runDir + "/www/status"
)

// write appends record after record, each durable on every disk in turn before the head names it, and acknowledges it after that.
func write(dirs []string) error {
	if len(dirs) == 0 {
		return fmt.Errorf("run needs the folders of the disks, first to last")
	}
	current, err := readSettings()
	if err != nil {
		return err
	}
	w, err := openWriter(dirs)
	if err != nil {
		return err
	}
	if err := os.WriteFile(pidFile, []byte(strconv.Itoa(os.Getpid())), 0o600); err != nil {
		return err
	}
	signals := make(chan os.Signal, 8)
	signal.Notify(signals, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2, syscall.SIGTERM)
	blob, err := startBlob(filepath.Join(dirs[0], "blob"), current)
	if err != nil {
		return err
	}
	timer := time.NewTimer(0)
	for {
		select {
		case <-timer.C:
			if err := w.next(); err != nil {
				return err
			}
			w.publish(blob.written.Load())
			timer.Reset(time.Duration(current.intervalMs) * time.Millisecond)
		case s := <-signals:
			switch s {
			case syscall.SIGTERM:
				return blob.hold()
			case syscall.SIGHUP:
				changed, err := readSettings()
				if err != nil {
					fmt.Fprintf(os.Stderr, "writer: %v; going on as before\n", err)
					continue
				}
				current = changed
				blob.settings.Store(&current)
			case syscall.SIGUSR1:
				if err := w.rest(dirs[0], blob, signals); err != nil {
					return err
				}
			}
		}
	}
}

type recordWriter struct {
	journals []*os.File
	head     *os.File
	ack      int
	seq      uint64
	boot     uint64
	last     record
}

func openWriter(dirs []string) (*recordWriter, error) {
	lastDir := dirs[len(dirs)-1]
	head, whole, err := readHead(lastDir)
	if err != nil {
		return nil, err
	}
	if !whole {
		return nil, fmt.Errorf("the head in %s is damaged; not writing over the evidence", lastDir)
	}
	w := &recordWriter{seq: head.seq, boot: uint64(time.Now().UnixNano())}
	open := func(dir, name string) (*os.File, error) {
		return os.OpenFile(filepath.Join(dir, name), os.O_RDWR|os.O_CREATE|syscall.O_DSYNC, 0o600)
	}
	for _, dir := range dirs {
		journal, err := open(dir, journalName)
		if err != nil {
			return nil, err
		}
		w.journals = append(w.journals, journal)
	}
	if w.head, err = open(lastDir, headName); err != nil {
		return nil, err
	}
	// without the port the writer is of use all the same; never wait for a reader
	if w.ack, err = syscall.Open(ackPort, syscall.O_WRONLY|syscall.O_NONBLOCK, 0); err != nil {
		w.ack = -1
	}
	return w, nil
}

func (w *recordWriter) next() error {
	w.seq++
	w.last = record{seq: w.seq, ns: time.Now().UnixNano(), boot: w.boot}
	sector := w.last.encode(recordMagic)
	for _, journal := range w.journals {
		if _, err := journal.WriteAt(sector, int64((w.seq-1)%slots)*recordBytes); err != nil {
			return err
		}
	}
	_, err := w.head.WriteAt(w.last.encode(headMagic), 0)
	return err
}

// publish says outside that the record is durable. A full port loses the line, never the writer's time.
func (w *recordWriter) publish(blobBytes uint64) {
	if w.ack >= 0 {
		line := fmt.Sprintf("ACK %d %d %d\n", w.last.seq, w.last.ns, w.last.boot)
		_, _ = syscall.Write(w.ack, []byte(line))
	}
	status := fmt.Sprintf("{\"seq\":%d,\"ns\":\"%d\",\"boot\":\"%d\",\"blobBytes\":%d}\n", w.last.seq, w.last.ns, w.boot, blobBytes)
	if os.WriteFile(statusFile+".new", []byte(status), 0o644) == nil {
		_ = os.Rename(statusFile+".new", statusFile)
	}
}

// rest holds everything at a record's end, with all of it on the disks, until the thaw.
func (w *recordWriter) rest(dir string, blob *blobWriter, signals <-chan os.Signal) error {
	if err := blob.hold(); err != nil {
		return err
	}
	if err := writeQuiesced(dir, w.seq); err != nil {
		return err
	}
	if err := os.WriteFile(frozenFile, nil, 0o600); err != nil {
		return err
	}
	for s := range signals {
		if s == syscall.SIGTERM || s == syscall.SIGUSR2 {
			break
		}
	}
	blob.release()
	return os.Remove(frozenFile)
}
