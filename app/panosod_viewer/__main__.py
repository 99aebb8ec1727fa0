"""`panosod-viewer`: reads the command line, then opens the window or works without one."""

import gc
import logging
import signal
import sys
from collections.abc import Sequence
from pathlib import Path

from panosod_core.errors import PanosodError
from panosod_viewer.arguments import Arguments, is_project, parse_arguments
from panosod_viewer.display import check_display
from panosod_viewer.terminal import complain, is_started_by_desktop


def main(argv: Sequence[str] | None = None) -> int:
    """Run the viewer.

    Returns:
        The exit code: 0, or 1 with one line on stderr.
    """
    try:
        arguments = parse_arguments(argv)
        logging.basicConfig(
            level=arguments.log_level.upper(),
            format="%(asctime)s %(levelname)s %(name)s: %(message)s",
            stream=sys.stderr,
        )
        if arguments.screenshot is not None or arguments.record is not None:
            return _offline(arguments)
        return _window(arguments)
    except PanosodError as error:
        complain(str(error))
        return 1
    except KeyboardInterrupt:
        return 130


def _window(arguments: Arguments) -> int:
    from panosod_viewer.workers.opening import ClipOpener

    check_display()
    is_from_desktop = is_started_by_desktop()
    # Until the window listens for it, Ctrl+C ends the process as it does any other: nothing has to be put away yet, and
    # a KeyboardInterrupt while Qt is being loaded or built strikes within its C++, which aborts, crashes or goes on.
    before = signal.signal(signal.SIGINT, signal.SIG_DFL)
    opener = None
    try:
        # Qt's binding walks through the loaded modules when it is loaded, and aborts the process where a thread loads
        # one meanwhile.
        import shiboken6  # noqa: F401 - loaded before any thread, used by what is loaded after it

        # Before the rest of Qt is imported: reading the headers and the first picture takes as long as loading it does.
        if arguments.clip is not None and not is_project(arguments.clip):
            if is_from_desktop:
                opener = ClipOpener(Path(arguments.clip), at_s=arguments.at_s)
                opener.start()
            else:
                opener = ClipOpener.for_command_line(arguments.clip, at_s=arguments.at_s)
        from panosod_viewer.application import run

        # What has been imported stays: a search of all of it for garbage, 70 ms while a clip plays, finds nothing.
        gc.freeze()
        return run(arguments, opener=opener, is_from_desktop=is_from_desktop)
    finally:
        if opener is not None:
            opener.close()
        signal.signal(signal.SIGINT, before)


def _offline(arguments: Arguments) -> int:
    from panosod_viewer.offline_commands import record, screenshot

    out = screenshot(arguments) if arguments.screenshot is not None else record(arguments)
    if sys.stdout is not None:
        sys.stdout.write(f"{out}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
