"""The clip's clock: second 0 is the earliest start of picture or sound."""

from panosod_core.media.info import ClipInfo


def clip_origin_s(info: ClipInfo) -> float:
    """Where the clip's clock starts on the container's clock, seconds.

    MPEG-TS starts anywhere, and sound often starts a little before the picture: a stream's time stamp minus this is
    its time on the clip's clock. 0.0 where no stream says when it starts.
    """
    starts = []
    if info.video is not None and info.video.start_pts is not None:
        starts.append(float(info.video.start_pts * info.video.time_base))
    if info.audio is not None and info.audio.start_s is not None:
        starts.append(info.audio.start_s)
    return min(starts, default=0.0)
