"""posternctl selftest asks the milters and policy services that mail depends on."""

import os
import shutil
import socket

from common import free_port, table
from lab.acceptor import Acceptor
from lab.milter import socket_directory
from lab.posternd import USER, postfix_config
from selftest_case import Selftest

# A milter's answer to SMFIC_OPTNEG: version 6, and nothing that it wants.
NEGOTIATED = b"\0\0\0\x0dO\0\0\0\x06\0\0\0\0\0\0\0\0"


class Server:
    """Listens at a unix-domain socket or a port of 127.0.0.1, and says `answer` to each connection
    that has said something; `told` is what it was told. None: it says nothing."""

    def __init__(self, case, answer, path=None):
        self.told = []
        self._answer = answer
        self._kept = []
        listener = socket.socket(socket.AF_UNIX if path else socket.AF_INET)
        listener.bind(path or ("127.0.0.1", 0))
        listener.listen(16)
        if path:
            os.chmod(path, 0o666)
            case.addCleanup(os.unlink, path)
        else:
            self.port = listener.getsockname()[1]
        case.addCleanup(Acceptor(listener, self._on_connection).close)

    def _on_connection(self, near):
        self._kept.append(near)
        self.told.append(near.recv(4096))
        if self._answer is not None:
            near.sendall(self._answer)


class Ours(Selftest):
    """postern-milter, and what stands in its place."""

    @classmethod
    def prepare(cls):
        postfix = cls.stage.make_postfix()
        inner = postfix.smtpd("postern", "unix")
        cls.directory = socket_directory(postfix)
        cls.paths = {name: f"{cls.directory}/{name}.sock" for name in ("milter", "policy")}
        cls.conf = cls.stage.write(
            certificates=["p256"], backend=inner.address, listeners={"mx": {
                "address": f"127.0.0.1:{free_port()}"}},
            milter={"socket": "unix:" + cls.paths["milter"],
                    "policy_socket": "unix:" + cls.paths["policy"]})
        postfix.paste(postfix_config(cls.build, cls.conf, postfix))
        cls.stage.start_postfix()
        cls.stage.posternd(cls.conf)

    def found(self, code, name):
        check, = self.of(self.checks(self.conf, code), name)
        return check["result"], check["subject"], check["text"], check["cure"]

    def test_both_answer(self):
        milter = self.stage.milter(self.conf)
        self.addCleanup(self.stage.stop, milter)
        self.assertEqual(self.found(0, "milter"), (
            "ok", "milter unix:" + self.paths["milter"], "negotiates, of milter in postern.conf",
            None))
        self.assertEqual(self.found(0, "policy-service"), (
            "ok", "policy service unix:" + self.paths["policy"],
            "answers, of policy_socket in postern.conf", None))
        self.assertFalse([line for line in milter.log.lines if "error" in line], milter.log.lines)

    def test_nobody(self):
        for name, of in (("milter", "milter"), ("policy-service", "policy_socket")):
            result, _, text, cure = self.found(1, name)
            self.assertEqual((result, cure), ("fault", "systemctl start postern-milter"))
            self.assertRegex(text, r"^it cannot be reached \(No such file or directory\): (mail is "
                             rf"deferred|it does not see the mail) \(default_action = tempfail of {of} "
                             r"in postern.conf\)$")

    @table((
        ("nothing", None, "it does not answer"),
        ("another protocol", b"220 hello\r\n", "its answer is not in the milter protocol"),
    ))
    def test_wrong_milter(self, answer, why):
        server = Server(self, answer, self.paths["milter"])
        result, _, text, cure = self.found(1, "milter")
        self.assertEqual((result, cure), ("fault", "systemctl restart postern-milter"))
        self.assertEqual(text, f"{why}: mail is deferred (default_action = tempfail of milter in "
                         "postern.conf)")
        self.assertIn(b"\0\0\0\x0dO\0\0\0\x06\0\0\x01\xff\0\x1f\xff\xff", server.told)

    @table((("no action", b"hello, I am a server\n\n", "its answer is not an action"),))
    def test_wrong_policy_service(self, answer, why):
        server = Server(self, answer, self.paths["policy"])
        result, _, text, _ = self.found(1, "policy-service")
        self.assertEqual(result, "fault")
        self.assertIn(why + ": ", text)
        self.assertEqual(server.told, [
            b"request=smtpd_access_policy\nprotocol_state=CONNECT\n\n"])

    def test_closed_to_postfix(self):
        """Whom root may ask, and Postfix may not."""
        Server(self, NEGOTIATED, self.paths["milter"])
        os.chmod(self.paths["milter"], 0o600)
        shutil.chown(self.paths["milter"], USER)
        result, _, text, cure = self.found(1, "milter")
        self.assertEqual((result, cure), ("fault", None))
        self.assertIn(f"user {self.stage.postfix.owner} may not connect to it: "
                      f"{self.paths['milter']} is closed to it (owner {USER}, ", text)


