"""What a client of posternd with Postfix behind it can tell from a client of Postfix alone.

DIFFERENCES holds each as it stands in docs/design.md, with the rules that find it in what was heard
in the dialogues. What no rule finds is a fault, and so is a rule that finds nothing.
"""

import itertools
import re

from postfix_pairs import HOSTNAME


class Rule:
    """Two replies at the same place that may differ: in `dialogues` (of these names), where Postfix
    alone says `alone` and posternd `front` (both whole, None: any).

    change: function that makes the reply of Postfix alone into that of posternd.
    then: what both say from the next reply on; without it they go on with the same replies. PLAIN:
    posternd says what a Postfix says that offers no STARTTLS. A pair of regular expressions: what
    Postfix alone and posternd say, replies joined with " | ".
    """

    def __init__(self, dialogues, alone=None, front=None, *, change=None, then=None):
        self.dialogues = re.compile(dialogues)
        self.alone = re.compile(alone or "", re.DOTALL)
        self.front = re.compile(front or "", re.DOTALL)
        self.anything = alone is None, front is None
        self.change = change
        self.then = then

    def explains(self, dialogue, alone, front):
        """Whether this pair is the rule's."""
        return bool(self.dialogues.search(dialogue.name)
                    and (self.anything[0] or self.alone.fullmatch(alone))
                    and (self.anything[1] or self.front.fullmatch(front))
                    and (self.change is None or self.change(alone) == front))


PLAIN = "as Postfix without STARTTLS"

OFFER = "STARTTLS"
READY = "220 2.0.0 Ready to start TLS"
NOT_IMPLEMENTED = "502 5.5.1 Error: command not implemented"
MUST_STARTTLS = "530 5.7.0 Must issue a STARTTLS command first"
NO_EHLO = "TLS: 503 5.5.1 Error: send HELO/EHLO first"
OUT_OF_STEP = "554 5.5.0 Error: SMTP protocol synchronization"
TOO_LONG = f"421 4.5.2 {HOSTNAME} Error: line too long"

# Dialogues in which the same is said again and again, until some Postfix closes: how often is left
# to the kernel's buffers.
MANY = "of 300 kB|300 kB of|in 300 kB"


def _ehlo(reply, edit):
    """The reply to EHLO with its keywords as edit([keywords]) leaves them."""
    lines = [line[4:] for line in reply.split("\n")]
    if len(lines) < 3 or OFFER not in lines:
        return None
    first, *keywords = lines
    lines = [first, *edit([each for each in keywords if each != OFFER])]
    return "\n".join(f"250{'-' if number < len(lines) else ' '}{line}"
                     for number, line in enumerate(lines, 1))


def offer_second(reply):
    """EHLO's reply with STARTTLS behind its first line."""
    return _ehlo(reply, lambda keywords: [OFFER, *keywords])


def no_offer(reply):
    """EHLO's reply without STARTTLS."""
    return _ehlo(reply, lambda keywords: keywords)


# Dialogues in which MAIL, RCPT, DATA or BDAT goes before an EHLO or a STARTTLS in plaintext.
BEHIND_MAIL = (r"^STARTTLS (in MAIL|after (RCPT|MAIL|DATA|BDAT|a (mail|refused RCPT)))"
               r"|^STARTTLS (between BDAT chunks|behind the final dot)"
               r"|^mail, EHLO in a mail$"
               r"|^pipeline (of a whole session|before the banner$)"
               r"|^half-close (behind MAIL|behind a mail|in a mail|in a chunk)$"
               r"|^QUIT, pipelined|^moved, a mail without TLS$"
               r"|^async, (EHLO(, NOOP)? and (MAIL|a mail|BDAT|half a line)|a second EHLO)")
BEHIND_AUTH = "^AUTH allowed before TLS|^STARTTLS (after|in) AUTH"

