"""The common ground of `make run` and of the end-to-end tests (standard library only).

stage     a directory of its own, with certificates, a private Postfix and posternd in it
certs     throw-away certificates
postfix   a private real Postfix
posternd  a configuration and a running posternd
milter    a running postern-milter
hello     exact ClientHello bytes, and what a server answers to them
smtp      a small SMTP client
release   what differs between Debian's releases
process   children, their log lines, and that nothing of them is left over
root      a Debian release in a folder, for what runs on another one
tally     the line that a test program ends with
"""
