"""Finds the programs: told, in the cache of get-peers, or on the path. Starts nothing."""

import os
import shutil

# nginx is where only administrators look.
_MORE_PATH = ("/usr/local/sbin", "/usr/sbin", "/sbin")


def find(program, cache, told=None):
    """The program's path, or None. One that was told must be there."""
    if told:
        found = shutil.which(str(told))
        if not found:
            raise FileNotFoundError(f"{program}: no program at {told}")
        return os.path.abspath(found)
    path = os.pathsep.join((str(cache / "bin"), os.environ.get("PATH", ""), *_MORE_PATH))
    return shutil.which(program, path=path)