DIFFERENCES = {
    "STARTTLS is always the second line of EHLO's reply.": (
        Rule("", change=offer_second),),

    "MAIL, RCPT, DATA, BDAT and, where it is allowed, AUTH in plaintext shut the door to TLS: "
    "from then on EHLO's reply has no STARTTLS, even if the command was sent in one packet with "
    "the EHLO, and STARTTLS gets the backend's `502`. Postfix would start TLS and forget the "
    "mail.": (
        Rule(BEHIND_MAIL, change=no_offer),
        Rule(BEHIND_AUTH, change=no_offer),
        Rule(BEHIND_MAIL, READY, NOT_IMPLEMENTED, then=PLAIN),
        Rule(BEHIND_AUTH, READY, NOT_IMPLEMENTED, then=PLAIN)),

    "Under TLS, STARTTLS after MAIL, RCPT, DATA, BDAT or AUTH gets the backend's `502` instead of "
    "a 554.": (
        Rule("^STARTTLS under TLS, in a mail$|^AUTH under TLS, of no base64$"
             "|^implicit, STARTTLS in a mail$",
             "TLS: 554 5.5.1 Error: TLS already active", "TLS: " + NOT_IMPLEMENTED),),

    "After the handshake, unless there is a `tls_address`, everything but EHLO, HELO, NOOP, RSET, "
    "HELP, QUIT and STARTTLS is answered 503 until EHLO or HELO has been accepted. There Postfix "
    "accepts a MAIL, and closes for a header.": (
        Rule("^under TLS before EHLO, a header$", "TLS: 221 2.7.0 .*", NO_EHLO,
             then=("TLS: <closed>", r"TLS: 250 .* \| TLS: <closed>")),
        Rule("^under TLS before (EHLO, (commands|EHLO without argument)|HELO, MAIL, pipelined)$"
             "|^command, ((EHLO|HELO) without argument|no EHLO at all)$"
             "|^limit, commands under TLS before EHLO$"
             "|^sync, (FOO and NOOP|MAIL and RCPT) before EHLO, under TLS$"
             "|^async, (FOO and NOOP|MAIL and RCPT|NOOP and MAIL) before EHLO, under TLS$",
             r"TLS: (250|235|459|5\d\d) .*", NO_EHLO)),

    "If such a command is sent after an EHLO or HELO without waiting for its reply, and the EHLO "
    "or HELO is refused, the session ends.": (
        Rule("^async, (EHLO|HELO) refused, and MAIL, under TLS$", r"TLS: 250 2\.1\.0 Ok",
             "TLS: <closed>", then=(r"TLS: 250 .* \| TLS: 250 .* \| TLS: <closed>", "")),),

    "A BDAT there is answered 503 and the connection closed, because its chunk would be read as "
    "commands.": (
        Rule("^under TLS before EHLO, BDAT$", "TLS: 503 5.5.1 Error: need RCPT command", NO_EHLO,
             then=(r"TLS: 250 .* \| TLS: 250 .* \| TLS: <closed>", "TLS: <closed>")),),

    "AUTH before TLS, where it is not allowed, is answered `538 5.7.11 Encryption required for "
    "requested authentication mechanism` (RFC 4954); Postfix with smtpd_tls_auth_only says `503 "
    "5.5.1 Error: authentication not enabled`.": (
        Rule("^(limit, )?AUTH before TLS|^(none|moved|excepted), AUTH$|^a?sync, AUTH and MAIL$"
             "|^async, EHLO and AUTH$",
             "503 5.5.1 Error: authentication not enabled",
             "538 5.7.11 Encryption required for requested authentication mechanism"),),

    "With `smtpd_client_port_logging = yes`, which joins the two logs, Postfix names the client's "
    "port when it refuses it, including in the reply to the client.": (
        Rule("^refused, ", change=lambda reply: reply.replace("[127.0.0.1]", "[127.0.0.1]:X")),),

    "Postfix does not count as errors what posternd refuses itself. posternd counts its own "
    "refusals: after 20 the session ends with 421.": (
        Rule("^limit, both kinds of errors$",
             "421 4.7.0 backend.example.test Error: too many errors", "501 5.5.4 Syntax: STARTTLS",
             then=("<closed>", r"500 .* \| 501 .* \| 500 .* \| 250 .* \| <closed>")),
        Rule("^encrypt, errors of both kinds$",
             "TLS: 421 4.7.0 backend.example.test Error: too many errors", "TLS: 500 .*",
             then=("TLS: <closed>", r"TLS: 500 .* \| TLS: 250 .* \| TLS: <closed>"))),

    "With `tls = encrypt` RSET is passed on; Postfix says 530.": (
        Rule("^encrypt, (RSET|before EHLO)$|^async, EHLO and RSET, encrypt$", MUST_STARTTLS,
             "250 2.0.0 Ok"),),

    "Everything else but EHLO, HELO, NOOP, HELP, QUIT and STARTTLS is answered 530 there, "
    "including commands that Postfix does not know (500) or closes for (`GET`, a header). A BDAT "
    "is answered 530 and the connection closed.": (
        Rule("^encrypt, (8-bit|EXPN|NUL|XCLIENT|an (empty line|unknown verb)|before EHLO)$",
             "5[05]0 5.*", MUST_STARTTLS),
        Rule("^encrypt, (GET|a header)$", "221 2.7.0 .*", MUST_STARTTLS,
             then=("<closed>", r"250 .* \| <closed>")),
        Rule("^encrypt, BDAT$", r"250 .*", "<closed>", then=(r"250 .* \| <closed>", ""))),

    "A line over 2048 bytes (line_length_limit) that is passed on shuts the door to TLS; with "
    "`tls = encrypt`, and under TLS before EHLO, the session ends with 421. Postfix discards what "
    "follows these bytes; from 3.10.11 on, it reads what follows twice that many as commands, and "
    "closes.": (
        Rule("^long line, |^long STARTTLS, (that the border cuts|behind the border)$",
             change=no_offer),
        Rule("^long line, ", READY, NOT_IMPLEMENTED, then=PLAIN),
        Rule("^long STARTTLS, that (ends at the border|the border makes of a longer word)$",
             READY, NOT_IMPLEMENTED, then=PLAIN),
        Rule("^encrypt, a long line$", "250 2.0.0 Ok", TOO_LONG, then=(".*", "<closed>")),
        Rule("^long line under TLS before EHLO$", "TLS: 250 2.0.0 Ok", "TLS: " + TOO_LONG,
             then=(r"TLS: 250 .* \| TLS: <closed>", "TLS: <closed>"))),

    "In a line over 2048 bytes Postfix reads control characters as question marks, so it does not "
    "know STARTTLS followed by a tab; posternd accepts it.": (
        Rule("^long STARTTLS, and 3000 tabs, bare LF$", "500 5.5.2 .*", READY,
             then=(r"<no TLS> \| 250 .*", r"TLS: 250 .*")),),

    "`smtpd_forbid_unauth_pipelining` never sees what posternd answers itself: STARTTLS, AUTH "
    "before TLS where it is not allowed, commands answered 530 with `tls = encrypt`, and commands "
    "answered 503 under TLS.": (
        Rule("^sync, EHLO and STARTTLS( and NOOP)?$", OUT_OF_STEP, "250-.*",
             then=("<closed>", rf"{READY} \| (TLS: 250-.* \| )?TLS: 250 .* \| TLS: <closed>")),
        Rule("^sync, EHLO and AUTH$", OUT_OF_STEP, "250-.*",
             then=("<closed>", r"538 .* \| 250 .* \| <closed>")),
        Rule("^sync, EHLO and (VRFY|MAIL|AUTH), encrypt$", OUT_OF_STEP, "250-.*",
             then=("<closed>", rf"(530 [^|]* \| )+{READY} \| TLS: 250-.*")),
        Rule("^sync, EHLO and STARTTLS, (under TLS|implicit|moved)$", "TLS: " + OUT_OF_STEP,
             "TLS: 250-.*", then=("TLS: <closed>", r"TLS: 554 5\.5\.1 .*")),
        Rule("^sync, NOOP and MAIL before EHLO, under TLS$", "TLS: " + OUT_OF_STEP,
             "TLS: 250 2.0.0 Ok", then=("TLS: <closed>", rf"{NO_EHLO} \| TLS: 250 .*"))),

    "With a `tls_address`, `smtpd_forbid_unauth_pipelining` judges a client by what was said under "
    "TLS; for Postfix alone, an EHLO before TLS still counts.": (
        Rule("^sync, (HELP and NOOP|MAIL and RCPT) before EHLO, moved$", "TLS: (214|250) .*",
             "TLS: " + OUT_OF_STEP, then=(r"TLS: 250 .* \| TLS: 250 .*", "TLS: <closed>")),),

    "STARTTLS that ends in a bare LF is accepted even with `smtpd_forbid_bare_newline = reject`.": (
        Rule("^bare LF refused, in STARTTLS$", "550 5.5.2 .*", READY,
             then=(r"<no TLS> \| <closed>", "TLS: 250-.*")),),
}

