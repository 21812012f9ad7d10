// A long-distance link between two network namespaces: every packet waits for its turn at the link's rate and then for the distance.
// The kernel's own emulator (netem) is missing on many machines, and a proxy would end TCP's own control loop in the middle.
//
//	link NAMESPACE_A NAMESPACE_B MBIT_PER_S ONE_WAY_MS QUEUE_BYTES
//
// Makes the TUN device wan0 in both namespaces (named ones of iproute2), says "up", and runs until it is killed; the devices go with it.
package main

import (
	"fmt"
	"os"
	"runtime"
	"strconv"
	"syscall"
	"time"
	"unsafe"
)

const (
	tunSetInterface = 0x400454ca // TUNSETIFF
	tunNoHeader     = 0x1001     // IFF_TUN | IFF_NO_PI
	maximumPacket   = 2048
	maximumQueued   = 1 << 16
)

type packet struct {
	due  time.Time
	data []byte
}

func main() {
	if len(os.Args) != 6 {
		fail("usage: link NAMESPACE_A NAMESPACE_B MBIT_PER_S ONE_WAY_MS QUEUE_BYTES")
	}
	bytesPerSecond := number(os.Args[3]) * 1e6 / 8
	distance := time.Duration(number(os.Args[4]) * float64(time.Millisecond))
	queueBytes := number(os.Args[5])
	a, b := openTun(os.Args[1]), openTun(os.Args[2])
	go carry(a, b, bytesPerSecond, distance, queueBytes)
	go carry(b, a, bytesPerSecond, distance, queueBytes)
	fmt.Println("up")
	select {}
}

// carry takes packets from one end to the other. A packet that finds the queue full is dropped, as a router does.
func carry(from, to *os.File, bytesPerSecond float64, distance time.Duration, queueBytes float64) {
	queue := make(chan packet, maximumQueued)
	go deliver(queue, to)
	free := time.Now()
	for {
		buffer := make([]byte, maximumPacket)
		length, err := from.Read(buffer)
		if err != nil {
			fail("reading from the link: " + err.Error())
		}
		now := time.Now()
		if free.Before(now) {
			free = now
		}
		if free.Sub(now).Seconds()*bytesPerSecond+float64(length) > queueBytes {
			continue
		}
		free = free.Add(time.Duration(float64(length) / bytesPerSecond * float64(time.Second)))
		select {
		case queue <- packet{free.Add(distance), buffer[:length]}:
		default:
		}
	}
}

func deliver(queue <-chan packet, to *os.File) {
	for next := range queue {
		if wait := time.Until(next.due); wait > 0 {
			time.Sleep(wait)
		}
		// A receiver that is not up drops packets; so does a real link.
		_, _ = to.Write(next.data)
	}
}

// openTun makes wan0 in a namespace. The thread that entered it is never used for anything else: it ends with its goroutine.
func openTun(namespace string) *os.File {
	type opened struct {
		file *os.File
		err  error
	}
	result := make(chan opened)
	go func() {
		runtime.LockOSThread()
		file, err := openTunHere(namespace)
		result <- opened{file, err}
	}()
	got := <-result
	if got.err != nil {
		fail(fmt.Sprintf("opening wan0 in namespace %s: %v", namespace, got.err))
	}
	return got.file
}

func openTunHere(namespace string) (*os.File, error) {
	handle, err := os.Open("/run/netns/" + namespace)
	if err != nil {
		return nil, err
	}
	defer handle.Close()
	if _, _, code := syscall.RawSyscall(308 /* setns */, handle.Fd(), syscall.CLONE_NEWNET, 0); code != 0 {
		return nil, code
	}
	descriptor, err := syscall.Open("/dev/net/tun", syscall.O_RDWR|syscall.O_NONBLOCK|syscall.O_CLOEXEC, 0)
	if err != nil {
		return nil, err
	}
	var request [40]byte
	copy(request[:16], "wan0")
	*(*uint16)(unsafe.Pointer(&request[16])) = tunNoHeader
	if _, _, code := syscall.Syscall(syscall.SYS_IOCTL, uintptr(descriptor), tunSetInterface, uintptr(unsafe.Pointer(&request[0]))); code != 0 {
		return nil, code
	}
	return os.NewFile(uintptr(descriptor), "wan0"), nil
}

func number(text string) float64 {
	value, err := strconv.ParseFloat(text, 64)
	if err != nil || value <= 0 {
		fail(text + " is not a positive number")
	}
	return value
}

func fail(sentence string) {
	fmt.Fprintln(os.Stderr, "link: "+sentence)
	os.Exit(1)
}
