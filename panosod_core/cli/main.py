"""The ``panosod`` command: one module a sub-command, imported only when it is called.

A command's module has ``run(args) -> int`` whose parameter is annotated with the frozen dataclass of its arguments;
the dataclass's docstrings are the help.
"""

import importlib
import os
import sys
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import get_type_hints

import tyro

from panosod_core.cli.text import one_line
from panosod_core.errors import PanosodError

COMMANDS: Mapping[str, tuple[str, str]] = {
    "data": ("panosod_core.cli.data", "look into a data set's folder before training does: `panosod data check DIR`"),
    "info": ("panosod_core.cli.info", "print what a clip is: picture, sound, and where each was read"),
    "evaluate": ("panosod_core.cli.evaluate", "judge saliency maps of a folder, or those of a model: F, S, E, MAE, J"),
    "export": ("panosod_core.cli.export", "write a project's masks as PAVS10K, DAVIS, COCO, ... folders"),
    "export-onnx": ("panosod_core.cli.export_onnx", "write a model as graphs that ONNX Runtime runs fast on CPUs"),
    "figure": ("panosod_core.cli.figure", "draw clips as strips: frames, truth, predictions, location maps"),
    "finetune": ("panosod_core.cli.finetune", "learn from a project's corrected frames, and measure the result"),
    "import": ("panosod_core.cli.import_masks", "read masks of other programs into a project, as drafts"),
    "job": ("panosod_core.cli.job", "show, stop, cancel, promote a finetuning job: `panosod job show FOLDER`"),
    "listen": ("panosod_core.cli.listen", "print the direction that a clip's sound comes from, over time"),
    "merge": ("panosod_core.cli.merge", "compare a second annotator's project with yours and take over what is new"),
    "models": ("panosod_core.cli.models", "the models of this machine, and which one is used"),
    "predict": ("panosod_core.cli.predict", "what the model sees and hears in clips: maps, tables, overlay videos"),
    "project": ("panosod_core.cli.project", "a project's clips and their files; another copy for a clip"),
    "queue": ("panosod_core.cli.queue", "say which frames of a project to annotate next, and why"),
    "train": ("panosod_core.cli.train", "teach the network: `panosod train acoustic|image|video DIR --out RUN`"),
    "synth": ("panosod_core.cli.synth", "build the demo clip or a synthetic scene"),
}
"""Name of the command -> its module and one line of help."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command.

    Args:
        arguments: without the program's name; None for those of the process.

    Returns:
        The exit code: 0 fine, 1 the world's fault (one line on stderr), 2 wrong arguments.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        try:
            return _main(words)
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        # Whoever read our output (`| head`) has left. What is still buffered goes nowhere, or Python would complain.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _main(words: list[str]) -> int:
    if not words or words[0] in ("-h", "--help"):
        print(_usage(), file=sys.stdout if words else sys.stderr)
        return 0 if words else 2
    if words[0] == "--version":
        print(f"panosod {version('panosod')}")
        return 0
    if words[0] not in COMMANDS:
        print(f"panosod: no command {words[0]!r}; there are: {', '.join(COMMANDS)}", file=sys.stderr)
        return 2
    return _run(words[0], words[1:])


def _run(command: str, words: list[str]) -> int:
    module = importlib.import_module(COMMANDS[command][0])
    kind = get_type_hints(module.run)["args"]
    # Options that may be left out: "PATH" in the help, not "{None}|PATH".
    config = (tyro.conf.FlagCreatePairsOff, tyro.conf.DisallowNone)
    args = tyro.cli(kind, prog=f"panosod {command}", description=kind.__doc__, args=words, config=config)
    try:
        return int(module.run(args))
    except PanosodError as error:
        print(f"panosod: {one_line(str(error))}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130


def _usage() -> str:
    rows = "\n".join(f"  {name:<11} {help_}" for name, (_, help_) in COMMANDS.items())
    return f"usage: panosod COMMAND [options]\n\n{rows}\n\n`panosod COMMAND --help` lists a command's options."


if __name__ == "__main__":
    sys.exit(main())
