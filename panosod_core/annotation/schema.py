"""The tables of a project file, and the steps that bring an older file up to date."""

import sqlite3
from collections.abc import Callable

APPLICATION_ID = 0x50534F44
""""PSOD": tells a project from any other SQLite file."""

_V1 = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;

CREATE TABLE clips (
    id INTEGER PRIMARY KEY,
    path TEXT NOT NULL,               -- relative to the project's folder where it can be, with /
    content_id TEXT NOT NULL,
    width INTEGER NOT NULL CHECK (width > 1),
    height INTEGER NOT NULL CHECK (height > 0),
    stream INTEGER NOT NULL CHECK (stream >= 0),
    time_base_num INTEGER NOT NULL CHECK (time_base_num > 0),
    time_base_den INTEGER NOT NULL CHECK (time_base_den > 0),
    frame_count INTEGER NOT NULL DEFAULT 0
);

CREATE TABLE frames (
    id INTEGER PRIMARY KEY,
    clip INTEGER NOT NULL REFERENCES clips (id),
    stream INTEGER NOT NULL,
    frame_index INTEGER NOT NULL CHECK (frame_index >= 0),
    pts INTEGER NOT NULL,
    state TEXT NOT NULL DEFAULT 'untouched' CHECK (state IN ('untouched', 'draft', 'accepted', 'rejected')),
    locked INTEGER NOT NULL DEFAULT 0 CHECK (locked IN (0, 1)),
    note TEXT NOT NULL DEFAULT '',
    UNIQUE (clip, stream, pts)
);

CREATE TABLE objects (
    clip INTEGER NOT NULL REFERENCES clips (id),
    id INTEGER NOT NULL CHECK (id BETWEEN 1 AND 254),
    cell TEXT NOT NULL,               -- name, category, colour, rank, lock, intervals as JSON
    PRIMARY KEY (clip, id)
) WITHOUT ROWID;

CREATE TABLE masks (
    id INTEGER PRIMARY KEY,
    height INTEGER NOT NULL,
    width INTEGER NOT NULL,
    x INTEGER NOT NULL,               -- box on the ring: x + w may exceed the width
    y INTEGER NOT NULL,
    w INTEGER NOT NULL CHECK (w > 0),
    h INTEGER NOT NULL CHECK (h > 0),
    area_px INTEGER NOT NULL CHECK (area_px > 0),
    area_sr REAL NOT NULL,
    crc INTEGER NOT NULL,             -- CRC-32 of counts: SQLite does not notice a flipped bit in a blob
    counts BLOB NOT NULL              -- COCO's compressed run lengths of the whole picture
);

CREATE TABLE revisions (
    id INTEGER PRIMARY KEY,
    frame INTEGER NOT NULL REFERENCES frames (id),
    object INTEGER NOT NULL CHECK (object BETWEEN 1 AND 254),
    mask INTEGER REFERENCES masks (id),          -- NULL: the object was erased here
    parent INTEGER REFERENCES revisions (id),
    source TEXT NOT NULL CHECK (source IN ('manual', 'model', 'propagated', 'imported')),
    model TEXT,
    state TEXT NOT NULL CHECK (state IN ('draft', 'accepted', 'rejected')),
    author TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    time_spent_s REAL NOT NULL
);
CREATE INDEX revisions_of_frame ON revisions (frame, object);

CREATE TABLE heads (
    frame INTEGER NOT NULL REFERENCES frames (id),
    object INTEGER NOT NULL,
    revision INTEGER NOT NULL REFERENCES revisions (id),
    PRIMARY KEY (frame, object)
) WITHOUT ROWID;

CREATE TABLE locks (
    frame INTEGER NOT NULL REFERENCES frames (id),
    object INTEGER NOT NULL,
    PRIMARY KEY (frame, object)
) WITHOUT ROWID;

