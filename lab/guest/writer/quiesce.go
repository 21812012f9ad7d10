package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// frozenFile is there while the writer is held.
var frozenFile = runDir + "/writer.frozen"

// quiescedName is the file on the first disk that says at which record the writer was last held: an application-consistent image ends exactly there.
const quiescedName = "quiesced"

func freeze() error {
	if err := signalWriter(syscall.SIGUSR1); err != nil {
		return err
	}
	for deadline := time.Now().Add(5 * time.Second); time.Now().Before(deadline); time.Sleep(5 * time.Millisecond) {
		if _, err := os.Stat(frozenFile); err == nil {
			return nil
		}
	}
	return fmt.Errorf("the writer did not come to rest within 5 s")
}

func thaw() error { return signalWriter(syscall.SIGUSR2) }

func writeQuiesced(dir string, seq uint64) error {
	f, err := os.OpenFile(filepath.Join(dir, quiescedName), os.O_CREATE|os.O_WRONLY|os.O_TRUNC|syscall.O_DSYNC, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, seq); err != nil {
		return err
	}
	return f.Close()
}

func readQuiesced(dir string) uint64 {
	text, err := os.ReadFile(filepath.Join(dir, quiescedName))
	if err != nil {
		return 0
	}
	seq, err := strconv.ParseUint(strings.TrimSpace(string(text)), 10, 64)
	if err != nil {
		return 0
	}
	return seq
}
