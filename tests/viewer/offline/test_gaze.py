"""View paths: what is read, what is refused and how it runs between the rows."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from panosod_core.errors import ConfigError
from panosod_core.geometry.projection import View
from panosod_viewer.offline.gaze import fixed_gaze, read_gaze

HEADER = "t_s,yaw_deg,pitch_deg,roll_deg,fov_deg\n"


def path_of(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "gaze.csv"
    path.write_text(text, encoding="utf-8")
    return path


def degrees(view: View) -> tuple[float, ...]:
    return tuple(np.degrees([view.yaw_rad, view.pitch_rad, view.roll_rad, view.fov_rad]))


def test_rows_are_met_exactly_and_run_linearly_between(tmp_path: Path) -> None:
    gaze = read_gaze(path_of(tmp_path, HEADER + "1,0,0,0,90\n3,40,-20,10,60\n"))
    assert degrees(gaze.view_at(1)) == pytest.approx((0, 0, 0, 90))
    assert degrees(gaze.view_at(2)) == pytest.approx((20, -10, 5, 75))
    assert degrees(gaze.view_at(3)) == pytest.approx((40, -20, 10, 60))


def test_it_stands_still_before_and_after(tmp_path: Path) -> None:
    gaze = read_gaze(path_of(tmp_path, HEADER + "1,10,0,0,90\n3,40,-20,10,60\n"))
    assert degrees(gaze.view_at(-5)) == pytest.approx((10, 0, 0, 90))
    assert degrees(gaze.view_at(99)) == pytest.approx((40, -20, 10, 60))


def test_across_the_back_the_short_way(tmp_path: Path) -> None:
    gaze = read_gaze(path_of(tmp_path, "t_s,yaw_deg,pitch_deg\n0,170,0\n1,-170,0\n"))
    assert abs(degrees(gaze.view_at(0.5))[0]) == pytest.approx(180)
    assert degrees(gaze.view_at(0.25))[0] == pytest.approx(175)


def test_a_whole_turn_as_written(tmp_path: Path) -> None:
    gaze = read_gaze(path_of(tmp_path, "t_s,yaw_deg,pitch_deg\n0,0,0\n4,360,0\n"))
    assert degrees(gaze.view_at(1))[0] == pytest.approx(90)
    assert degrees(gaze.view_at(3))[0] == pytest.approx(-90)


def test_optional_columns_order_comments_and_byte_order_mark(tmp_path: Path) -> None:
    text = "\ufeff# a path\n pitch_deg , t_s,yaw_deg\n\n5,0,1\n# more\n6,1,2\n"
    gaze = read_gaze(path_of(tmp_path, text), fov_deg=70)
    assert degrees(gaze.view_at(0)) == pytest.approx((1, 5, 0, 70))


@given(t=st.floats(-10, 10))
def test_a_fixed_gaze_never_moves(t: float) -> None:
    view = View(0.3, -0.2, 0.1, 1.2)
    assert degrees(fixed_gaze(view).view_at(t)) == pytest.approx(degrees(view))


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("", "at least one row"),
        (HEADER, "at least one row"),
        ("t_s,yaw_deg\n0,0\n", "line 1: column pitch_deg is missing"),
        ("t_s,yaw_deg,pitch_deg,speed\n0,0,0,0\n", "line 1: column 'speed' is not known"),
        ("t_s,t_s,yaw_deg,pitch_deg\n0,0,0,0\n", "line 1: a column appears twice"),
        (HEADER + "0,0,0,0,90\n1,0,0,0\n", "line 3: expected 5 values, found 4"),
        (HEADER + "0,0,0,0,90\n\n1,zero,0,0,90\n", "line 4: yaw_deg must be a number, found 'zero'"),
        (HEADER + "0,0,91,0,90\n", r"line 2: pitch_deg must lie in -90\.\.90"),
        (HEADER + "0,0,0,0,0\n", "line 2: fov_deg must lie in"),
        (HEADER + "0,nan,0,0,90\n", "line 2: yaw_deg must lie in"),
        (HEADER + "0,inf,0,0,90\n", "line 2: yaw_deg must lie in"),
        (HEADER + "1,0,0,0,90\n1,0,0,0,90\n", "line 3: t_s must grow"),
    ],
)
def test_what_is_refused_names_the_line(tmp_path: Path, text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint) as caught:
        read_gaze(path_of(tmp_path, text))
    assert "\n" not in str(caught.value)


def test_files_that_cannot_be_read(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="No such file"):
        read_gaze(tmp_path / "none.csv")
    (tmp_path / "bytes.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not UTF-8"):
        read_gaze(tmp_path / "bytes.csv")
