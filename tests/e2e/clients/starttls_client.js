// A session over STARTTLS with Node's TLS. Prints the SHA-256 of the server's certificate in hex.
//
// Arguments: HOST PORT ROOTS VERSION CIPHERS GROUPS SCHEMES; VERSION is like TLSv1.2, the others
// are colon-separated in OpenSSL's names. An empty one limits nothing.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const net = require('net');
const tls = require('tls');

const [host, port, roots, version, ciphers, groups, schemes] = process.argv.slice(2);

function fail(error) {
  console.error(error.message);
  process.exit(1);
}

// Calls back with each whole reply; returns a function that stops it.
function onReply(connection, callback) {
  let text = '';
  const listener = (data) => {
    text += data.toString('latin1');
    if (/^[0-9]{3} .*\r\n$/m.test(text)) {
      const reply = text;
      text = '';
      if (reply[0] !== '2') fail(new Error(`refused: ${reply}`));
      callback();
    }
  };
  connection.on('data', listener);
  return () => connection.off('data', listener);
}

function secure(plain) {
  const options = { socket: plain, servername: 'mail.example.test', ca: fs.readFileSync(roots),
                    minVersion: version || 'TLSv1', ciphers };
  if (version) options.maxVersion = version;
  if (groups) options.ecdhCurve = groups;
  if (schemes) options.sigalgs = schemes;
  const connection = tls.connect(options, () => {
    const leaf = connection.getPeerCertificate().raw;
    const lines = ['EHLO node.example.test', 'QUIT'];
    const next = () => {
      if (lines.length) {
        connection.write(`${lines.shift()}\r\n`);
      } else {
        console.log(crypto.createHash('sha256').update(leaf).digest('hex'));
        connection.end();
      }
    };
    onReply(connection, next);
    next();
  });
  connection.on('error', fail);
}

const plain = net.connect(Number(port), host);
plain.on('error', fail);
const lines = ['EHLO node.example.test', 'STARTTLS'];
const stop = onReply(plain, () => {
  if (lines.length) {
    plain.write(`${lines.shift()}\r\n`);
  } else {
    stop();
    secure(plain);
  }
});