# Differences that no dialogue can show, and the test that does.
ELSEWHERE = {
    "ALPN for another protocol ends the handshake with alert 120; Postfix never looks.":
        "test_alpn",
    "If a client certificate is required, the handshake of a client without one fails, with "
    "libssl's alert. Postfix completes the handshake and then closes the connection.":
        "test_client_certificates",
    "A client that speaks before postscreen's banner is complete is not offered STARTTLS if "
    "postscreen_greet_action is enforce. Its mail is refused there.": "test_postscreen",
    "When the backend cannot be reached, or max_sessions or max_connections is used up: `421 "
    "4.3.2`.":
        "test_backend, test_load, test_limits, test_stress",
    "Too many new TLS sessions are answered 421 and closed; Postfix says 454 and continues.":
        "test_limits",
    "With `tls = encrypt` the connection is closed after a banner other than 220, with a 421 "
    "first if that was neither a 5xx nor a 421. Postfix would wait for a QUIT.": "test_levels",
    "With `tls = implicit` a client that is turned away, or that does not speak TLS, is "
    "disconnected without a reply.": "test_levels",
}


def once(heard):
    """Each reply once, however often it comes; and no word of ours between them."""
    return [each for each, _ in itertools.groupby(each for each in heard if each != "<no TLS>")]


