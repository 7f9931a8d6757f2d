package runner

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"
)

// trust is the certificates of one case: two authorities, of which workers trust the first, in files of the case's folder.
//
//	ca.pem, other-ca.pem         the authorities
//	client.pem, client-key.pem   the worker's, for "renew_client" to replace
//
// Safe for concurrent use.
type trust struct {
	dir         string
	authorities map[string]*authority

	mu     sync.Mutex
	served *tls.Certificate
	serial int64
}

type authority struct {
	certificate *x509.Certificate
	key         *ecdsa.PrivateKey
}

const (
	firstCA = "ca"
	otherCA = "other-ca"
)

func newTrust(dir string) (*trust, error) {
	t := &trust{dir: dir, authorities: map[string]*authority{}}
	for _, name := range []string{firstCA, otherCA} {
		if err := t.found(name); err != nil {
			return nil, err
		}
	}
	if err := t.renewServer(firstCA); err != nil {
		return nil, err
	}
	return t, t.renewClient(firstCA, "worker-1")
}

func (t *trust) found(name string) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign | x509.KeyUsageCRLSign}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		return err
	}
	certificate, err := x509.ParseCertificate(der)
	if err != nil {
		return err
	}
	t.authorities[name] = &authority{certificate, key}
	return t.write(name+".pem", "CERTIFICATE", der)
}

func (t *trust) write(name, kind string, der []byte) error {
	temporary := filepath.Join(t.dir, ".new-"+name)
	if err := os.WriteFile(temporary, pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}), 0o600); err != nil {
		return err
	}
	return os.Rename(temporary, filepath.Join(t.dir, name))
}

// issue returns a certificate and its key, in DER.
func (t *trust) issue(by, name string, usage x509.ExtKeyUsage) (certificate, key []byte, err error) {
	ca, ok := t.authorities[by]
	if !ok {
		return nil, nil, fmt.Errorf("there is no authority %q", by)
	}
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	t.mu.Lock()
	t.serial++
	serial := t.serial + 1
	t.mu.Unlock()
	template := &x509.Certificate{SerialNumber: big.NewInt(serial), Subject: pkix.Name{CommonName: name}, NotBefore: time.Now().Add(-time.Hour),
		NotAfter: time.Now().Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{usage}}
	if usage == x509.ExtKeyUsageServerAuth {
		template.DNSNames = []string{"gateway.test", "localhost"}
		for last := byte(1); last <= 9; last++ {
			template.IPAddresses = append(template.IPAddresses, net.IPv4(127, 0, 0, last))
		}
	}
	certificate, err = x509.CreateCertificate(rand.Reader, template, ca.certificate, &private.PublicKey, ca.key)
	if err != nil {
		return nil, nil, err
	}
	key, err = x509.MarshalPKCS8PrivateKey(private)
	return certificate, key, err
}

// renewServer makes new connections see another certificate.
func (t *trust) renewServer(by string) error {
	certificate, key, err := t.issue(by, "gateway.test", x509.ExtKeyUsageServerAuth)
	if err != nil {
		return err
	}
	private, err := x509.ParsePKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.served = &tls.Certificate{Certificate: [][]byte{certificate}, PrivateKey: private}
	return nil
}

// renewClient replaces the worker's files.
func (t *trust) renewClient(by, name string) error {
	certificate, key, err := t.issue(by, name, x509.ExtKeyUsageClientAuth)
	if err != nil {
		return err
	}
	if err := t.write("client-key.pem", "PRIVATE KEY", key); err != nil {
		return err
	}
	return t.write("client.pem", "CERTIFICATE", certificate)
}

func (t *trust) server(mutual bool) *tls.Config {
	config := &tls.Config{
		MinVersion: tls.VersionTLS12,
		NextProtos: []string{"h2"},
		GetCertificate: func(*tls.ClientHelloInfo) (*tls.Certificate, error) {
			t.mu.Lock()
			defer t.mu.Unlock()
			return t.served, nil
		},
	}
	if mutual {
		config.ClientAuth = tls.RequireAndVerifyClientCert
		config.ClientCAs = x509.NewCertPool()
		config.ClientCAs.AddCert(t.authorities[firstCA].certificate)
	}
	return config
}

func renewServer(w *world, of any) error {
	a := w.arguments(of)
	by := a.text("by", firstCA)
	if err := a.done(); err != nil {
		return err
	}
	return w.trust.renewServer(by)
}

func renewClient(w *world, of any) error {
	a := w.arguments(of)
	name, by := a.text("name", "worker-2"), a.text("by", firstCA)
	if err := a.done(); err != nil {
		return err
	}
	return w.trust.renewClient(by, name)
}
