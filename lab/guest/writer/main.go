// Command writer is the application of a lab guest. It writes records that depend on one another, so that any image of the guest's disks tells whether
// it is one instant of them, and says through a virtio-serial port which records are durable, so that what a failover lost can be counted.
//
//	writer run DIR...      write for ever; settings from /run/writer.conf, read again on SIGHUP
//	writer check DIR...    judge the records found in DIR..., as JSON; exit 1 when they contradict one another
//	writer set KEY=VALUE   change a running writer's settings
//	writer freeze|thaw     hold the writer at a record's end, and let it go on: what the guest agent's hook calls
//
// DIR... are the guest's disks in order: each record goes to the first, then the second and so on, then the head to the last.
package main

import (
	"encoding/json"
	"fmt"
	"os"
)

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintf(os.Stderr, "writer: %v\n", err)
		os.Exit(1)
	}
}

func run(args []string) error {
	if len(args) == 0 {
		return fmt.Errorf("give a verb: run, check, set, freeze or thaw")
	}
	verb, rest := args[0], args[1:]
	switch verb {
	case "run":
		return write(rest)
	case "check":
		verdict, err := check(rest)
		if err != nil {
			return err
		}
		if err := json.NewEncoder(os.Stdout).Encode(verdict); err != nil {
			return err
		}
		if !verdict.OK {
			os.Exit(1)
		}
		return nil
	case "set":
		return set(rest)
	case "freeze":
		return freeze()
	case "thaw":
		return thaw()
	}
	return fmt.Errorf("unknown verb %q; there are run, check, set, freeze and thaw", verb)
}
