"""posternctl explain: the story's lists, every way to give a hello, and the daemon's own answer."""

import json
import os
import re
import shutil
import struct
import subprocess

from common import CERTIFICATES, Case, table
from lab import hello
from lab.posternd import program
from lab.process import TIMEOUT, sanitizer_environment, sanitizer_report

SUITES = "c0 2b c0 2f c0 23 c0 27 c0 13 00 9d 00 9c 00 3d 00 3c 00 35 00 2f 00 0a"
SCHEMES = "04 01 05 01 02 01 04 03 05 03 02 03 02 02 06 01 06 03"
STORY = ("--version", "1.2", "--ciphers", SUITES, "--groups", "0017", "--sigalgs", SCHEMES)

KEYS = {"version", "chosen", "cipher", "group", "signature", "fault", "capped", "verdicts",
        "would_fit"}

RECORD = hello.records(hello.story("mail.example.test"))


def spaced(data):
    return data.hex(" ").encode()


def wireshark(data):
    rows = []
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"{at:04x}   {row.hex(' '):47}   {shown}\n")
    return "".join(rows).encode()


def c_array(data):
    return ("static const unsigned char hello[] = { /* Packet 4 */\n"
            + ", ".join(f"0x{byte:02x}" for byte in data) + " };\n").encode()


def escaped(data):
    """As Wireshark copies an escaped string."""
    rows = ["".join(f"\\x{byte:02x}" for byte in data[at:at + 16])
            for at in range(0, len(data), 16)]
    return "\\\n".join(f'"{row}" ' for row in rows).encode()


def packet(data):
    """The IPv4 packet that carries the bytes to port 25."""
    return (struct.pack(">BBHHHBBH4s4s", 0x45, 0, 40 + len(data), 1, 0x4000, 64, 6, 0,
                        bytes([192, 0, 2, 7]), bytes([203, 0, 113, 5]))
            + struct.pack(">HHIIBBHHH", 49211, 25, 1, 1, 0x50, 0x18, 64240, 0, 0) + data)


def frame(data):
    return bytes(12) + b"\x08\0" + packet(data)


def tcpdump(data, with_characters=False):
    rows = ["12:00:00.000000 IP 192.0.2.7.49211 > 203.0.113.5.25: Flags [P.], length 1\n"]
    for at in range(0, len(data), 16):
        row = data[at:at + 16]
        words = " ".join(row[i:i + 2].hex() for i in range(0, len(row), 2))
        shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        rows.append(f"\t0x{at:04x}:  {words:39}  {shown}\n" if with_characters
                    else f"\t0x{at:04x}:  {words}\n")
    return "".join(rows).encode()


def conversation(data):
    """What both sides have said when the hello comes: [(by the client, bytes)]."""
    return [(False, b"220 mail.example.test ESMTP\r\n"), (True, b"EHLO client.example.test\r\n"),
            (False, b"250-mail.example.test\r\n250 STARTTLS\r\n"), (True, b"STARTTLS\r\n"),
            (False, b"220 2.0.0 Ready to start TLS\r\n"), (True, data)]


def follow(data):
    """Wireshark's "Follow TCP Stream" as a hex dump: the server's lines are indented, and each side
    counts its own offsets."""
    rows = []
    offsets = [0, 0]
    for by_client, said in conversation(data):
        for at in range(0, len(said), 16):
            row = said[at:at + 16]
            shown = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
            rows.append(("" if by_client else "    ") + f"{offsets[by_client]:08X}  "
                        f"{row[:8].hex(' '):23}  {row[8:].hex(' '):23}   {shown}\n")
            offsets[by_client] += len(row)
    return "".join(rows).encode()


def follow_arrays(data):
    return "\n".join(
        f"char peer{int(not by_client)}_{number // 2}[] = {{ /* Packet {number + 4} */\n"
        + ", ".join(f"0x{byte:02x}" for byte in said) + " };"
        for number, (by_client, said) in enumerate(conversation(data))).encode()


def quoted(data):
    return b"".join(b"> " + line + b"\n" for line in wireshark(data).splitlines())


def tool(*command):
    """A hello as a dump program shows it, or None if there is no such program."""
    def show(data):
        if not shutil.which(command[0]):
            return None
        return subprocess.run(command, input=data, stdout=subprocess.PIPE, check=True).stdout
    return show


