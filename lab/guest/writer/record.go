package main

import (
	"encoding/binary"
	"hash/crc32"
	"os"
	"path/filepath"
)

// A record fills one 512-byte sector, so that a disk writes all of it or nothing:
// magic (8 bytes), sequence, time in ns since 1970, id of the boot (8 bytes each, little endian), CRC-32 of those 32 bytes, zeros.
type record struct {
	seq  uint64
	ns   int64
	boot uint64
}

const (
	recordBytes = 512
	// slots of the journal's ring: record n is in slot (n-1) % slots. 32 MiB.
	slots       = 65536
	journalName = "journal"
	headName    = "head"
	recordMagic = "USRECORD"
	headMagic   = "USHEAD01"
)

func (r record) encode(magic string) []byte {
	sector := make([]byte, recordBytes)
	copy(sector, magic)
	binary.LittleEndian.PutUint64(sector[8:], r.seq)
	binary.LittleEndian.PutUint64(sector[16:], uint64(r.ns))
	binary.LittleEndian.PutUint64(sector[24:], r.boot)
	binary.LittleEndian.PutUint32(sector[32:], crc32.ChecksumIEEE(sector[:32]))
	return sector
}

// decode answers false for anything that is not a whole record of that kind.
func decode(sector []byte, magic string) (record, bool) {
	if len(sector) < recordBytes || string(sector[:8]) != magic ||
		binary.LittleEndian.Uint32(sector[32:]) != crc32.ChecksumIEEE(sector[:32]) {
		return record{}, false
	}
	return record{
		seq:  binary.LittleEndian.Uint64(sector[8:]),
		ns:   int64(binary.LittleEndian.Uint64(sector[16:])),
		boot: binary.LittleEndian.Uint64(sector[24:]),
	}, true
}

// readHead answers the zero record where nothing was written yet, and false for a head that is there and damaged.
func readHead(dir string) (record, bool, error) {
	sector, err := os.ReadFile(filepath.Join(dir, headName))
	if os.IsNotExist(err) || (err == nil && len(sector) == 0) {
		return record{}, true, nil
	}
	if err != nil {
		return record{}, false, err
	}
	head, ok := decode(sector, headMagic)
	return head, ok, nil
}
