package main

import (
	"encoding/binary"
	"math/rand"
	"os"
	"sync/atomic"
	"time"
)

const (
	tick      = 10 * time.Millisecond
	syncEvery = 25 // ticks: what was written is on the disk a quarter of a second later
)

// blobWriter overwrites random blocks of a file that is there already, at a settable rate.
type blobWriter struct {
	settings atomic.Pointer[settings]
	written  atomic.Uint64
	requests chan chan error
	resume   chan struct{}
}

func startBlob(path string, initial settings) (*blobWriter, error) {
	b := &blobWriter{requests: make(chan chan error), resume: make(chan struct{})}
	b.settings.Store(&initial)
	file, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	go b.loop(file, info.Size())
	return b, nil
}

// hold stops the writing and answers when all of it is on the disk; release lets it go on.
func (b *blobWriter) hold() error {
	done := make(chan error)
	b.requests <- done
	return <-done
}

func (b *blobWriter) release() { b.resume <- struct{}{} }

func (b *blobWriter) loop(file *os.File, size int64) {
	random := rand.New(rand.NewSource(time.Now().UnixNano()))
	var buffer []byte
	owed := 0.0
	lastTick := time.Now()
	ticker := time.NewTicker(tick)
	for ticks := 0; ; {
		select {
		case done := <-b.requests:
			done <- file.Sync()
			<-b.resume
			lastTick = time.Now()
		case <-ticker.C:
			s := b.settings.Load()
			owed = min(owed+float64(s.rateKib)*1024*time.Since(lastTick).Seconds(), float64(s.rateKib)*1024)
			lastTick = time.Now()
			block := s.blockKib * 1024
			if len(buffer) != block {
				buffer = make([]byte, block)
			}
			for ; owed >= float64(block) && size >= int64(block); owed -= float64(block) {
				fill(buffer, random)
				if _, err := file.WriteAt(buffer, random.Int63n(size/int64(block))*int64(block)); err != nil {
					panic(err) // a disk that refuses writes must be seen on the console
				}
				b.written.Add(uint64(block))
			}
			if ticks++; ticks%syncEvery == 0 && s.rateKib > 0 {
				if err := file.Sync(); err != nil {
					panic(err)
				}
			}
		}
	}
}

// fill makes data no compressor can shorten (xorshift64*).
func fill(buffer []byte, random *rand.Rand) {
	x := random.Uint64() | 1
	for i := 0; i+8 <= len(buffer); i += 8 {
		x ^= x >> 12
		x ^= x << 25
		x ^= x >> 27
		binary.LittleEndian.PutUint64(buffer[i:], x*0x2545F4914F6CDD1D)
	}
}
