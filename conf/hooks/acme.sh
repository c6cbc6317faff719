#!/bin/sh
# acme.sh [-c file] [name]: acme.sh's --reloadcmd, without --key-file and --fullchain-file, which
# would be overwritten in place. `name` is the certificate in postern.conf; without it the one that has
# the name of the domain. postern-hooks(8).
chain=${CERT_FULLCHAIN_PATH:?is set by acme.sh for its --reloadcmd}
exec @HOOKDIR@/postern-renew -i "${Le_Domain-}" -f "$chain" -k "${CERT_KEY_PATH-}" "$@"
