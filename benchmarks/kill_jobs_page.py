"""What ``kill_jobs.py`` has counted, and the page of it."""

import datetime
import os
from dataclasses import dataclass, field
from typing import Any

import kill
from pages import system


@dataclass
class Count:
    """What came of it."""

    kills: int = 0
    window: int = 0
    job: int = 0
    both: int = 0
    while_opening: int = 0
    no_job: int = 0
    killed_when: dict[str, int] = field(default_factory=dict)
    taken_up: int = 0
    lived_on: int = 0
    cut_short: int = 0
    judged: int = 0
    same_bytes: int = 0
    wrong: list[str] = field(default_factory=list)
    orphans: int = 0


def is_right(count: Count, edits: kill.Totals) -> bool:
    return not (count.wrong or count.orphans or edits.lost or edits.damaged or count.judged != count.same_bytes)


def page(count: Count, edits: kill.Totals, words: Any, seconds: float) -> str:
    stamp = datetime.datetime.now(datetime.UTC).strftime("%Y-%m-%d")
    load = ", ".join(f"{x:.1f}" for x in os.getloadavg())
    when = ", ".join(f"{name} {n}" for name, n in sorted(count.killed_when.items()))
    wrong = "".join(f"- {line}\n" for line in count.wrong)
    return f"""# Windows and jobs killed at random moments

`python benchmarks/kill_jobs.py --kills {words.kills} --seed {words.seed}` on {stamp}, {system()},
{os.cpu_count()} cores (load {load}), {seconds / 60:.0f} minutes. The method is told at the top of
the script.

| | |
| --- | --- |
| SIGKILLs | {count.kills}: the window {count.window}, the job {count.job}, both {count.both} |
| of them while the project was being opened | {count.while_opening} |
| the job was then | {when} |
| no job's process was there to kill | {count.no_job} |
| jobs that ran on after their window was killed | {count.lived_on} |
| jobs taken up or started by the next start | {count.taken_up} |
| jobs given up a start early, because a window was killed while it started one | {count.cut_short} |
| jobs that came to their verdict | {count.judged} |
| of them with the tensors of a job that nobody killed, byte for byte | **{count.same_bytes}** |
| wrong states, or a wrong start | **{len(count.wrong)}** |
| processes left behind | **{count.orphans}** |
| acknowledged edits | {edits.acknowledged} |
| rounds in which an acknowledged edit was missing or changed | **{edits.lost}** |
| damaged project files | **{edits.damaged}** |
{wrong}"""
