package main

import (
	"bufio"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"os"
	"sync"
	"time"
)

// proxy is an HTTPS proxy on loopback that answers itself for every host. A
// process that knows nothing of it reaches it through the variables HTTPS_PROXY
// and SSL_CERT_FILE, so that the binary under test is the one that is deployed.
type proxy struct {
	server  *http.Server
	handler http.Handler
	address string

	authority *x509.Certificate
	key       *ecdsa.PrivateKey
	mu        sync.Mutex
	leaves    map[string]*tls.Certificate
}

// newProxy writes its authority's certificate to the file certificate.
func newProxy(ctx context.Context, certificate string, handler http.Handler) (*proxy, error) {
	p := &proxy{handler: handler, leaves: map[string]*tls.Certificate{}}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		return nil, err
	}
	p.authority = &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "test-binaries"}, IsCA: true, BasicConstraintsValid: true,
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), KeyUsage: x509.KeyUsageCertSign,
	}
	der, err := x509.CreateCertificate(rand.Reader, p.authority, p.authority, &p.key.PublicKey, p.key)
	if err != nil {
		return nil, fmt.Errorf("make certificate: %w", err)
	}
	if err := os.WriteFile(certificate, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der}), 0o600); err != nil {
		return nil, err
	}
	listener, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p.address = listener.Addr().String()
	p.server = &http.Server{Handler: http.HandlerFunc(p.connect), ReadHeaderTimeout: time.Minute}
	go func() { _ = p.server.Serve(listener) }() // ends with Close
	return p, nil
}

// Close stops taking connections.
func (p *proxy) Close() error { return p.server.Close() }

// connect answers CONNECT and then serves the connection as the host that was
// asked for.
func (p *proxy) connect(w http.ResponseWriter, r *http.Request) {
	if r.Method != http.MethodConnect {
		http.Error(w, "only CONNECT", http.StatusMethodNotAllowed)
		return
	}
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		http.Error(w, "no host", http.StatusBadRequest)
		return
	}
	leaf, err := p.leaf(host)
	if err != nil {
		http.Error(w, "no certificate", http.StatusInternalServerError)
		return
	}
	conn, buffered, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return
	}
	if _, err := conn.Write([]byte("HTTP/1.1 200 Connection established\r\n\r\n")); err != nil {
		_ = conn.Close() // the process has gone
		return
	}
	secure := tls.Server(readFirst{conn, buffered.Reader}, &tls.Config{Certificates: []tls.Certificate{*leaf}, MinVersion: tls.VersionTLS12})
	one := &http.Server{ReadHeaderTimeout: time.Minute, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.URL.Scheme, r.URL.Host = "https", r.Host
		p.handler.ServeHTTP(w, r)
	})}
	_ = one.Serve(&single{conn: secure}) // ends when the listener has no more to give
}

// leaf returns a certificate for a host.
func (p *proxy) leaf(host string) (*tls.Certificate, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if c, ok := p.leaves[host]; ok {
		return c, nil
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(int64(len(p.leaves) + 2)), DNSNames: []string{host},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour),
		KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, p.authority, &p.key.PublicKey, p.key)
	if err != nil {
		return nil, err
	}
	p.leaves[host] = &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: p.key}
	return p.leaves[host], nil
}

// readFirst is a connection of which a part was read already.
type readFirst struct {
	net.Conn
	buffered *bufio.Reader
}

func (c readFirst) Read(b []byte) (int, error) { return c.buffered.Read(b) }

// single is a listener with one connection.
type single struct {
	conn net.Conn
	once sync.Once
}

func (s *single) Accept() (conn net.Conn, err error) {
	err = errors.New("there was one connection only")
	s.once.Do(func() { conn, err = s.conn, nil })
	return conn, err
}

func (s *single) Close() error   { return nil }
func (s *single) Addr() net.Addr { return s.conn.LocalAddr() }
