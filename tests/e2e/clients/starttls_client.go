// A session over STARTTLS with Go's own TLS. Prints the SHA-256 of the server's certificate in hex.
//
// Arguments: HOST PORT ROOTS VERSION KEYS GROUPS; VERSION is like TLSv1.2, KEYS is RSA or ECDSA
// (suites before TLS 1.3), GROUPS are comma-separated. An empty one limits nothing. Go has no
// option for signature schemes.
package main

import (
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"net"
	"net/smtp"
	"os"
	"strings"
)

const server = "mail.example.test"

var versions = map[string]uint16{
	"TLSv1":   tls.VersionTLS10,
	"TLSv1.1": tls.VersionTLS11,
	"TLSv1.2": tls.VersionTLS12,
	"TLSv1.3": tls.VersionTLS13,
}

var groups = map[string]tls.CurveID{
	"P-256":  tls.CurveP256,
	"P-384":  tls.CurveP384,
	"P-521":  tls.CurveP521,
	"X25519": tls.X25519,
}

func configuration(roots, version, keys, groupNames string) (*tls.Config, error) {
	text, err := os.ReadFile(roots)
	if err != nil {
		return nil, err
	}
	config := &tls.Config{
		ServerName: server,
		RootCAs:    x509.NewCertPool(),
		MinVersion: tls.VersionTLS10,
		MaxVersion: tls.VersionTLS13,
	}
	config.RootCAs.AppendCertsFromPEM(text)
	if version != "" {
		config.MinVersion = versions[version]
		config.MaxVersion = versions[version]
	}
	if keys != "" {
		for _, suite := range tls.CipherSuites() {
			if strings.HasPrefix(suite.Name, "TLS_ECDHE_"+keys+"_") {
				config.CipherSuites = append(config.CipherSuites, suite.ID)
			}
		}
	}
	if groupNames != "" {
		for _, name := range strings.Split(groupNames, ",") {
			config.CurvePreferences = append(config.CurvePreferences, groups[name])
		}
	}
	return config, nil
}

func session(address string, config *tls.Config) error {
	client, err := smtp.Dial(address)
	if err != nil {
		return err
	}
	defer client.Close()
	if err := client.Hello("go.example.test"); err != nil {
		return err
	}
	if err := client.StartTLS(config); err != nil {
		return err
	}
	state, _ := client.TLSConnectionState()
	if err := client.Quit(); err != nil {
		return err
	}
	fmt.Printf("%x\n", sha256.Sum256(state.PeerCertificates[0].Raw))
	return nil
}

func main() {
	config, err := configuration(os.Args[3], os.Args[4], os.Args[5], os.Args[6])
	if err == nil {
		err = session(net.JoinHostPort(os.Args[1], os.Args[2]), config)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
