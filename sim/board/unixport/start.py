# Runs in the interpreter before anything of the firmware; arguments: see sim/board/process.py
import sys

sys.path[:] = sys.argv[1:3] + [".frozen"]
import boot  # noqa: E402

boot.main(globals())
