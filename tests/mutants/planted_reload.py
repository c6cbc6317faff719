"""Planted changes of what a reload can change, and of where posternctl asks for one."""

from planted import in_file

CHANGES = in_file(
    "lib/admin/conf_reload.c",
    ("reload: workers cannot change", "conf_reload",
     "next->workers != present->workers && next->workers != num_workers", "false"),
    ("reload: as many workers as run", "conf_reload", " && next->workers != num_workers", ""),
    ("reload: workers = 0 again", "conf_reload", "next->workers != present->workers && ", ""),
    ("reload: failures cannot change", "conf_reload", "next->failures != present->failures",
     "false"),
    ("reload: user cannot change", "conf_reload",
     '        {"user", &present->user, &next->user},\n', ""),
    ("reload: control cannot change", "conf_reload",
     '        {"control", &present->control, &next->control},\n', ""),
    ("reload: state_directory cannot change", "conf_reload",
     '        {"state_directory", &present->state_directory, &next->state_directory},\n', ""),
    ("reload: the milter's user cannot change", "conf_reload",
     '        {"user", &present->milter.user, &next->milter.user},\n', ""),
    ("reload: the line of the option", "conf_reload", "texts[i].now->line", "texts[i].before->line"),
)

SOCKET = in_file(
    "lib/admin/conf_control.c",
    ("control socket: not in a section", "conf_control", "s->depth == 0 && ", ""),
    ("control socket: not in a comment", "conf_control", "*s->at == '#'", "false"),
    ("control socket: a text ends with its line", "conf_control",
     "*s->at != '\"' && *s->at != '\\n') {\n        s->at += *s->at", "*s->at != '\"') {\n        s->at += *s->at"),
    ("control socket: the first one counts", "conf_control",
     "s.at < s.end && value.data == NULL;", "s.at < s.end;"),
    ("control socket: beside the file", "conf_control",
     "slash == NULL ? 0 : (int)(slash - file) + 1", "0"),
    ("control socket: a brace too many", "conf_control", " && s->depth > 0 ? 1 : 0", " ? 1 : 0"),
)

ALL = CHANGES + SOCKET
