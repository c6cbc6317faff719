"""Planted changes of what is known about a session, and of failures that are kept."""

from planted import in_file

FACTS = in_file(
    "lib/tls/facts.c",
    ("facts: a hybrid stands for itself", "facts",
     "key_exchange[0] == '\\0' || strcmp(group, \"X25519\") == 0", "strcmp(group, \"X25519\") == 0"),
    ("facts: X25519 stands for itself", "facts", "strcmp(group, \"X25519\") == 0 || ", ""),
    ("facts: a group is told", "facts", "if (group[0] != '\\0') {", "if (false) {"),
    ("facts: no group, no brackets", "facts", "if (group[0] != '\\0') {", "if (true) {"),
    ("facts: a long server name is cut between its bytes", "facts", "if (t.cut) {", "if (false) {"),
    ("facts: a server name is escaped", "facts",
     "text_escaped(&t, sni.data, sni.len, sni.len);",
     "text_addf(&t, \"%.*s\", (int)sni.len, (const char *)sni.data);"),
    ("facts: so is a long one", "facts",
     "text_escaped(&t, sni.data, sni.len, shown);",
     "text_addf(&t, \"%.*s\", (int)shown, (const char *)sni.data);"),
    ("facts: its dots have room", "facts", "sizeof facts->sni - sizeof \"...\"",
     "sizeof facts->sni - 1"),
)

FIELDS = in_file(
    "lib/admin/fields.c",
    ("fields: IPv6 has brackets", "fields", "':') != NULL ?", "':') == NULL ?"),
    ("fields: a text takes its NUL along", "fields", "strlen(value) + 1", "strlen(value)"),
    ("fields: a text takes no more than it needs", "fields",
     "field->type == FIELD_TEXT ? strlen(value) + 1 : field->size", "field->size"),
)

RECORD = in_file(
    "lib/admin/record.c",
    ("record: of what is not known nothing is there", "record", "return record->known && record->tls;",
     "return record->tls;"),
    ("record: nor of its session", "record", "return record->known;", "return true;"),
    ("record: a client needs a certificate", "record",
     "record_has(record, RECORD_OF_TLS) && record->facts", "record->facts"),
    ("record: and trust is more than none", "record",
     " && record->facts.client.trust != TLS_TRUST_NONE", ""),
    ("record: what the session knows itself is not packed", "record",
     "fact->level != RECORD_OF_SESSION && ", ""),
)

JSON = in_file(
    "lib/admin/asjson.c",
    ("json: what is no UTF-8 is escaped", "asjson", "if (string == NULL) {", "if (false) {"),
    ("json: and has the room of its field", "asjson",
     "max < sizeof buf ? max + 1 : sizeof buf", "sizeof buf"),
    ("json: nothing is null", "asjson", "field->nothing_is_null && text[0] == '\\0' ? ",
     "false ? "),
    ("json: but only where it is said so", "asjson", "field->nothing_is_null && ", ""),
    ("json: a number is one", "asjson", "json_is_integer(value) && json_integer_value(value) >= 0",
     "json_integer_value(value) >= 0"),
    ("json: no number below 0", "asjson", " && json_integer_value(value) >= 0", ""),
    ("json: no number above the greatest", "asjson", " &&\n           json_integer_value(value) <= max",
     ""),
    ("json: a flag is one", "asjson", "return json_is_boolean(value);", "return true;"),
    ("json: a word is one of them", "asjson", "    return false;\n}\n\nstatic bool take_address",
     "    return true;\n}\n\nstatic bool take_address"),
    ("json: an address has a port", "asjson", " || !is_number(port, UINT16_MAX)", ""),
    ("json: a missing key is no mistake", "asjson", "if (value == NULL) {\n        return true;",
     "if (value == NULL) {\n        return false;"),
) + in_file(
    "lib/admin/asjson_record.c",
    ("json: a record is an object", "asjson", ".known = json_is_object(object)", ".known = true"),
    ("json: of a bad record nothing is known", "asjson", "*out = (struct record){.known = false};",
     "out->known = false;"),
    ("json: only what there is", "asjson",
     "record_has(record, fact->level) && !asjson_put", "!asjson_put"),
    ("json: only what there is, read", "asjson",
     "record_has(out, fact->level) && !asjson_take", "!asjson_take"),
)

FAILURES = in_file(
    "lib/admin/asjson_failures.c",
    ("failures: their hellos are not told with all", "asjson_failures", "(whole && (", "(true && ("),
    ("failures: a line is the object", "asjson_failures", 'failure->sslv2 ? "true" : "false"', '"false"'),
    ("failures: another format is not read", "asjson_failures",
     "strcmp(format, FORMAT) == 0 && ", ""),
    ("failures: no more than are kept", "asjson_failures", "num <= FAILURES_MAX ? num : -1", "num"),
    ("failures: the last id is no less than 0", "asjson_failures",
     " && json_integer_value(last_id) >= 0", ""),
    ("failures: a key that is missing", "asjson_failures",
     "value != NULL &&", "true &&"),
    ("failures: no text is cut", "asjson_failures", "json_string_length(value) < field->size",
     "true"),
    ("failures: names have letters of names", "asjson_failures", " && is_name(out->listener) &&", " &&"),
    ("failures: fingerprints too", "asjson_failures",
     " &&\n           is_name(out->ja4)", ""),
    ("failures: a reason that is kept", "asjson_failures", " && failures_wants(out->reason)", ""),
    ("failures: a client at least", "asjson_failures", "num == 0 || num > FAILURES_CLIENTS",
     "num > FAILURES_CLIENTS"),
    ("failures: three at most", "asjson_failures", "num == 0 || num > FAILURES_CLIENTS",
     "num == 0 || (num > FAILURES_CLIENTS && (num = FAILURES_CLIENTS) == 0)"),
    ("failures: a key once", "asjson_failures", "JSON_REJECT_DUPLICATES", "0"),
    ("failures: nothing behind the last", "asjson_failures", "*why == NULL && text.len > 0",
     "false"),
    ("failures: a line has an end", "asjson_failures",
     "text->len == 0 || memchr(text->data, '\\n', text->len) == NULL", "text->len == 0"),
    ("failures: what is bad is not kept", "asjson_failures", "        failures_clear(f);\n", ""),
) + in_file(
    "lib/admin/failures.c",
    ("failures: ids are below the last", "asjson_failures", "read->id > f->last_id || ", ""),
    ("failures: an id once", "asjson_failures", " || failures_find(f, read->id) != NULL", ""),
    ("failures: an id is not 0", "asjson_failures", "read->id == 0 || ", ""),
    ("failures: a count is not 0", "asjson_failures", "if (read->count == 0) {", "if (false) {"),
    ("failures: shapes are known again", "asjson_failures", "    entry->hash = hash;\n    return NULL;",
     "    return NULL;"),
    ("failures: the hello is a copy", "asjson_failures", "    entry->hello = hello;\n", ""),
)

ALL = FACTS + FIELDS + RECORD + JSON + FAILURES
