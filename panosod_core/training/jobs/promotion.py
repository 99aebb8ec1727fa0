"""A person promotes a candidate: into the library, and the default from now on."""

from pathlib import Path

from panosod_core.errors import TrainingError
from panosod_core.inference.library import ModelLibrary, ModelRecord
from panosod_core.inference.model_file import ModelFile, demo_model
from panosod_core.training.jobs.folder import CANDIDATE, JobFolder
from panosod_core.training.jobs.states import JobState


class OtherIncumbentError(TrainingError):
    """What the candidate was judged against is not what is used by now."""


def promote(folder: Path, library: ModelLibrary, *, name: str = "", force: bool = False) -> ModelRecord:
    """Make a judged job's candidate the default model. The gate only advises.

    Args:
        folder: of the job.
        library: where it goes.
        name: for people; by default the project's, with a number.
        force: also where it was judged against another model than the one that is used now.

    Raises:
        CheckpointError: the candidate cannot be used, or the library not written.
        OtherIncumbentError: another model is used now; only without ``force``.
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
        judged, used = result["incumbent"]["model_id"], library.default_id or ModelFile.read(demo_model()).model_id
        # The candidate itself is used where whoever promoted it died before the job could say so.
        if used not in (judged, ModelFile.read(folder / CANDIDATE).model_id) and not force:
            raise OtherIncumbentError(
                f"{folder}: the candidate was judged against {_named(library, judged)}, but {_named(library, used)} is "
                "used by now: nobody has looked whether it is better than that"
            )
        record = library.add(
            folder / CANDIDATE,
            name=name,
            title=request.project.stem,
            parent=judged,
            snapshot=result["snapshot"]["fingerprint"],
            seed=request.seed,
            config=request.to_json() | {"job": found.id, "corrected": result["corrected"]},
            scores=result["scores"] | {"advice": result["advice"]},
        )
        library.promote(record.model_id)
        job.become(JobState.PROMOTED, f"promoted by a person as {record.name}", model=record.model_id)
    return record


def _named(library: ModelLibrary, model_id: str) -> str:
    names = {record.model_id: f"the model {record.name}" for record in library.records()}
    shipped = ModelFile.read(demo_model()).model_id
    return names.get(model_id) or (
        "the model that comes with panosod" if model_id == shipped else f"the model {model_id[:12]}"
    )
