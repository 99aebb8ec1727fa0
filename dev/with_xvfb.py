"""Run a command on a virtual X display: ``with_xvfb.py COMMAND...``. The display ends with the command."""

import os
import subprocess
import sys


def main(command: list[str]) -> int:
    """Start Xvfb on a free display, run the command there, end Xvfb, return the command's exit code."""
    read_fd, write_fd = os.pipe()
    # -displayfd lets Xvfb choose a free number and say when it is ready: no race, no sleep. Without -noreset it would
    # start anew whenever its last client leaves, and turn away whoever comes meanwhile.
    options = ["-screen", "0", "1280x800x24", "-noreset", "-nolisten", "tcp", "+extension", "GLX"]
    server = subprocess.Popen(
        ["Xvfb", "-displayfd", str(write_fd), *options], pass_fds=[write_fd], stderr=subprocess.DEVNULL
    )
    os.close(write_fd)
    try:
        with os.fdopen(read_fd) as ready:
            number = ready.readline().strip()
        if not number:
            sys.stderr.write("panosod: Xvfb did not start\n")
            return 1
        environment = os.environ | {"DISPLAY": f":{number}", "QT_QPA_PLATFORM": "xcb", "LIBGL_ALWAYS_SOFTWARE": "1"}
        return subprocess.run(command, env=environment).returncode
    finally:
        server.terminate()
        server.wait()


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
