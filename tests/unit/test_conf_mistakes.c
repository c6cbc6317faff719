#include "tests/unit/conf_base.h"

static const struct {
    const char *name;
    const char *find;
    const char *replace;
    const char *message; /* behind the file's name */
} bad[] = {
    /* bytes */
    {"byte order mark", "hostname", "\xef\xbb\xbfhostname",
     ":1: the file begins with a byte order mark"},
    {"control character", "key", "\x01key", ":2: control character 0x01"},
    {"control character in a text", "b.pem", "b\x7fpem", ":3: control character 0x7f"},
    {"lone carriage return", "key", "\rkey", ":2: control character 0x0d"},
    {"semicolon", "\n", ";\n",
     ":1: unexpected ;: write a text in double quotes, and begin a comment with #"},
    {"single quotes", "\"b.pem\"", "'b.pem'",
     ":3: unexpected ': write a text in double quotes, and begin a comment with #"},
    {"unquoted path", "\"b.pem\"", "/etc/b.pem",
     ":3: unexpected /: write a text in double quotes, and begin a comment with #"},
    {"C comment", "certificate \"b\"", "/* b */ certificate \"b\"",
     ":3: unexpected /: write a text in double quotes, and begin a comment with #"},
    {"C++ comment", "certificate \"b\"", "// b\ncertificate \"b\"",
     ":3: unexpected /: write a text in double quotes, and begin a comment with #"},
    {"append", "certificates = { \"a\"", "certificates += { \"a\"",
     ":4: unexpected +: write a text in double quotes, and begin a comment with #"},
    {"path to an option", "", "limits|max_sessions = 5\n",
     ":12: unexpected |: write a text in double quotes, and begin a comment with #"},
    {"unquoted variable", "\"mail.example.org\"", "${HOME}",
     ":1: unexpected $: write a text in double quotes, and begin a comment with #"},
    {"unquoted UTF-8", "\"a.pem\"", "\xc3\xa4", ":2: unexpected byte 0xc3 outside of quotes"},
    {"text over two lines", "b.pem", "b\n.pem", ":3: unterminated string: closing quote missing"},
    {"missing quote", "b.pem\"", "b.pem", ":3: unterminated string: closing quote missing"},
    {"missing last quote", "", "user = \"x", ":12: unterminated string: closing quote missing"},
    {"escape", "b.pem", "b\\x41", ":3: unknown escape: only \\\" and \\\\ are allowed in a text"},
    {"escaped line end", "b.pem", "b\\\n",
     ":3: unknown escape: only \\\" and \\\\ are allowed in a text"},
    /* structure */
    {"section never closed", "\"/keys/a\" }", "\"/keys/a\"",
     ":3: a section cannot be inside another one, which begins in line 2"},
    {"last section never closed", "smtpd\"\n}", "smtpd\"\n",
     ":7: the brace that opens here is never closed"},
    {"list never closed", "", "\nlimits { max_sessions = {\n",
     ":13: the brace that opens here is never closed"},
    {"list at the top never closed", "", "\nuser = {\n",
     ":13: the brace that opens here is never closed"},
    {"closed twice", "\n}\n", "\n}\n}\n", ":12: a closing brace without an opening one"},
    {"trailing comma", "\"b\" }", "\"b\", }", ":4: a value must follow the comma"},
    {"only a comma", "{ \"a\", \"b\" }", "{ , }", ":4: a value must follow the comma"},
    {"two commas", "\"a\",", "\"a\",,", ":4: unexpected token ','"},
    {"no comma", "\"a\",", "\"a\"", ":4: unexpected token 'b'"},
    {"no equal sign", "hostname =", "hostname", ":1: missing equal sign after option 'hostname'"},
    {"no value", "hostname = \"mail.example.org\"",
     "hostname =", ":1: a value must follow the equal sign"},
    {"list for one value", "\"mail.example.org\"", "{ \"mail.example.org\" }",
     ":1: unexpected token '{'"},
    {"no braces", "tls_profile \"p\" { }", "tls_profile \"p\"",
     ":6: missing opening brace for section 'tls_profile'"},
    {"no title", "tls_profile \"p\"", "tls_profile", ":5: missing title for section 'tls_profile'"},
    {"title of limits", "", "limits \"x\" { }\n",
     ":12: missing opening brace for section 'limits'"},
    {"no option", "hostname", "= hostname", ":1: unexpected token '='"},
    {"no option in a section", "{ }", "{\n= }", ":6: unexpected token '='"},
    {"no value but a mark", "\"mail.example.org\"", "= \"mail.example.org\"",
     ":1: unexpected token '='"},
    {"list that begins with a comma", "{ \"a\",", "{ , \"a\",", ":4: unexpected token ','"},
    {"value without an option", "\"/keys/a\"", "\"/keys/a\" \"$\\\"\"", ":2: no such option '$\"'"},
    {"section of that name inside of one", "{ }", "{\nmilter }", ":6: no such option 'milter'"},
    {"end in an option", "", "user", ":13: premature end of file"},
    {"end before a value", "", "user =\n\n", ":15: premature end of file"},
    {"end before a list", "", "ticket_keys = ", ":13: premature end of file"},
    {"end before a title", "", "backend", ":13: premature end of file"},
    {"end before a brace", "", "milter", ":13: premature end of file"},
    {"section in a section", "backend = \"smtpd\"", "limits { }",
     ":10: a section cannot be inside another one, which begins in line 7"},
    /* unknown, twice */
    {"unknown option", "", "shutdown_time = 30\n", ":12: no such option 'shutdown_time'"},
    {"unknown option in a section", "{ }", "{\ncurves = \"P-256\" }",
     ":6: no such option 'curves'"},
    {"unknown section", "", "milters { }\n", ":12: no such option 'milters'"},
    {"upper case", "hostname", "Hostname", ":1: no such option 'Hostname'"},
    {"quoted option", "hostname", "\"hostname\"", ":1: no such option 'hostname'"},
    {"option twice", "", "hostname = \"mail.example.org\"\n", ":12: hostname is given twice"},
    {"option twice in a section", "key =", "chain =", ":2: chain is given twice"},
    {"list twice", "\"b\" } }", "\"b\" }\ncertificates = { } }", ":5: certificates is given twice"},
    {"section twice", "", "limits { }\n\nlimits { }\n", ":14: limits is given twice"},
    {"certificate's name twice", "certificate \"b\"", "certificate \"a\"",
     ":3: found duplicate title 'a'"},
    {"set's name twice", "tls_profile \"p\" { }", "certificate_set \"s\" { certificates = \"a\" }",
     ":5: found duplicate title 's'"},
    {"profile's name twice", "{ }", "{ }\ntls_profile \"p\" { }", ":6: found duplicate title 'p'"},
    {"backend's name twice", "tls_profile \"p\" { }",
     "backend \"smtpd\" { address = \"127.0.0.1:12525\" }", ":6: found duplicate title 'smtpd'"},
    {"listener's name twice", "", "listener \"mx\" { }\n", ":12: found duplicate title 'mx'"},
    {"built-in profile", "\"p\"", "\"modern\"",
     ":5: tls_profile: \"modern\" is built in and cannot be redefined"},
    {"the other built-in profile", "\"p\"", "\"opportunistic\"",
     ":5: tls_profile: \"opportunistic\" is built in and cannot be redefined"},
    /* names */
    {"unquoted name", "\"p\"", "p", ":5: tls_profile: p must be in double quotes"},
    {"empty name", "\"p\"", "\"\"",
     ":5: tls_profile: \"\" is not 1 to 63 letters, digits, '.', '_' and '-'"},
    {"blank in a name", "\"p\"", "\"p q\"",
     ":5: tls_profile: \"p q\" is not 1 to 63 letters, digits, '.', '_' and '-'"},
    {"name of 64 bytes", "\"p\"",
     "\"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\"",
     ":5: tls_profile: \"0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\""
     " is not 1 to 63 letters, digits, '.', '_' and '-'"},
    /* types */
    {"number for a text", "\"mail.example.org\"", "5", ":1: hostname: 5 must be in double quotes"},
    {"unquoted text", "\"mail.example.org\"", "mail.example.org",
     ":1: hostname: mail.example.org must be in double quotes"},
    {"unquoted text in a list", "{ \"a\",", "{ a,", ":4: certificates: a must be in double quotes"},
    {"unquoted word", "", "log = stderr\n", ":12: log: stderr must be in double quotes"},
    {"quoted number", "", "workers = \"5\"\n", ":12: workers: numbers must not be quoted"},
    {"negative number", "", "workers = -3\n",
     ":12: workers: -3 is not a decimal number from 0 to 256"},
    {"octal number", "", "workers = 010\n",
     ":12: workers: 010 is not a decimal number from 0 to 256"},
    {"hexadecimal number", "", "workers = 0x10\n",
     ":12: workers: 0x10 is not a decimal number from 0 to 256"},
    {"fraction", "", "workers = 1.5\n", ":12: workers: 1.5 is not a decimal number from 0 to 256"},
    {"unit", "", "limits { idle_timeout = 30m }\n",
     ":12: idle_timeout: 30m is not a decimal number from 1 to 86400"},
    {"number too large", "", "workers = 257\n",
     ":12: workers: 257 is not a decimal number from 0 to 256"},
    {"number far too large", "", "workers = 18446744073709551616\n",
     ":12: workers: 18446744073709551616 is not a decimal number from 0 to 256"},
    {"number too small", "", "limits { max_sessions = 0 }\n",
     ":12: max_sessions: 0 is not a decimal number from 1 to 1000000"},
    {"quoted tickets", "", "tickets = \"false\"\n",
     ":12: tickets: \"false\" is neither true nor false (without quotes)"},
    {"quoted boolean", "    backend", "auth_before_tls = \"true\" backend",
     ":10: auth_before_tls: \"true\" is neither true nor false (without quotes)"},
    {"another boolean", "    backend", "auth_before_tls = yes backend",
     ":10: auth_before_tls: yes is neither true nor false (without quotes)"},
    /* words */
    {"log", "", "log = \"file\"\n",
     ":12: log: \"file\" is not allowed, only \"syslog\", \"stderr\""},
    {"log_sessions", "", "log_sessions = \"none\"\n",
     ":12: log_sessions: \"none\" is not allowed, only \"all\", \"tls\", \"problems\""},
    {"failures", "", "failures = \"yes\"\n",
     ":12: failures: \"yes\" is not allowed, only \"off\", \"memory\", \"disk\""},
    {"control path too long", "", "control = \"/" HUNDRED "1234567\"\n",
     ":12: control: the path of a socket may have at most 107 bytes, but this is \"/" HUNDRED
     "1234567\""},
    {"relative control path too long", "", "control = \"" HUNDRED "1234\"\n",
     ":12: control: the path of a socket may have at most 107 bytes, but this is \"dir/" HUNDRED
     "1234\""},
    {"log_facility", "", "log_facility = \"kern\"\n",
     ":12: log_facility: \"kern\" is not allowed, only \"mail\", \"daemon\", \"user\", \"auth\", "
     "\"authpriv\", \"cron\", \"ftp\", \"lpr\", \"news\", \"syslog\", \"uucp\", \"local0\", "
     "\"local1\", \"local2\", \"local3\", \"local4\", \"local5\", \"local6\", \"local7\""},
    {"unmatched", "\"b\" }", "\"b\" } unmatched = \"try\"",
     ":4: unmatched: \"try\" is not allowed, only \"fail\", \"anonymous\", \"try-anyway\""},
    {"client_address", ":12525\"", ":12525\" client_address = \"none\"",
     ":6: client_address: \"none\" is not allowed, only \"proxy-v2\", \"proxy-v1\""},
    {"tls", "    backend", "tls = \"starttls\" backend",
     ":10: tls: \"starttls\" is not allowed, only \"may\", \"encrypt\", \"implicit\", \"none\""},
    {"client_certificate", "    backend", "client_certificate = \"yes\" backend",
     ":10: client_certificate: \"yes\" is not allowed, only \"none\", \"ask\", \"require\""},
    {"alpn", "{ }", "{ alpn = \"smtp\" }",
     ":5: alpn: \"smtp\" is not allowed, only \"guard\", \"strict\", \"ignore\""},
    {"min_protocol", "{ }", "{ min_protocol = \"SSLv3\" }",
     ":5: min_protocol: \"SSLv3\" is not allowed, only \"TLSv1\", \"TLSv1.1\", \"TLSv1.2\", "
     "\"TLSv1.3\""},
    {"empty word", "", "log = \"\"\n",
     ":12: log: \"\" is not allowed, only \"syslog\", \"stderr\""},
    {"empty facility", "", "log_facility = \"\"\n",
     ":12: log_facility: \"\" is not allowed, only \"mail\", \"daemon\", \"user\", \"auth\", "
     "\"authpriv\", \"cron\", \"ftp\", \"lpr\", \"news\", \"syslog\", \"uucp\", \"local0\", "
     "\"local1\", \"local2\", \"local3\", \"local4\", \"local5\", \"local6\", \"local7\""},
    /* texts */
    {"empty hostname", "mail.example.org", "", ":1: hostname: \"\" is not a host name"},
    {"underscore in hostname", "mail.ex", "mail_ex",
     ":1: hostname: \"mail_example.org\" is not a host name"},
    {"empty label", "mail.ex", "mail..ex",
     ":1: hostname: \"mail..example.org\" is not a host name"},
    {"hyphen first", "mail.ex", "-mail.ex",
     ":1: hostname: \"-mail.example.org\" is not a host name"},
    {"hyphen last", "mail.ex", "mail-.ex",
     ":1: hostname: \"mail-.example.org\" is not a host name"},
    {"final dot", ".org", ".org.", ":1: hostname: \"mail.example.org.\" is not a host name"},
    {"label of 64 bytes", "mail.ex",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.ex",
     ":1: hostname: "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.example.org\""
     " is not a host name"},
    {"hostname of 254 bytes", "mail.example.org",
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaa",
     ":1: hostname: "
     "\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaa"
     "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa.aaaa\" "
     "is not a host name"},
    {"variable", "mail.", "${HOME}", ":1: hostname: \"${HOME}example.org\" is not a host name"},
    {"user", "", "user = \"-rf\"\n", ":12: user: \"-rf\" is not a user name"},
    {"user of the milter", "", "milter { user = \"\" }\n", ":12: user: \"\" is not a user name"},
    {"empty user", "", "user = \"\"\n", ":12: user: \"\" is not a user name"},
    {"syslog_name", "", "syslog_name = \"a b\"\n",
     ":12: syslog_name: \"a b\" is not 1 to 63 letters, digits, '.', '_', '-' and '/'"},
    {"empty ticket key", "", "ticket_keys = { \"k\",\n\"\" }\n",
     ":13: ticket_keys: \"\" is not a path"},
    {"unquoted ticket key", "", "ticket_keys = k\n",
     ":12: ticket_keys: k must be in double quotes"},
    {"ticket key twice", "", "ticket_keys = { \"k\",\n\"k\" }\n",
     ":13: ticket_keys: \"k\" is given twice"},
    {"certificate none", "certificate \"b\"", "certificate \"none\"",
     ":3: certificate: \"none\" means no certificate in the log"},
    {"empty chain", "b.pem", "", ":3: chain: \"\" is not a path"},
    {"empty state_directory", "", "state_directory = \"\"\n",
     ":12: state_directory: \"\" is not a path"},
    {"wildcard in the middle", "{ certificates", "{ names = \"mx.*.example\" certificates",
     ":4: names: \"mx.*.example\" is neither a host name nor \"*.\" and a host name"},
    {"wildcard alone", "{ certificates", "{ names = \"*\" certificates",
     ":4: names: \"*\" is neither a host name nor \"*.\" and a host name"},
    {"name twice in names", "{ certificates",
     "{ names = { \"MX.example\",\n\"mx.example\" } certificates",
     ":5: names: \"mx.example\" is given twice"},
    /* addresses */
    {"host name as address", "127.0.0.1:12525", "localhost:25",
     ":6: address: \"localhost:25\": not ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH (numeric "
     "addresses only)"},
    {"address without port", "127.0.0.1:12525", "127.0.0.1",
     ":6: address: \"127.0.0.1\": not ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH (numeric "
     "addresses only)"},
    {"relative socket", "127.0.0.1:12525", "unix:public/postern",
     ":6: address: \"unix:public/postern\": a unix-domain socket needs an absolute path"},
    {"backend on port 0", "12525", "0", ":6: address: a backend cannot have port 0"},
    {"listener on a socket", "0.0.0.0:25", "unix:/run/x",
     ":8: address: a listener cannot be a unix-domain socket"},
    {"address twice", "[::]:25\"", "[::]:25\",\n\"0.0.0.0:25\"",
     ":9: address: listener \"mx\" already has this address"},
    {"address twice, spelt otherwise", "[::]:25\"", "[::]:25\",\n\"[0::0]:25\"",
     ":9: address: listener \"mx\" already has this address"},
    {"address of the second listener twice", "",
     "listener \"two\" { certificate_sets = \"s\" backend = \"smtpd\"\n"
     "address = { \"[::1]:25\",\n\"[::1]:25\" } }\n",
     ":14: address: listener \"two\" already has this address"},
    {"address of another listener", "",
     "listener \"two\" { certificate_sets = \"s\" backend = \"smtpd\"\naddress = \"[::]:25\" }\n",
     ":13: address: listener \"mx\" already has this address"},
    {"backend is a listener", "0.0.0.0:25", "127.0.0.1:12525",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"backend is behind a wildcard", "0.0.0.0:25", "0.0.0.0:12525",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"backend is behind an IPv6 wildcard", "127.0.0.1:12525", "[::1]:25",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"v4-mapped backend", "127.0.0.1:12525", "[::ffff:127.0.0.1]:25",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"unspecified backend", "127.0.0.1:12525", "0.0.0.0:25",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"unspecified backend, loopback listener",
     "tls_profile \"p\" { }\nbackend \"smtpd\" { address = \"127.0.0.1:12525\" }",
     "backend \"smtpd\" { address = \"[::]:26\" }\nlistener \"two\" { address = \"[::1]:26\" "
     "certificate_sets = \"s\" backend = \"smtpd\" }",
     ":5: address: this address is listener \"two\": mail would loop"},
    {"second address of a backend", "\"127.0.0.1:12525\"",
     "{ \"127.0.0.1:12525\",\n\"127.0.0.2:25\" }",
     ":7: address: this address is listener \"mx\": mail would loop"},
    {"address of a backend twice", "\"127.0.0.1:12525\"",
     "{ \"[::ffff:127.0.0.1]:12525\",\n\"127.0.0.1:12525\" }",
     ":7: address: backend \"smtpd\" already has this address"},
    {"socket of a backend twice", "\"127.0.0.1:12525\"", "{ \"unix:/x\",\n\"unix:/x\" }",
     ":7: address: backend \"smtpd\" already has this address"},
    {"tls_address is a listener", "12525\"", "12525\"\ntls_address = \"127.0.0.1:25\"",
     ":7: tls_address: this address is listener \"mx\": mail would loop"},
    {"tls_address of a host name", "12525\"", "12525\"\ntls_address = \"localhost:25\"",
     ":7: tls_address: \"localhost:25\": not ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH (numeric "
     "addresses only)"},
    {"several tls_addresses", "12525\"", "12525\"\ntls_address = { \"unix:/x\", \"unix:/y\" }",
     ":7: unexpected token '{'"},
    {"no network", "    backend", "accept_proxy_from = \"192.0.2.0/33\" backend",
     ":10: accept_proxy_from: \"192.0.2.0/33\": not ADDRESS/BITS or ADDRESS (numeric addresses "
     "only)"},
    /* a trial, and who is not offered STARTTLS */
    {"trial on a socket", "    backend",
     "trial_address = {\n\"127.0.0.1:26\", \"unix:/run/x\" } backend",
     ":11: trial_address: a listener cannot be a unix-domain socket"},
    {"trial at the address itself", "    backend", "trial_address = \"0.0.0.0:25\" backend",
     ":10: trial_address: listener \"mx\" already has this address"},
    {"trial at one address twice", "    backend",
     "trial_address = { \"[::]:26\",\n\"[0::0]:26\" } backend",
     ":11: trial_address: listener \"mx\" already has this address"},
    {"trial at the address of another listener", "",
     "listener \"two\" { certificate_sets = \"s\" backend = \"smtpd\"\naddress = "
     "\"[::]:26\"\ntrial_address = \"[::]:25\" }\n",
     ":14: trial_address: listener \"mx\" already has this address"},
    {"address is where another one is in its trial", "    backend = \"smtpd\"\n}",
     "trial_address = \"0.0.0.0:26\" backend = \"smtpd\" }\nlistener \"two\" { certificate_sets = "
     "\"s\" backend = \"smtpd\"\naddress = \"0.0.0.0:26\" }",
     ":12: address: listener \"mx\" already has this address"},
    {"two trials at one address", "    backend = \"smtpd\"\n}",
     "trial_address = \"0.0.0.0:26\" backend = \"smtpd\" }\nlistener \"two\" { certificate_sets = "
     "\"s\" backend = \"smtpd\"\naddress = \"0.0.0.0:27\" trial_address = \"0.0.0.0:26\" }",
     ":12: trial_address: listener \"mx\" already has this address"},
    {"backend is where a listener is in its trial", "    backend",
     "trial_address = \"0.0.0.0:12525\" backend",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"tls_address is that, too", "12525\" }\nlistener \"mx\" {\n",
     "12525\" tls_address = \"127.0.0.1:26\" }\nlistener \"mx\" { trial_address = { "
     "\"[::]:26\",\n\"127.0.0.1:26\" }\n",
     ":6: tls_address: this address is listener \"mx\": mail would loop"},
    {"backend is a listener that is in its trial elsewhere", "0.0.0.0:25\", \"[::]:25\" }",
     "0.0.0.0:12525\" } trial_address = \"0.0.0.0:26\"",
     ":6: address: this address is listener \"mx\": mail would loop"},
    {"trial at a host name", "    backend", "trial_address = \"localhost:26\" backend",
     ":10: trial_address: \"localhost:26\": not ADDRESS:PORT, [ADDRESS]:PORT or unix:/PATH "
     "(numeric addresses only)"},
    {"exceptions with tls = encrypt", "    backend",
     "tls = \"encrypt\" starttls_except = {\n\"192.0.2.0/24\", \"::1\" } backend",
     ":11: starttls_except: needs tls = \"may\", but listener \"mx\" has tls = "
     "\"encrypt\""},
    {"exceptions with tls = implicit", "    backend",
     "tls = \"implicit\" starttls_except = {\n\"192.0.2.0/24\", \"::1\" } backend",
     ":11: starttls_except: needs tls = \"may\", but listener \"mx\" has tls = "
     "\"implicit\""},
    {"exceptions with tls = none", "    backend",
     "tls = \"none\" starttls_except = {\n\"192.0.2.0/24\", \"::1\" } backend",
     ":11: starttls_except: needs tls = \"may\", but listener \"mx\" has tls = \"none\""},
    {"exception that is no network", "    backend", "starttls_except = \"sender.example\" backend",
     ":10: starttls_except: \"sender.example\": not ADDRESS/BITS or ADDRESS (numeric addresses "
     "only)"},
    {"exception with bits behind it", "    backend", "starttls_except = \"192.0.2.1/24\" backend",
     ":10: starttls_except: \"192.0.2.1/24\": bits are set after the network's prefix"},
    {"exception twice", "    backend", "starttls_except = { \"::1\",\n\"::1\" } backend",
     ":11: starttls_except: \"::1\" is given twice"},
    {"bits behind a network", "", "limits {\nexempt = { \"::1\",\n\"192.0.2.1/24\" } }\n",
     ":14: exempt: \"192.0.2.1/24\": bits are set after the network's prefix"},
    {"network twice", "", "limits { exempt = { \"::1\",\n\"::1\" } }\n",
     ":13: exempt: \"::1\" is given twice"},
    {"unquoted network", "", "limits { exempt = 10 }\n",
     ":12: exempt: 10 must be in double quotes"},
    {"no milter at all", "", "milter {\nsocket = \"\" }\n",
     ":13: milter has neither socket nor policy_socket"},
    {"one socket for both", "", "milter { socket = \"unix:/x\"\npolicy_socket = \"unix:/x\" }\n",
     ":13: policy_socket: this is already the milter's socket"},
    {"one address for both", "",
     "milter { socket = \"127.0.0.1:9\"\npolicy_socket = \"[::ffff:127.0.0.1]:9\" }\n",
     ":13: policy_socket: this is already the milter's socket"},
    {"milter on port 0", "", "milter {\nsocket = \"127.0.0.1:0\" }\n",
     ":13: socket: Postfix could not find port 0"},
    {"policy service on port 0", "", "milter { policy_socket = \"[::1]:0\" }\n",
     ":12: policy_socket: Postfix could not find port 0"},
    {"colon in a header", "", "milter { header = \"X-TLS:\" }\n",
     ":12: header: \"X-TLS:\" is not 1 to 63 letters, digits, '-' and '_'"},
    {"no header", "", "milter { header = \"\" }\n",
     ":12: header: \"\" is not 1 to 63 letters, digits, '-' and '_'"},
    {"header of all mail", "", "milter { header = \"received\" }\n",
     ":12: header: \"received\" is a header of ordinary mail, and would be removed from it"},
    {"on_failure", "", "milter { on_failure = \"reject\" }\n",
     ":12: on_failure: \"reject\" is not allowed, only \"tempfail\", \"accept\""},
    {"title of milter", "", "milter \"x\" { }\n",
     ":12: missing opening brace for section 'milter'"},
    {"milter twice", "", "milter { }\nmilter { }\n", ":13: milter is given twice"},
    /* references */
    {"no such certificate", "\"b\" }", "\n\"c\" }",
     ":5: certificates: there is no certificate \"c\""},
    {"certificate twice in a set", "\"b\" }", "\n\"a\" }",
     ":5: certificates: \"a\" is given twice"},
    {"no such set", "= \"s\"", "= \"t\"",
     ":9: certificate_sets: there is no certificate_set \"t\""},
    {"set twice", "= \"s\"", "= { \"s\", \"s\" }", ":9: certificate_sets: \"s\" is given twice"},
    {"name in two sets of a listener", "certificate_sets = \"s\"",
     "certificate_sets = { \"t\", \"u\", \"s\" }\nbackend = \"smtpd\" }\n"
     "certificate_set \"t\" { certificates = \"a\" names = { \"MX.example\",\n\"*.example\" } }\n"
     "certificate_set \"u\" { certificates = \"a\" names = { \"b.example\",\n\"mx.Example\" } }\n"
     "listener \"two\" { address = \"127.0.0.1:27\" certificate_sets = \"s\"",
     ":14: names: \"mx.example\" is already a name of certificate_set \"t\", which listener \"mx\" "
     "also has"},
    {"no such backend", "= \"smtpd\"", "= \"lmtpd\"",
     ":10: backend: there is no backend \"lmtpd\""},
    {"no such profile", "    backend", "tls_profile = \"q\" backend",
     ":10: tls_profile: there is no tls_profile \"q\""},
    {"empty range", "{ }", "{ min_protocol = \"TLSv1.2\"\nmax_protocol = \"TLSv1.1\" }",
     ":6: max_protocol: \"TLSv1.1\" is below min_protocol"},
    /* missing */
    {"no hostname", "hostname = \"mail.example.org\"", "", ": hostname is missing"},
    {"no chain", "chain = \"b.pem\" }", "\n}", ":4: certificate \"b\" has no chain"},
    {"no certificates", "certificates = { \"a\", \"b\" } }", "\n}",
     ":5: certificate_set \"s\" has no certificates"},
    {"empty certificates", "{ \"a\", \"b\" } }", "{ }\n}",
     ":5: certificate_set \"s\" has no certificates"},
    {"no sets", "certificate_sets = \"s\"", "", ":11: listener \"mx\" has no certificate_sets"},
    {"empty sets", "certificate_sets = \"s\"", "certificate_sets = { }",
     ":11: listener \"mx\" has no certificate_sets"},
    {"no backend", "    backend = \"smtpd\"\n", "", ":10: listener \"mx\" has no backend"},
    {"no address of a listener", "address = { \"0.0.0.0:25\", \"[::]:25\" }", "",
     ":11: listener \"mx\" has no address"},
    {"no address of a backend", "address = \"127.0.0.1:12525\"", "",
     ":6: backend \"smtpd\" has no address"},
};

