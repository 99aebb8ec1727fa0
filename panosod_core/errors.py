"""The errors a person can meet.

Every text says what was expected, what came, and what to do. Mistakes of the programmer raise ``ValueError``
or ``TypeError`` instead and are not caught.
"""


class PanosodError(Exception):
    """Base of every error that is the world's fault: shown to the person as one line, exit code 1."""


class MediaError(PanosodError):
    """A clip that cannot be opened, read, decoded or written."""


class AmbisonicError(PanosodError):
    """Sound whose ambisonic format is impossible or unsupported."""


class HrtfError(PanosodError):
    """An HRTF set (SOFA) that cannot be read or used."""


class RenderError(PanosodError):
    """OpenGL that is missing, too old, or failed to compile a shader."""


class ConfigError(PanosodError):
    """A setting, argument or parameter file with a value that cannot be used."""


class DatasetError(PanosodError):
    """A data set that is not where it was said to be, lacks what training needs, or holds an unreadable file."""


class AudioDeviceError(PanosodError):
    """No audio output device, or one that refused the stream or vanished."""


class CheckpointError(PanosodError):
    """A file of weights that cannot be read, is not trusted, or does not fit."""


class TrainingError(PanosodError):
    """A run of training that cannot start or go on: what it holds is safe, and the text says what to do."""


class PredictionError(PanosodError):
    """A prediction that cannot start or go on, or a cache of predictions that cannot be read or written."""


class CacheError(PredictionError):
    """A cache of predictions that cannot be opened, read or written."""


class ProjectError(PanosodError):
    """A project of annotations that cannot be opened, read, written or is held by somebody else."""


class AnnotationError(PanosodError):
    """An edit of masks that cannot be made."""


def install_extra(*extras: str) -> str:
    """What to do where packages of panosod's extras are missing: the end of an error's text."""
    words, named = "extras" if len(extras) > 1 else "extra", ", ".join(f"`{extra}`" for extra in extras)
    what = f"[{','.join(extras)}]"
    return f"install panosod's {words} {named} (pip install 'panosod{what}', in a checkout pip install -e '.{what}')"
