package main

import (
	"fmt"
	"os"
	"strconv"
	"strings"
	"syscall"
)

// The folder of the writer's small files; another one lets it run outside of a guest.
var runDir = fromEnvironment("WRITER_RUN", "/run")

var (
	settingsFile = runDir + "/writer.conf"
	pidFile      = runDir + "/writer.pid"
)

func fromEnvironment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}

// settings of the writer: KEY=VALUE words in settingsFile. Unknown keys belong to others (init) and are left alone.
type settings struct {
	// IntervalMs is the pause between two records.
	intervalMs int
	// rateKib: so many KiB a second of random blocks are written into the blob.
	rateKib int
	// blockKib is the size of one of them.
	blockKib int
}

func readSettings() (settings, error) {
	text, err := os.ReadFile(settingsFile)
	if err != nil && !os.IsNotExist(err) {
		return settings{}, err
	}
	return parseSettings(string(text))
}

// parseSettings: of several words for a key the last counts.
func parseSettings(text string) (settings, error) {
	s := settings{intervalMs: 100, rateKib: 0, blockKib: 4}
	for _, word := range strings.Fields(text) {
		key, value, _ := strings.Cut(word, "=")
		target := map[string]*int{"interval_ms": &s.intervalMs, "rate_kib": &s.rateKib, "block_kib": &s.blockKib}[key]
		if target == nil {
			continue
		}
		number, err := strconv.Atoi(value)
		if err != nil || number < 0 {
			return s, fmt.Errorf("%s must be a whole number from 0 on, and is %q", key, value)
		}
		*target = number
	}
	if s.blockKib < 4 || s.blockKib%4 != 0 {
		return s, fmt.Errorf("block_kib must be a multiple of 4, and is %d", s.blockKib)
	}
	return s, nil
}

// set appends to the settings, if the writer can take the outcome, and tells it.
func set(words []string) error {
	text, err := os.ReadFile(settingsFile)
	if err != nil && !os.IsNotExist(err) {
		return err
	}
	changed := string(text) + strings.Join(words, "\n") + "\n"
	if _, err := parseSettings(changed); err != nil {
		return err
	}
	if err := os.WriteFile(settingsFile, []byte(changed), 0o600); err != nil {
		return err
	}
	return signalWriter(syscall.SIGHUP)
}

func signalWriter(s syscall.Signal) error {
	text, err := os.ReadFile(pidFile)
	if err != nil {
		return fmt.Errorf("no writer runs: %w", err)
	}
	pid, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return err
	}
	return syscall.Kill(pid, s)
}