START_TEST(test_bad)
{
    char *text = edited(bad[_i].find, bad[_i].replace);
    struct conf_error error = {""};
    struct conf *conf = parse(text, &error);
    char expected[sizeof error.text];

    snprintf(expected, sizeof expected, FILE_NAME "%s", bad[_i].message);
    ck_assert_msg(conf == NULL, "%s: accepted", bad[_i].name);
    ck_assert_msg(strcmp(error.text, expected) == 0, "%s: %s", bad[_i].name, error.text);
    free(text);
}
END_TEST

/* What no C string can hold, and what is too long for a row. */
START_TEST(test_bad_bytes)
{
    static const uint8_t nul[] = "hostname = \"mail\0.example.org\"\n";
    size_t size = CONF_SIZE_MAX + 1;
    uint8_t *large = calloc(1, size);
    struct conf_error error = {""};

    ck_assert_ptr_null(conf_parse(FILE_NAME, nul, sizeof nul - 1, &error));
    ck_assert_str_eq(error.text, FILE_NAME ":1: control character 0x00");
    ck_assert_ptr_nonnull(large);
    memset(large, '\n', size);
    ck_assert_ptr_null(conf_parse(FILE_NAME, large, size, &error));
    ck_assert_str_eq(error.text, FILE_NAME ": larger than 1048576 bytes");
    ck_assert_ptr_null(conf_parse(FILE_NAME, large, size - 1, &error));
    ck_assert_str_eq(error.text, FILE_NAME ": hostname is missing");
    memset(large, 'a', size - 1);
    memcpy(large, "user = \"", 8);
    ck_assert_ptr_null(conf_parse(FILE_NAME, large, size - 1, &error));
    ck_assert_str_eq(error.text, FILE_NAME ":1: a text may have at most 4095 bytes");
    free(large);
}
END_TEST

