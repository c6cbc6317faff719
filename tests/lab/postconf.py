"""Configuration files of Postfix for postconf alone: nothing is started on them."""

import os
import tempfile


def write_files(parent, main_cf="", master_cf=""):
    """A new directory below `parent` with main.cf and master.cf, for MAIL_CONFIG."""
    directory = tempfile.mkdtemp(prefix="postfix-", dir=parent)
    for name, text in (("main.cf", "compatibility_level = 3.6\n" + main_cf),
                       ("master.cf", master_cf)):
        path = os.path.join(directory, name)
        with open(path, "w", encoding="ascii") as file:
            file.write(text)
        # Postfix waits before it reads a file that was written just now.
        os.utime(path, (0, 0))
    return directory
