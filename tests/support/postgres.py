"""A PostgreSQL cluster of our own: Debian's programs, a temporary folder, a socket, no network."""

import contextlib
import os
import pwd
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

_ROOT_PROGRAMS = Path("/usr/lib/postgresql")
_USERS = ("postgres", "nobody")


def programs() -> Path | None:
    """Return the folder of the newest PostgreSQL's programs, None if there is none."""
    found = [path.parent for path in _ROOT_PROGRAMS.glob("*/bin/initdb")]
    return max(found, key=lambda path: int(path.parent.name), default=None)


def _as_other_user(folder: Path) -> list[str]:
    """Give the folder to a user that is not root, who may not run PostgreSQL."""
    if os.getuid() != 0:
        return []
    known = {user.pw_name: user for user in pwd.getpwall()}
    user = next(known[name] for name in _USERS if name in known)
    shutil.chown(folder, user.pw_uid, user.pw_gid)
    return ["--reuid", str(user.pw_uid), "--regid", str(user.pw_gid), "--clear-groups"]


@contextlib.contextmanager
def cluster(folder: Path | None = None) -> Iterator[str]:
    """Run a cluster; gives the URL of its empty database, and ends it whatever happened.

    Its data is on the file system of `folder` if given, in memory otherwise.
    """
    bin_folder = programs()
    assert bin_folder is not None
    memory = Path("/dev/shm") if Path("/dev/shm").is_dir() else None
    folder = Path(tempfile.mkdtemp(prefix="pg", dir=memory if folder is None else folder.parent))
    # whatever runs dies with the test, however that ends
    run = ["setpriv", *_as_other_user(folder), "--pdeathsig", "INT", "--"]
    server: subprocess.Popen[bytes] | None = None
    try:
        data = folder / "data"
        init = ["--username", "rtm", "--auth", "trust", "--encoding", "UTF8", "--no-sync"]
        command = [*run, bin_folder / "initdb", "--pgdata", data, *init]
        subprocess.run(command, check=True, capture_output=True, cwd=folder)
        options = {
            "listen_addresses": "",
            "unix_socket_directories": str(folder),
            "shared_buffers": "32MB",
            "dynamic_shared_memory_type": "mmap",
        }
        given = [word for name, value in options.items() for word in ("-c", f"{name}={value}")]
        with (folder / "log").open("wb") as log:
            server = subprocess.Popen(
                [*run, bin_folder / "postgres", "-D", data, *given],
                stdout=log,
                stderr=log,
                cwd=folder,
            )
        wait = [bin_folder / "pg_isready", "-h", folder, "-U", "rtm", "-d", "postgres", "-q"]
        for _ in range(300):
            if subprocess.run(wait, check=False).returncode == 0:
                break
            assert server.poll() is None, (folder / "log").read_text()[-2000:]
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(0.1)
        yield f"postgresql://rtm@/postgres?host={folder}"
    finally:
        if server is not None:
            server.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                server.wait(5)
            server.kill()
            server.wait()
        shutil.rmtree(folder, ignore_errors=True)