CREATE TABLE steps (
    id INTEGER PRIMARY KEY,
    title TEXT NOT NULL,
    clip INTEGER NOT NULL REFERENCES clips (id),
    frame INTEGER REFERENCES frames (id),
    object INTEGER,
    state TEXT NOT NULL CHECK (state IN ('done', 'undone', 'dropped')),
    created_ms INTEGER NOT NULL
);
CREATE INDEX steps_by_state ON steps (state, id);

CREATE TABLE step_changes (
    step INTEGER NOT NULL REFERENCES steps (id),
    ordinal INTEGER NOT NULL,
    kind TEXT NOT NULL CHECK (kind IN ('head', 'lock', 'frame', 'object')),
    clip INTEGER NOT NULL REFERENCES clips (id),
    frame INTEGER REFERENCES frames (id),
    object INTEGER,
    before ANY,
    after ANY,
    PRIMARY KEY (step, ordinal)
) WITHOUT ROWID;

CREATE TABLE events (
    id INTEGER PRIMARY KEY,
    created_ms INTEGER NOT NULL,
    kind TEXT NOT NULL,
    frame INTEGER REFERENCES frames (id),
    object INTEGER,
    data TEXT NOT NULL DEFAULT '{}'
);

CREATE TRIGGER revisions_stay BEFORE UPDATE ON revisions BEGIN SELECT RAISE(ABORT, 'revisions are append-only'); END;
CREATE TRIGGER revisions_stay_too BEFORE DELETE ON revisions
BEGIN SELECT RAISE(ABORT, 'revisions are append-only'); END;
CREATE TRIGGER masks_stay BEFORE UPDATE ON masks BEGIN SELECT RAISE(ABORT, 'masks are append-only'); END;
CREATE TRIGGER masks_stay_too BEFORE DELETE ON masks BEGIN SELECT RAISE(ABORT, 'masks are append-only'); END;
"""

_V2 = """
CREATE TABLE models (
    id TEXT PRIMARY KEY,              -- hash of the weights file
    parent TEXT,
    path TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    data TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE TABLE jobs (
    id TEXT PRIMARY KEY,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    folder TEXT NOT NULL,
    created_ms INTEGER NOT NULL,
    changed_ms INTEGER NOT NULL,
    data TEXT NOT NULL DEFAULT '{}'
) WITHOUT ROWID;

CREATE TABLE splits (
    id INTEGER PRIMARY KEY,
    clip INTEGER NOT NULL REFERENCES clips (id),
    part TEXT NOT NULL CHECK (part IN ('train', 'check', 'guard')),
    start_pts INTEGER,                -- NULL: the whole clip
    end_pts INTEGER,
    created_ms INTEGER NOT NULL
);
"""


def _script(text: str) -> Callable[[sqlite3.Connection], None]:
    def run(db: sqlite3.Connection) -> None:
        for statement in _statements(text):
            db.execute(statement)

    return run


def _statements(text: str) -> list[str]:
    """Statements of a script one by one: executescript would commit the transaction around them."""
    found, current = [], ""
    for line in text.splitlines(keepends=True):
        current += line
        if sqlite3.complete_statement(current):
            found.append(current)
            current = ""
    return found


MIGRATIONS: tuple[Callable[[sqlite3.Connection], None], ...] = (_script(_V1), _script(_V2))
"""Step i brings a file of version i to version i + 1; version 0 is an empty file."""

VERSION = len(MIGRATIONS)
"""What this program writes into ``user_version``."""


def migrate(db: sqlite3.Connection, *, to: int = VERSION) -> None:
    """Bring a file up to date in one transaction; a failure leaves it as it was.

    Args:
        db: a connection in autocommit mode, outside a transaction.
        to: version to stop at (tests make old files with it).
    """
    start = int(db.execute("PRAGMA user_version").fetchone()[0])
    if start >= to:
        return
    db.execute("BEGIN IMMEDIATE")
    try:
        for step in MIGRATIONS[start:to]:
            step(db)
        db.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        db.execute(f"PRAGMA user_version = {to}")
        db.execute("COMMIT")
    except BaseException:
        if db.in_transaction:
            db.execute("ROLLBACK")
        raise