# name, how the record is given
FORMS = (
    ("binary", bytes),
    ("stream", lambda data: data.hex().encode()),
    ("spaced", spaced),
    ("colons", lambda data: data.hex(":").upper().encode()),
    ("Wireshark", wireshark),
    ("C array", c_array),
    ("escaped string", escaped),
    ("Wireshark, a whole frame", lambda data: wireshark(frame(data))),
    ("a whole frame in one stream", lambda data: frame(data).hex().encode()),
    ("C array of a whole frame", lambda data: c_array(frame(data))),
    ("tcpdump -x, no characters", lambda data: tcpdump(packet(data))),
    ("tcpdump -X", lambda data: tcpdump(packet(data), with_characters=True)),
    ("tcpdump -XX", lambda data: tcpdump(frame(data), with_characters=True)),
    ("tcpdump -X of all packets", lambda data: b"".join(
        tcpdump(packet(said), with_characters=True) for _, said in conversation(data))),
    ("Follow, hex dump", follow),
    ("Follow, C arrays", follow_arrays),
    ("Follow, saved raw", lambda data: b"".join(said for _, said in conversation(data))),
    ("Follow, the client's side saved raw", lambda data: b"".join(
        said for by_client, said in conversation(data) if by_client)),
    ("quoted in a mail", quoted),
    ("xxd", tool("xxd")),
    ("hexdump", tool("hexdump", "-C")),
    ("od", tool("od", "-t", "x1")),
    ("message", lambda data: data[5:]),
    ("message in hex", lambda data: spaced(data[5:])),
    ("records of one byte", lambda data: hello.records(data[5:], 1)),
)

# name, what is given, what it looks like
OTHERS = (
    ("nothing", b"", "empty"),
    ("SMTP", b"220 mail.example.test ESMTP\r\n", "SMTP"),
    ("HTTP", b"GET / HTTP/1.1\r\n\r\n", "HTTP"),
    ("alert", bytes.fromhex("15030300020228"), "TLS alert"),
    ("ServerHello", bytes.fromhex("160303002c020000280303") + bytes(38), "ServerHello"),
    ("PEM", b"-----BEGIN CERTIFICATE-----\nMIIB\n", "CERTIFICATE"),
    ("capture", bytes.fromhex("d4c3b2a102000400"), "pcap"),
    ("torn record", RECORD[:40], "the beginning of a ClientHello"),
    ("words", b"no shared cipher\n", "not hex"),
    ("too long", bytes(65537), "64 KiB"),
)

# One hello in every spelling.
SHORT_STORY = ("--version", "1.2", "--ciphers", "c0 2b c0 2f", "--groups", "0017",
               "--sigalgs", "04 03 04 01", "--sni", "mail.example.test")

# name, version, ciphers, groups, sigalgs
SPELLINGS = (
    ("one stream", "0303", "c02bc02f", "0017", "04030401"),
    ("0x", "0x0303", "0xc02b, 0xC02F", "0x0017", "0x0403 0x0401"),
    ("colons", "03:03", "c0:2b:c0:2f", "00:17", "04:03:04:01"),
    ("as in RFCs", "TLS 1.2", "{0xC0,0x2B}; {0xC0,0x2F}", "secp256r1 (23)",
     "ecdsa_secp256r1_sha256(0x0403), rsa_pkcs1_sha256(0x0401)"),
    ("IANA's names", "TLSv1.2",
     "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256\nTLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256\n",
     "secp256r1", "ecdsa_secp256r1_sha256 rsa_pkcs1_sha256"),
    ("OpenSSL's names", "TLSv1.2", "ECDHE-ECDSA-AES128-GCM-SHA256:ECDHE-RSA-AES128-GCM-SHA256",
     "P-256", "ECDSA+SHA256:RSA+SHA256"),
    ("mixed", "tls1.2", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (0xc02b):c02f", "prime256v1",
     "0403,RSA+SHA256"),
    ("Wireshark's tree", "Version: TLS 1.2 (0x0303)",
     "Cipher Suites Length: 4\nCipher Suites (2 suites)\n"
     "    Cipher Suite: TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256 (0xc02b)\n"
     "    Cipher Suite: TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256 (0xc02f)\n",
     "Supported Groups (1 group)\n    Supported Group: secp256r1 (0x0017)\n",
     "Signature Algorithm: ecdsa_secp256r1_sha256 (0x0403)\n"
     "    Signature Hash Algorithm Hash: SHA256 (4)\n"
     "Signature Algorithm: rsa_pkcs1_sha256 (0x0401)\n"),
)

