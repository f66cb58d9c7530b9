"""What a killed run left mounted is taken away by the next one."""

import os
import subprocess

import pytest

from sim.faults.disk import take_away_left


def test_disks_of_runs_that_are_alive_or_elsewhere_are_left_alone(tmp_path):
    mounts = (
        f"dosewire-sim-{os.getpid()} {tmp_path}/run/gateway tmpfs rw 0 0\n"
        "dosewire-sim-4194305 /elsewhere/gateway tmpfs rw 0 0\n"
        f"tmpfs {tmp_path}/run/other tmpfs rw 0 0\n"
    )
    assert take_away_left(tmp_path, mounts) == []


@pytest.mark.skipif(os.geteuid() != 0, reason="only root may mount")
def test_a_disk_whose_run_is_dead_is_taken_away_and_what_it_held_is_kept(tmp_path):
    folder = tmp_path / "a run" / "gateway"
    folder.mkdir(parents=True)
    # no process has such a number (proc(5), pid_max)
    mount = ["mount", "-t", "tmpfs", "-o", "size=1m", "dosewire-sim-4194305", str(folder)]
    if subprocess.run(mount, check=False).returncode:
        pytest.skip("this machine lets nobody mount")
    (folder / "spool.db").write_bytes(b"kept")
    assert take_away_left(tmp_path) == [folder]
    assert not os.path.ismount(folder)
    assert (folder / "spool.db").read_bytes() == b"kept"
    assert take_away_left(tmp_path) == []
