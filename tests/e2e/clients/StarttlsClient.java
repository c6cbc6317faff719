import java.io.IOException;
import java.io.InputStream;
import java.io.OutputStream;
import java.net.Socket;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.Security;
import java.security.cert.Certificate;
import java.security.cert.CertificateFactory;
import java.util.Arrays;
import java.util.HexFormat;
import javax.net.ssl.SSLContext;
import javax.net.ssl.SSLParameters;
import javax.net.ssl.SSLSocket;
import javax.net.ssl.TrustManagerFactory;

/**
 * A session over STARTTLS with Java's own TLS. Prints the SHA-256 of the server's certificate in hex.
 *
 * <p>Arguments: HOST PORT ROOTS VERSION KEYS GROUPS SCHEMES; VERSION is like TLSv1.2, KEYS is RSA or
 * ECDSA (suites before TLS 1.3), GROUPS and SCHEMES are comma-separated in Java's names. An empty
 * one limits nothing.
 */
final class StarttlsClient {
    private static final String SERVER = "mail.example.test";

    private StarttlsClient() {}

    public static void main(String[] arguments) throws Exception {
        String host = arguments[0];
        int port = Integer.parseInt(arguments[1]);
        // Java reads these once, with its first use of TLS.
        Security.setProperty("jdk.tls.disabledAlgorithms", "");
        limit("jdk.tls.namedGroups", arguments[5]);
        limit("jdk.tls.client.SignatureSchemes", arguments[6]);

        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, trusting(Path.of(arguments[2])).getTrustManagers(), null);
        try (Socket plain = new Socket(host, port)) {
            reply(plain.getInputStream());
            command(plain, "EHLO java.example.test");
            command(plain, "STARTTLS");
            try (SSLSocket tls = (SSLSocket) context.getSocketFactory()
                    .createSocket(plain, SERVER, port, true)) {
                tls.setSSLParameters(parameters(tls, arguments[3], arguments[4]));
                tls.startHandshake();
                byte[] leaf = tls.getSession().getPeerCertificates()[0].getEncoded();
                command(tls, "EHLO java.example.test");
                command(tls, "QUIT");
                System.out.println(HexFormat.of().formatHex(
                        MessageDigest.getInstance("SHA-256").digest(leaf)));
            }
        } catch (IOException error) {
            System.err.println(error);
            System.exit(1);
        }
    }

    private static void limit(String property, String value) {
        if (!value.isEmpty()) {
            System.setProperty(property, value);
        }
    }

    private static TrustManagerFactory trusting(Path roots) throws Exception {
        KeyStore store = KeyStore.getInstance(KeyStore.getDefaultType());
        store.load(null, null);
        try (InputStream in = Files.newInputStream(roots)) {
            for (Certificate root : CertificateFactory.getInstance("X.509").generateCertificates(in)) {
                store.setCertificateEntry("root" + store.size(), root);
            }
        }
        TrustManagerFactory factory =
                TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        factory.init(store);
        return factory;
    }

    private static SSLParameters parameters(SSLSocket tls, String version, String keys) {
        SSLParameters parameters = tls.getSSLParameters();
        parameters.setEndpointIdentificationAlgorithm("HTTPS");
        if (!version.isEmpty()) {
            parameters.setProtocols(new String[] {version});
        }
        if (!keys.isEmpty()) {
            parameters.setCipherSuites(Arrays.stream(tls.getSupportedCipherSuites())
                    .filter(name -> name.startsWith("TLS_ECDHE_" + keys + "_WITH_AES"))
                    .toArray(String[]::new));
        }
        return parameters;
    }

    private static void command(Socket connection, String line) throws IOException {
        OutputStream out = connection.getOutputStream();
        out.write((line + "\r\n").getBytes(StandardCharsets.US_ASCII));
        out.flush();
        reply(connection.getInputStream());
    }

    /** Reads a reply byte by byte: what follows the 220 to STARTTLS belongs to TLS. */
    private static void reply(InputStream in) throws IOException {
        StringBuilder line = new StringBuilder();
        do {
            line.setLength(0);
            int next;
            while ((next = in.read()) != '\n') {
                if (next < 0) {
                    throw new IOException("closed after: " + line);
                }
                line.append((char) next);
            }
        } while (line.charAt(3) == '-');
        if (line.charAt(0) != '2') {
            throw new IOException("refused: " + line);
        }
    }
}
