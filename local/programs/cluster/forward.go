package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"os"
	"sync"
	"time"
)

const (
	dialTimeout = 10 * time.Second
	// Where the far side refuses: a service without endpoints does so for a moment while its pods
	// are being replaced.
	dialRetryFor   = 2 * time.Second
	dialRetryPause = 50 * time.Millisecond
)

// runForward carries TCP connections from one address to another: `forward LISTEN TARGET`.
func runForward() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: forward LISTEN TARGET")
		os.Exit(2)
	}
	target := os.Args[2]
	listener, err := net.Listen("tcp", os.Args[1])
	if err != nil {
		log.Fatal(err)
	}
	log.Printf("forwarding %s to %s", listener.Addr(), target)
	for {
		connection, err := listener.Accept()
		if err != nil {
			log.Printf("accept: %v", err)
			time.Sleep(dialRetryPause) // out of file descriptors, most likely
			continue
		}
		go carry(connection.(*net.TCPConn), target)
	}
}

func carry(near *net.TCPConn, target string) {
	defer near.Close()
	far, err := dial(target)
	if err != nil {
		log.Printf("%s: %v", near.RemoteAddr(), err)
		_ = near.SetLinger(0) // the client sees a reset, as if it had asked the target itself
		return
	}
	defer far.Close()
	var both sync.WaitGroup
	both.Add(2)
	go copyHalf(&both, far, near)
	go copyHalf(&both, near, far)
	both.Wait()
}

func dial(target string) (*net.TCPConn, error) {
	deadline := time.Now().Add(dialRetryFor)
	for {
		connection, err := net.DialTimeout("tcp", target, dialTimeout)
		if err == nil {
			return connection.(*net.TCPConn), nil
		}
		if time.Now().After(deadline) {
			return nil, err
		}
		time.Sleep(dialRetryPause)
	}
}

// copyHalf passes on one direction and its end; a broken connection ends the other direction too.
func copyHalf(both *sync.WaitGroup, to, from *net.TCPConn) {
	defer both.Done()
	if _, err := io.Copy(to, from); err != nil && !errors.Is(err, net.ErrClosed) {
		to.Close()
		from.Close()
		return
	}
	_ = to.CloseWrite()
}
