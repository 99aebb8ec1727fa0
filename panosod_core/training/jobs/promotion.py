"""A person promotes a candidate: into the library, and the default from now on."""

from pathlib import Path

from panosod_core.errors import TrainingError
from panosod_core.inference.library import ModelLibrary, ModelRecord
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.states import JobState


def promote(folder: Path, library: ModelLibrary, *, name: str = "") -> ModelRecord:
    """Make a judged job's candidate the default model. The gate only advises.

    Args:
        folder: of the job.
        library: where it goes.
        name: for people; by default the project's, with a number.

    Raises:
        CheckpointError: the candidate cannot be used, or the library not written.
        TrainingError: the job has not been judged, or was decided already.
    """
    job = JobFolder(folder)
    with job.held():
        found = job.read()
        if found.state is not JobState.EVALUATED:
            raise TrainingError(
                f"{folder}: only a job that has been evaluated can be promoted, this one is {found.state}"
            )
        result, request = found.result, found.request
        record = library.add(
            folder / CANDIDATE,
            name=name,
            title=request.project.stem,
            parent=result["incumbent"]["model_id"],
            snapshot=result["snapshot"]["fingerprint"],
            seed=request.seed,
            config=request.to_json() | {"job": found.id, "corrected": result["corrected"]},
            scores=result["scores"] | {"advice": result["advice"]},
        )
        library.promote(record.model_id)
        job.become(JobState.PROMOTED, f"promoted by a person as {record.name}", model=record.model_id)
    return record
