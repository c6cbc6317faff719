"""All planted changes."""

import planted_certsel
import planted_conf
import planted_facts
import planted_handshake
import planted_hello
import planted_lifetime
import planted_limits
import planted_milter
import planted_owed
import planted_postfix
import planted_proxy
import planted_reload
import planted_service
import planted_sets
import planted_smtp
import planted_status
import planted_text

ALL = (planted_certsel.ALL + planted_conf.ALL + planted_facts.ALL + planted_handshake.ALL
       + planted_hello.ALL + planted_lifetime.ALL + planted_limits.ALL + planted_milter.ALL
       + planted_owed.ALL + planted_postfix.ALL + planted_proxy.ALL + planted_reload.ALL
       + planted_service.ALL + planted_sets.ALL + planted_smtp.ALL + planted_status.ALL
       + planted_text.ALL)
