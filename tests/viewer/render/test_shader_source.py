"""Includes, defines, and whose line a compiler means."""

from pathlib import Path

import pytest

from panosod_core.errors import RenderError
from panosod_viewer.render.shader_source import load_shader


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "main.frag").write_text('#version 330 core\n// a\n#include "piece.glsl"\nvoid main() {\n    bad;\n}\n')
    (tmp_path / "piece.glsl").write_text(
        '#include "deep.glsl"\n#include "deep.glsl"\nfloat two() { return one() * 2.0; }\n'
    )
    (tmp_path / "deep.glsl").write_text("float one() { return 1.0; }\n")
    return tmp_path


def numbered(text: str) -> list[tuple[int, int, str]]:
    """(file, line, text) as a GLSL 3.30 compiler counts."""
    out, file, line = [], 0, 1
    for raw in text.splitlines():
        if raw.startswith("#line"):
            line, file = int(raw.split()[1]), int(raw.split()[2])
            continue
        out.append((file, line, raw))
        line += 1
    return out


def test_every_line_keeps_its_number(folder: Path) -> None:
    source = load_shader(folder / "main.frag", defines=("B", "A"))
    assert source.files == ("main.frag", "piece.glsl", "deep.glsl")
    assert source.text.startswith("#version 330 core\n#define A 1\n#define B 1\n")
    for file, line, text in numbered(source.text):
        if not text.startswith(("#version", "#define")):
            assert (folder / source.files[file]).read_text().splitlines()[line - 1] == text


def test_each_file_is_included_once(folder: Path) -> None:
    assert load_shader(folder / "main.frag").text.count("float one()") == 1


@pytest.mark.parametrize(
    ("said", "meant"),
    [
        ("1:3(5): error: no", "piece.glsl:3: error: no"),
        ("2(1) : error C1008: no", "deep.glsl:1: error C1008: no"),
        ("ERROR: 0:5: 'bad' : no", "main.frag:5: 'bad' : no"),
        ("9:3(5): error: no", "9:3(5): error: no"),
        ("something else", "something else"),
    ],
)
def test_logs_of_several_drivers(folder: Path, said: str, meant: str) -> None:
    assert load_shader(folder / "main.frag").explained(said + "\n\0") == meant


def test_missing_files_and_versions(folder: Path) -> None:
    with pytest.raises(RenderError, match=r"gone\.frag cannot be read.*reinstall"):
        load_shader(folder / "gone.frag")
    (folder / "main.frag").write_text('#version 330 core\n#include "gone.glsl"\n')
    with pytest.raises(RenderError, match=r"gone\.glsl cannot be read"):
        load_shader(folder / "main.frag")
    with pytest.raises(RenderError, match="first line"):
        load_shader(folder / "deep.glsl")


@pytest.mark.gl
def test_a_real_compiler_error_names_file_and_line(folder: Path, headless: None) -> None:
    from panosod_viewer.render.headless import HeadlessContext
    from panosod_viewer.render.program import Program

    (folder / "all.vert").write_text("#version 330 core\nvoid main() { gl_Position = vec4(0.0); }\n")
    with HeadlessContext(8, 8):
        with pytest.raises(RenderError, match=r"main\.frag:5"):
            Program(folder / "all.vert", folder / "main.frag")
        (folder / "deep.glsl").write_text("\nfloat one() { return wrong; }\n")
        with pytest.raises(RenderError, match=r"deep\.glsl:2"):
            Program(folder / "all.vert", folder / "main.frag")
        (folder / "main.frag").write_text(
            "#version 330 core\nfloat lost();\nout vec4 c;\nvoid main() { c = vec4(lost()); }\n"
        )
        with pytest.raises(RenderError, match="do not link"):
            Program(folder / "all.vert", folder / "main.frag")