class Others(Selftest):
    """What services of Postfix ask."""

    @classmethod
    def prepare(cls):
        cls.postfix = cls.stage.make_postfix()
        cls.nobody = free_port()
        services = {
            # By default Postfix >= 3.9 ends the session.
            "milter": (f"smtpd_milters=inet:127.0.0.1:{cls.nobody}",
                       "milter_default_action=tempfail"),
            "accepting": (f"{{ smtpd_milters = {{ inet:localhost:{cls.nobody}, "
                          "default_action=accept } }",),
            "common": ("smtpd_milters=unix:private/nobody", "milter_default_action=reject"),
            "closed": ("{ smtpd_milters = { unix:private/nobody, default_action=accept } }",),
            "policy": (f"{{ smtpd_recipient_restrictions = check_policy_service "
                       f"inet:127.0.0.1:{cls.nobody} }}",),
            "class": ("smtpd_restriction_classes=greylist", "smtpd_recipient_restrictions=greylist",
                      "{ greylist = check_policy_service { unix:private/nobody, "
                      "default_action=DUNNO } }"),
        }
        cls.services = {name: cls.postfix.smtpd(name, options=options)
                        for name, options in services.items()}
        cls.answering = cls.postfix.smtpd("answering")
        cls.stage.start_postfix()

    @table((
        ("milter", "milter", "127.0.0.1:<nobody>", "it cannot be reached (Connection refused): "
         "mail is deferred (default_action = tempfail of smtpd_milters)"),
        ("milter that may be missing", "accepting", None, "it cannot be reached (Connection "
         "refused): mail bypasses it (default_action = accept of smtpd_milters)"),
        ("milter of the queue", "common", "unix:<queue>/private/nobody", "it cannot be reached (No "
         "such file or directory): mail is refused (default_action = reject of smtpd_milters)"),
        ("policy service", "policy", "127.0.0.1:<nobody>", "it cannot be reached (Connection "
         "refused): it does not see the mail (default_action = 451 4.3.5 Server configuration "
         "problem of smtpd_recipient_restrictions)"),
        ("policy service of a class", "class", "unix:<queue>/private/nobody", "it cannot be reached "
         "(No such file or directory): it does not see the mail (default_action = DUNNO of "
         "greylist)"),
    ))
    def test_nobody(self, service, address, text):
        daemon = self.start(backend=self.services[service].address)
        kind = "policy-service" if service in ("policy", "class") else "milter"
        check, = self.of(self.checks(daemon.conf, 1), kind)
        self.assertEqual((check["result"], check["text"], check["cure"]), ("fault", text, None))
        if address:
            address = address.replace("<nobody>", str(self.nobody)).replace(
                "<queue>", self.postfix.queue)
            self.assertTrue(check["subject"].endswith(" " + address), check)

    def test_those_that_answer(self):
        """A policy service of somebody's is not sent anything: it might keep it."""
        milter, policy = Server(self, NEGOTIATED), Server(self, b"action=DUNNO\n\n")
        self.answering.options = (
            f"smtpd_milters=inet:127.0.0.1:{milter.port}",
            "{ smtpd_recipient_restrictions = check_policy_service "
            f"inet:127.0.0.1:{policy.port} }}")
        self.postfix.smtpd("unused")  # writes the files
        daemon = self.start(backend=self.answering.address)
        checks = self.checks(daemon.conf, 0)
        self.assertEqual(self.of(checks, "milter", "ok")[0]["text"], "negotiates, of smtpd_milters")
        self.assertEqual(self.of(checks, "policy-service", "ok")[0]["text"],
                         "accepts connections, of smtpd_recipient_restrictions")
        self.assertEqual([told for told in policy.told if told], [])

    def test_another_account(self):
        """What is closed to it is not checked."""
        daemon = self.start(backend=self.services["closed"].address)
        done = self.run_as("daemon", daemon.conf)
        self.assertEqual(done.returncode, 3, done.stdout)
        self.assertIn("not checked  this account may not connect (Permission denied): run it as "
                      "root\n", done.stdout)