# name, arguments behind explain
MISTAKES = (
    ("nothing at all", ()),
    ("hello and lists", ("--hello", "-", *STORY)),
    ("an option twice", (*STORY, "--groups", "0018")),
    ("an argument too many", (*STORY, "more")),
    ("no version", STORY[2:]),
    ("no suites", STORY[:2]),
    ("unknown suite", ("--version", "1.2", "--ciphers", "HIGH")),
    ("odd bytes", ("--version", "1.2", "--ciphers", "c0 2b c0")),
    ("a server name that is none", (*STORY, "--sni", "b\u00fccher.example")),
    ("unknown group", (*STORY[:4], "--groups", "P-257")),
    ("unknown kind of certificate", (*STORY, "--certificates", "p257")),
    ("no kind of certificate", (*STORY, "--certificates", ",")),
    ("a listener that is not there", (*STORY, "--listener", "nowhere")),
    ("hypothetical ones at a listener", (*STORY, "--listener", "mx", "--certificates", "p256")),
    ("a file that is not there", ("--hello", "/nonexistent")),
    ("a directory", ("--hello", "/")),
)

# name, hello, listener: whatever the daemon does with it, explain foretells it
SAME = (
    ("story", hello.story(), "full"),
    ("story at a set with P-384 alone", hello.story(), "p384"),
    ("story for a name of another set", hello.story("p384.example.test"), "full"),
    ("story for a name of its own set", hello.story("mail.example.test"), "full"),
    ("story for an unknown name", hello.story("no.such.name"), "full"),
    ("static RSA without groups", hello.build(suites=[0x009c], extensions=None), "full"),
    ("TLS 1.0", hello.build(version=hello.TLS10, suites=[0xc009, 0xc013],
                            extensions=[hello.groups([0x0017])]), "full"),
    ("3DES and RC4 only", hello.build(suites=[0x000a, 0x0005]), "full"),
    ("only P-521", hello.build(suites=[0xc02b], extensions=[
        hello.groups([0x0019]), hello.schemes([0x0603])]), "full"),
    ("compressed points only", hello.build(suites=[0xc02b, 0xc02f], extensions=[
        hello.groups([0x0017]), hello.schemes([0x0403, 0x0401]),
        (hello.POINT_FORMATS, b"\x01\x01")]), "full"),
    ("odd groups", hello.build(extensions=[(hello.GROUPS, b"\0\1\0")]), "full"),
)

# name, hello: releases of libssl differ in what they do with it, and explain follows the one that is
# installed
OF_A_RELEASE = (
    ("shares in another order than ours", hello.tls13(group_numbers=(0x0017, 0x001d),
                                                      shares=(0x0017, 0x001d))),
    ("a share of X25519MLKEM768 first", hello.tls13(group_numbers=(0x11ec, 0x0017, 0x001d),
                                                    shares=(0x11ec, 0x0017, 0x001d))),
    ("a share of a group not offered", hello.tls13(group_numbers=(0x0017,),
                                                   shares=(0x0017, 0x001d))),
    ("client_certificate_type twice", hello.tls13(extra=[(19, b"\1\2")] * 2)),
    ("server_certificate_type twice in TLS 1.2", hello.story(extra=[(20, b"\1\2")] * 2)),
    ("compress_certificate twice", hello.tls13(extra=[(27, b"\2\0\2")] * 2)),
    ("compress_certificate", hello.tls13(extra=[(27, b"\2\0\2")])),
    ("compress_certificate of nothing", hello.tls13(extra=[(27, b"\0")])),
    ("compress_certificate in TLS 1.2", hello.story(extra=[(27, b"\0")])),
    ("brainpool's schemes for certificates", hello.tls13(
        extra=[hello.schemes_cert((0x081a, 0x081b, 0x081c))])),
    ("compressed points only", hello.build(suites=[0xc02b], extensions=[
        hello.groups([0x0017]), hello.schemes([0x0403]), (hello.POINT_FORMATS, b"\1\1")])),
)

# name, hello, listener, what is said of the listener's unmatched
ECDSA_ONLY = hello.build(suites=[0xc02b], extensions=[hello.groups([0x0017]),
                                                      hello.schemes([0x0403])])
