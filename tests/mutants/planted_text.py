"""Planted changes of what is read from an administrator: dumps, conversations, lists."""

from planted import in_file

DUMPS = in_file(
    "lib/base/hexdump_dump.c",
    ("dumps: the bytes of a line end where the next line begins", "hexdump",
     "bytes <= WIDTH_MAX ? add_line(r, line->text, here, (size_t)bytes, bytes)",
     "bytes <= WIDTH_MAX ? add_line(r, line->text, here, r->width, bytes)"),
    ("dumps: the last line ends at its gap", "hexdump",
     "here->end, r->width, true, r->width, NULL)", "here->end, r->width, false, r->width, NULL)"),
    ("dumps: no line is left out", "hexdump",
     "*expected != 0 && value > *expected", "false"),
    ("dumps: a side counts its own offsets", "hexdump",
     "&expected[r->two_sides && line.indented]", "&expected[0]"),
    ("dumps: the next line is one of the same side", "hexdump",
     "r->two_sides && line.indented != indented", "false"),
    ("dumps: two sides both begin at 0", "hexdump",
     "begins[false] && begins[true]", "begins[false] || begins[true]"),
    ("dumps: the first words of a side are no full line", "hexdump",
     "base != 0 && !r->two_sides ?", "base != 0 ?"),
) + in_file(
    "lib/base/hexdump_line.c",
    ("dumps: a mail's marks are no part of a line", "hexdump",
     "line.data[at] == '>' && hexdump_is_blank", "false && hexdump_is_blank"),
)

CONVERSATIONS = in_file(
    "lib/tls/hellotext.c",
    ("conversation: the hello begins a line", "hellotext",
     "data[i] == '\\n' && may_begin", "may_begin"),
    ("conversation: text stands before it", "hellotext",
     "i + 1 < len && is_text(bytes_of(data + i, 1))", "i + 1 < len"),
    ("conversation: a hello may begin there", "hellotext",
     "return in.len > 2 && ((in.data[0] == HANDSHAKE && in.data[1] == 3) ||",
     "return in.len > 2 && (false ||"),
)

LISTS = in_file(
    "lib/tls/hellolists.c",
    ("lists: of a tree only the numbers count", "hellolists",
     "is_tree(list) ? read_tree(r, list) : read_words(r, list)", "read_words(r, list)"),
    ("lists: a number in parentheses repeats the name", "hellolists",
     "(*list == '(' && r->was_name) || ", ""),
    ("lists: names first", "hellolists", "!r->half && len < NAME_SIZE", "false"),
    ("lists: whole numbers", "hellolists",
     "if (r->half) {\n        text_addf", "if (false) {\n        text_addf"),
    ("lists: a server name in ASCII", "hellolists",
     "name[i] > ' ' && name[i] < 0x7f", "name[i] != ' '"),
)

NAMES = in_file(
    "lib/tls/names.c",
    ("names: of a group that OpenSSL does not know IANA's", "names",
     "group->openssl[0] != '\\0' ? group->openssl : group->name", "group->openssl"),
    ("names: OpenSSL's of a group", "names",
     "group->openssl[0] != '\\0' ? group->openssl : group->name", "group->name"),
)

HEX = in_file(
    "lib/base/hex.c",
    ("hex: whole bytes", "hex", "text.len % 2 != 0 || ", ""),
    ("hex: as many bytes as there is room for", "hex", "text.len / 2 > size", "false"),
    ("hex: nothing but digits", "hex", "high < 0 || low < 0", "high < 0"),
    ("hex: digits up to f", "hex", "digit <= 'f'", "digit <= 'g'"),
    ("hex: the first digit is the high one", "hex", "high << 4 | low", "low << 4 | high"),
    ("hex: ... also when it is written", "hex", "digits[part.data[i] >> 4]",
     "digits[part.data[i] & 15]"),
    ("hex: digits in either case", "hex", "    digit |= 0x20;\n", ""),
    ("hex: no length of what cannot be read", "hex", "    *len = 0;\n", ""),
    ("hex: fingerprints in upper case", "hex", "%s%02X", "%s%02x"),
)

VERSIONS = in_file(
    "lib/tls/names.c",
    ("names: the first version", "names", "version >= SSL3 && version <= TLS13 ?",
     "version > SSL3 && version <= TLS13 ?"),
    ("names: a version's two names", "names", "? TLS10 : 0;", "? 0 : 0;"),
)

LISTED = in_file(
    "lib/tls/hellolists.c",
    ("lists: a second share behind the hybrid's", "hellolists",
     "(num == 0 || (num == 1 && shares[0] == HYBRID))", "num == 0"),
    ("lists: behind no other group's", "hellolists",
     "(num == 0 || (num == 1 && shares[0] == HYBRID))", "num < 2"),
)

VERDICTS = in_file(
    "lib/tls/verdicttext.c",
    ("verdicts: a fault is told", "verdicttext", "verdict->fault != FAULT_NONE", "false"),
    ("verdicts: point formats are told only of a libssl that reads them", "verdicttext",
     "!profile->libssl.reads_point_formats ||", ""),
    ("verdicts: a key share that supported_groups lack is told", "verdicttext",
     "if (!id_list_has(&hello->groups, id)) {", "if (false) {"),
    ("verdicts: a key share of another length is told", "verdicttext",
     "group->share != 0 && len != group->share", "false"),
    ("verdicts: the first thing that is wrong is told", "verdicttext",
     "    while (!told && bytes_u16", "    while (bytes_u16"),
)

ALL = DUMPS + CONVERSATIONS + LISTS + NAMES + HEX + VERSIONS + LISTED + VERDICTS