def explain(dialogue, alone, front, plain):
    """Compares what was heard from Postfix alone and through posternd. `plain()` is what was heard
    from Postfix without STARTTLS. Returns (rules used, None), or the rules used before and what no
    rule explains."""
    used = set()
    if re.search(MANY, dialogue.name):
        alone, front, again = once(alone), once(front), plain
        plain = lambda: once(again())
    length = max(len(alone), len(front))
    pairs = zip(alone + [""] * (length - len(alone)), front + [""] * (length - len(front)))
    for number, (one, other) in enumerate(pairs):
        if one == other:
            continue
        rule = next((each for rules in DIFFERENCES.values() for each in rules
                     if each.explains(dialogue, one, other)), None)
        if rule is None:
            return used, f"reply {number}: Postfix alone: {one!r}, posternd: {other!r}"
        used.add(rule)
        if rule.then is not None:
            return used, _rest(rule, number, alone, front, plain)
    return used, None


def _rest(rule, start, alone, front, plain):
    if rule.then is PLAIN:
        if front[start:] != plain()[start:]:
            return f"from reply {start}: posternd: {front[start:]}, {PLAIN}: {plain()[start:]}"
        return None
    for who, heard, expected in zip(("Postfix alone", "posternd"), (alone, front), rule.then):
        rest = " | ".join(heard[start + 1:])
        if not re.fullmatch(expected, rest, re.DOTALL):
            return f"behind reply {start}: {who}: {rest!r}"
    return None