START_TEST(test_long_list)
{
    static char list[65536];
    size_t len = (size_t)snprintf(list, sizeof list, "certificates = {\n");
    struct conf_error error = {""};
    char *text;

    for (int i = 0; i <= 4096; i++) {
        len += (size_t)snprintf(list + len, sizeof list - len, "%s\"c%d\"", i > 0 ? ",\n" : "", i);
    }
    snprintf(list + len, sizeof list - len, "} }");
    text = edited("certificates = { \"a\", \"b\" } }", list);
    ck_assert_ptr_null(parse(text, &error));
    ck_assert_str_eq(error.text, FILE_NAME ":4101: certificates: more than 4096 values");
    free(text);
}
END_TEST

/* A mistake never leaves anything behind for the next file. */
START_TEST(test_good_after_bad)
{
    struct conf_error error;

    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        char *text = edited(bad[i].find, bad[i].replace);

        conf_free(parse(text, &error));
        free(text);
        conf_free(parse_edited("", ""));
    }
}
END_TEST

START_TEST(test_no_listener)
{
    struct conf_error error;

    ck_assert_ptr_null(parse("hostname = \"mail\"\n", &error));
    ck_assert_str_eq(error.text, FILE_NAME ": there is no listener");
}
END_TEST

Suite *conf_mistakes_suite(void);

Suite *conf_mistakes_suite(void)
{
    Suite *suite = suite_create("conf_mistakes");
    TCase *mistakes = tcase_create("mistakes");

    tcase_add_loop_test(mistakes, test_bad, 0, (int)(sizeof bad / sizeof bad[0]));
    tcase_add_test(mistakes, test_bad_bytes);
    tcase_add_test(mistakes, test_long_list);
    tcase_add_test(mistakes, test_good_after_bad);
    tcase_add_test(mistakes, test_no_listener);
    suite_add_tcase(suite, mistakes);
    return suite;
}