UNMATCHED = (
    ("try-anyway", ECDSA_ONLY, "try",
     'unmatched = "try-anyway": posternd sends "p384" anyway'),
    ("try-anyway, nothing to try", hello.build(suites=[0x0034], extensions=None), "try",
     'unmatched = "try-anyway": posternd has no certificate to try'),
    ("anonymous", hello.build(suites=[0xc02b, 0x0034], extensions=None), "anonymous",
     'unmatched = "anonymous": posternd continues without a certificate'),
    ("anonymous, not offered", ECDSA_ONLY, "anonymous",
     'unmatched = "anonymous": posternd cannot continue without a certificate either'),
)


class Explain(Case):
    @classmethod
    def prepare(cls):
        cls.posternd = cls.stage.front(
            CERTIFICATES,
            sets={"full": {"certificates": CERTIFICATES, "names": "mail.example.test"},
                  "p384": {"certificates": "p384", "names": "p384.example.test"},
                  "try": {"certificates": ["rsa", "p384"], "unmatched": "try-anyway"},
                  "anonymous": {"certificates": "p384", "unmatched": "anonymous"}},
            listeners={"full": {"certificate_sets": ["full", "p384"]},
                       "p384": {"certificate_sets": "p384"},
                       "try": {"certificate_sets": "try"},
                       "anonymous": {"certificate_sets": "anonymous"}})
        cls.conf = cls.posternd.conf

    def run_explain(self, *arguments, conf=None, given=b"", json_output=False):
        """(exit code, standard output or the JSON, standard error)"""
        command = [program(self.build, "posternctl")]
        command += ["-c", conf] if conf else []
        command += ["--json"] if json_output else []
        done = subprocess.run([*command, "explain", *arguments], input=given, timeout=TIMEOUT,
                              capture_output=True, env=sanitizer_environment(), cwd="/",
                              check=False)
        errors = done.stderr.decode()
        self.assertIsNone(sanitizer_report(errors.splitlines(), done.returncode))
        output = json.loads(done.stdout) if json_output and done.stdout else done.stdout.decode()
        return done.returncode, output, errors

    def explain_json(self, *arguments, **options):
        code, document, errors = self.run_explain(*arguments, json_output=True, **options)
        self.assertEqual(errors, "")
        self.assertEqual(set(document), KEYS)
        for verdict in document["verdicts"]:
            self.assertEqual(set(verdict), {"certificate", "usable", "reason", "text", "fault"})
            self.assertEqual(verdict["usable"], verdict["reason"] == "usable")
        return code, document

    # --- the story ---

    def test_story_with_p384_alone(self):
        code, document = self.explain_json(*STORY, "--certificates", "p384")
        self.assertEqual(code, 1)
        self.assertEqual([(each["certificate"], each["reason"]) for each in document["verdicts"]],
                         [("p384", "curve-not-in-groups")])
        self.assertEqual(document["would_fit"], ["ecdsa-p256", "rsa"])
        self.assertEqual([document[key] for key in
                          ("version", "chosen", "cipher", "group", "signature")], [None] * 5)

    def test_story_in_words(self):
        code, text, errors = self.run_explain(*STORY, "--certificates", "p384")
        self.assertEqual((code, errors), (1, ""))
        for part in ("ECDHE-ECDSA-AES128-GCM-SHA256", "groups          secp256r1\n",
                     "ecdsa_secp256r1_sha256", "curve-not-in-groups: its key is on secp384r1",
                     "Chosen: none",
                     "What would have worked: an ECDSA P-256 certificate, or an RSA certificate",
                     "refuses: no shared cipher; alert 40, handshake failure (as predicted)"):
            self.assertIn(part, text)
        self.assertNotIn("AS PREDICTED", text)
        self.assertNotIn("JA4", text, "lists are no client's shape")

    def test_story_with_all_certificates(self):
        code, document = self.explain_json(*STORY, "--certificates", "p256,rsa2048,p384")
        self.assertEqual(code, 0)
        self.assertEqual([document[key] for key in
                          ("version", "chosen", "cipher", "group", "signature")],
                         ["TLSv1.2", "p256", "ECDHE-ECDSA-AES128-GCM-SHA256", "secp256r1",
                          "ecdsa_secp256r1_sha256"])
        self.assertEqual([each["reason"] for each in document["verdicts"]],
                         ["usable", "usable", "curve-not-in-groups"])

    @table(SPELLINGS)
    def test_spelling(self, version, ciphers, groups, sigalgs):
        story = self.explain_json(*SHORT_STORY, "--certificates", "p384,p256")
        self.assertEqual(story, self.explain_json(
            "--version", version, "--ciphers", ciphers, "--groups", groups, "--sigalgs", sigalgs,
            "--sni", "mail.example.test", "--certificates", "p384,p256"))

    def test_static_rsa_signs_nothing(self):
        code, document = self.explain_json("--version", "1.2", "--ciphers", "AES128-SHA",
                                           "--sigalgs", "0401", "--certificates", "rsa2048")
        self.assertEqual(code, 0)
        self.assertEqual((document["cipher"], document["group"], document["signature"]),
                         ("AES128-SHA", None, None))

    def test_default_certificates(self):
        if os.path.exists("/etc/postern/postern.conf"):
            self.skipTest("there is a configuration in the usual place")
        code, document = self.explain_json(*STORY)
        self.assertEqual(code, 0)
        self.assertEqual([each["certificate"] for each in document["verdicts"]],
                         ["rsa2048", "p256", "p384", "p521", "ed25519"])

    def test_what_openssl_lacks_is_said(self):
        arguments = ("--version", "1.2", "--groups", "0017", "--sigalgs", "0401",
                     "--certificates", "rsa2048", "--ciphers")
        lacking = hello.SUITES[0x000a]
        ours = subprocess.run(["openssl", "ciphers", "ALL:@SECLEVEL=0"], capture_output=True,
                              text=True, check=True).stdout
        if lacking in ours.strip().split(":"):
            self.skipTest(f"this OpenSSL has {lacking}")
        code, text, _ = self.run_explain(*arguments, lacking)
        self.assertEqual(code, 1)
        self.assertRegex(text, r"OpenSSL \S+ has none of them")
        code, text, _ = self.run_explain(*arguments, lacking + " AES128-SHA 00ff")
        self.assertEqual(code, 0)
        self.assertRegex(text, lacking + r"\* AES128-SHA TLS_EMPTY_RENEGOTIATION_INFO_SCSV\n"
                                         r" *\* not in this system's OpenSSL")

    # --- the hello itself ---

    @table(FORMS)
    def test_form(self, write):
        given = write(RECORD)
        if given is None:
            self.skipTest("not installed")
        code, document = self.explain_json("--hello", "-", "--certificates", "p384,p256",
                                           given=given)
        self.assertEqual((code, document["chosen"]), (0, "p256"))

    @table(OTHERS)
    def test_no_hello(self, given, looks_like):
        code, text, errors = self.run_explain("--hello", "-", "--certificates", "p256", given=given)
        self.assertEqual((code, text), (2, ""))
        self.assertRegex(errors, rf"\Aposternctl: standard input: not a ClientHello, .*{looks_like}"
                                 r".*\n\Z")

    def test_hello_from_a_file(self):
        path = os.path.join(self.stage.directory, "hello")
        with open(path, "wb") as file:
            file.write(RECORD)
        code, text, _ = self.run_explain("--hello", path, "--certificates", "p384")
        self.assertEqual(code, 1)
        self.assertIn("server_name     mail.example.test\n", text)
        self.assertRegex(text, r"JA4 t12d120800_[0-9a-f]{12}_[0-9a-f]{12}\n")

    def test_sslv2_format(self):
        message = (bytes.fromhex("010301000600000010") + bytes.fromhex("00000a00002f") + bytes(16))
        given = (0x8000 | len(message)).to_bytes(2, "big") + message
        code, document = self.explain_json("--hello", "-", "--certificates", "p256,rsa2048",
                                           given=given)
        self.assertEqual((code, document["chosen"], document["version"], document["cipher"]),
                         (0, "rsa2048", "TLSv1", "AES128-SHA"))

    def test_after_a_hello_retry_request(self):
        code, text, _ = self.run_explain("--hello", "-", "--certificates", "p384,p521",
                                         given=hello.records(hello.tls13(
                                             group_numbers=(0x0018,), scheme_numbers=(0x0503,),
                                             shares=())))
        self.assertEqual(code, 0)
        self.assertIn("key_share       none: HelloRetryRequest\n", text)
        self.assertRegex(text, r"p384 +serves it: TLSv1.3 \S+, secp384r1, ecdsa_secp384r1_sha384\s+"
                               r"\(as\s+predicted\)")
        self.assertNotIn("AS PREDICTED", text)

    def test_malformed(self):
        given = hello.records(hello.build(extensions=[(hello.GROUPS, b"\0\1\0")]))
        code, document = self.explain_json("--hello", "-", "--certificates", "p256,rsa2048",
                                           given=given)
        self.assertEqual(code, 1)
        self.assertEqual({each["reason"] for each in document["verdicts"]}, {"malformed"})
        self.assertIn("supported_groups", document["verdicts"][0]["text"])
        self.assertEqual(document["would_fit"], [])

    def test_names_from_the_network_are_escaped(self):
        given = hello.records(hello.build(extensions=[
            (hello.SERVER_NAME, b"\0\x08\0\0\x05\x1b[2Jx"), hello.alpn("\x1b]0;")]))
        code, text, _ = self.run_explain("--hello", "-", "--certificates", "rsa2048", given=given)
        self.assertEqual(code, 0)
        self.assertIn(r"\x1b\x5b2Jx", text)
        self.assertIsNone(re.search(r"[^\n -~]", text))

    # --- the configuration ---

    @table(SAME)
    def test_as_the_daemon(self, message, listener):
        answer = hello.ask(self.posternd.address(listener), message)
        code, document = self.explain_json("--hello", "-", "--listener", listener,
                                           conf=self.conf, given=hello.records(message))
        self.assertEqual({"rsa": "rsa2048"}.get(document["chosen"], document["chosen"]),
                         answer.certificate)
        self.assertEqual(code, 0 if answer.certificate else 1)
        if answer.certificate:
            self.assertEqual(document["version"], hello.VERSIONS[answer.version])

    @table(OF_A_RELEASE)
    def test_as_this_libssl(self, message):
        answer = hello.ask(self.posternd.address("full"), message)
        given = {"conf": self.conf, "given": hello.records(message)}
        code, document = self.explain_json("--hello", "-", "--listener", "full", **given)
        self.assertEqual(code, 0 if answer.alert is None else 1, answer.text)
        if answer.alert is None and answer.version == hello.TLS13:
            group = int.from_bytes(answer.extensions[hello.KEY_SHARE][:2], "big")
            self.assertEqual(document["group"], {0x0017: "secp256r1", 0x001d: "x25519",
                                                 0x11ec: "X25519MLKEM768"}[group])
        _, text, _ = self.run_explain("--hello", "-", "--listener", "full", **given)
        self.assertNotIn("AS PREDICTED", text)

    def test_first_listener_by_default(self):
        code, document = self.explain_json(*STORY, conf=self.conf)
        self.assertEqual((code, document["chosen"]), (0, "p256"))
        _, text, _ = self.run_explain(*STORY, conf=self.conf)
        self.assertIn('certificate_set "full" at listener "full" (tls_profile "opportunistic")\n'
                      '    (--listener for the others: "p384", "try", "anonymous")\n', text)

    def test_set_by_server_name(self):
        code, document = self.explain_json(*STORY, "--sni", "p384.example.test", conf=self.conf)
        self.assertEqual((code, len(document["verdicts"])), (1, 1))

    def test_postfix_beside_it(self):
        _, text, _ = self.run_explain(*STORY, conf=self.conf)
        text = re.sub(r"\s+", " ", text)
        self.assertIn(" p256, rsa serves p256: TLSv1.2 ", text)
        self.assertIn(" rsa, p384 serves rsa: TLSv1.2 ", text)

    @table(UNMATCHED)
    def test_unmatched(self, message, listener, said):
        code, text, _ = self.run_explain("--hello", "-", "--listener", listener, conf=self.conf,
                                         given=hello.records(message))
        self.assertEqual(code, 1)
        self.assertIn(said + "\n", text)

    # --- mistakes ---

    @table(MISTAKES)
    def test_mistake(self, arguments):
        code, text, errors = self.run_explain(*arguments, conf=None if "--certificates" in arguments
                                              else self.conf)
        self.assertEqual((code, text), (2, ""))
        self.assertRegex(errors, r"\Aposternctl: .*\n(usage: (.*\n)+)?\Z")

    def test_configuration_and_hypothetical_certificates(self):
        code, _, errors = self.run_explain(*STORY, "--certificates", "p256", conf=self.conf)
        self.assertEqual(code, 2)
        self.assertIn("usage:", errors)

    def test_bad_configuration(self):
        code, text, errors = self.run_explain(*STORY, conf="/nonexistent/postern.conf")
        self.assertEqual((code, text, errors), (
            2, "", "posternctl: /nonexistent/postern.conf: No such file or directory\n"))
