package main

import (
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// A verdict on the records of an image.
type verdict struct {
	OK bool `json:"ok"`
	// Head is the newest record the guest had acknowledged, or was about to, when the image was taken.
	Head uint64 `json:"head"`
	// Last is the newest whole record: the head, or the one after it.
	Last uint64 `json:"last"`
	// HeadAt is when the head's record was written, by the guest's clock.
	HeadAt string `json:"headAt,omitempty"`
	HeadNs int64  `json:"headNs,string"`
	Boot   uint64 `json:"boot,string"`
	// Quiesced is the record the writer was held at by the guest agent's freeze; 0: never.
	Quiesced uint64   `json:"quiesced"`
	Problems []string `json:"problems"`
}

const problemsShown = 10

// check demands of the disks in dirs what every single instant of them fulfils: all records up to the head are whole, none is newer than the one after the head,
// and no disk knows a record that a disk before it does not.
func check(dirs []string) (verdict, error) {
	if len(dirs) == 0 {
		return verdict{}, fmt.Errorf("check needs the folders of the disks, first to last")
	}
	v := verdict{Problems: []string{}}
	last := dirs[len(dirs)-1]
	head, whole, err := readHead(last)
	if err != nil {
		return v, err
	}
	if !whole {
		v.report("the head in %s is damaged", last)
	}
	v.Head, v.HeadNs, v.Boot = head.seq, head.ns, head.boot
	if head.seq > 0 {
		v.HeadAt = time.Unix(0, head.ns).UTC().Format(time.RFC3339Nano)
	}
	newest := make([]uint64, len(dirs))
	for i, dir := range dirs {
		if newest[i], err = checkJournal(dir, head, &v); err != nil {
			return v, err
		}
		if i > 0 && newest[i] > newest[i-1] {
			v.report("%s holds record %d, which %s, written before it, does not", dir, newest[i], dirs[i-1])
		}
	}
	v.Last = newest[0]
	v.Quiesced = readQuiesced(dirs[0])
	v.OK = len(v.Problems) == 0
	return v, nil
}

func checkJournal(dir string, head record, v *verdict) (uint64, error) {
	data, err := os.ReadFile(filepath.Join(dir, journalName))
	if err != nil && !os.IsNotExist(err) {
		return 0, err
	}
	newest := head.seq
	for slot := uint64(0); slot < slots; slot++ {
		wanted := wantedIn(slot, head.seq)
		found, whole, blank := recordIn(data, slot)
		switch {
		case blank && wanted == 0, whole && found.seq == wanted:
		case whole && found.seq == head.seq+1 && head.seq%slots == slot:
			newest = found.seq
		case blank:
			v.report("%s: record %d is missing though the head is %d", dir, wanted, head.seq)
		case !whole:
			v.report("%s: slot %d is damaged where record %d belongs", dir, slot, wanted)
		default:
			v.report("%s: slot %d holds record %d where %d belongs, with the head at %d", dir, slot, found.seq, wanted, head.seq)
		}
	}
	return newest, nil
}

// wantedIn is the record that must be in a slot once the head is there: the newest of those that go to it, or 0 for none yet.
func wantedIn(slot, head uint64) uint64 {
	if head <= slot {
		return 0
	}
	return head - (head-1-slot)%slots
}

func recordIn(data []byte, slot uint64) (found record, whole, blank bool) {
	start := slot * recordBytes
	if start+recordBytes > uint64(len(data)) {
		return record{}, false, true
	}
	sector := data[start : start+recordBytes]
	if found, whole = decode(sector, recordMagic); whole {
		return found, true, false
	}
	for _, b := range sector {
		if b != 0 {
			return record{}, false, false
		}
	}
	return record{}, false, true
}

func (v *verdict) report(format string, args ...any) {
	if len(v.Problems) < problemsShown {
		v.Problems = append(v.Problems, fmt.Sprintf(format, args...))
	}
}
