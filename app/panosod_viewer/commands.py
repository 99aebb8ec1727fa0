"""What each action does: the one place where ids of the table meet the parts that carry them out."""

from collections.abc import Callable, Mapping
from functools import partial

from PySide6.QtGui import QAction

from panosod_viewer.actions import ACTIONS
from panosod_viewer.look_controller import LookController
from panosod_viewer.playback import SKIP_S
from panosod_viewer.player import Player
from panosod_viewer.resolving import ViewLayout
from panosod_viewer.state import ViewerState
from panosod_viewer.theme import ThemeChoice, ThemeController

VOLUME_STEP = 0.05


def playing_commands(player: Player) -> dict[str, Callable[[], object]]:
    """The actions of playing."""
    return {
        "play.toggle": player.toggle,
        "play.stop": player.pause,
        "play.slower": partial(player.change_speed, -1),
        "play.faster": partial(_faster, player),
        "play.normal": partial(player.set_speed, 1.0),
        "play.next_frame": partial(player.step, 1),
        "play.previous_frame": partial(player.step, -1),
        "play.next_ten": partial(player.step, 10),
        "play.previous_ten": partial(player.step, -10),
        "play.forward": partial(player.skip, SKIP_S),
        "play.back": partial(player.skip, -SKIP_S),
        "play.start": partial(player.seek, 0.0),
        "play.loop_start": partial(player.set_loop_end, is_start=True),
        "play.loop_end": partial(player.set_loop_end, is_start=False),
        "play.loop_clear": partial(player.set_loop, None),
    }


def _faster(player: Player) -> None:
    """L plays where it stood, and goes faster where it played: as in every editing room."""
    if player.transport.is_playing:
        player.change_speed(+1)
    else:
        player.play()


def looking_commands(look: LookController, state: ViewerState) -> dict[str, Callable[[], object]]:
    """The actions of looking."""
    return {
        "view.look": look.look_around,
        "view.map": partial(state.set_layout, ViewLayout.MAP),
        "view.split": partial(state.set_layout, ViewLayout.SPLIT),
        "view.planet": look.little_planet,
        "view.recentre": look.recentre,
        "view.left": partial(look.turn, left=1),
        "view.right": partial(look.turn, left=-1),
        "view.up": partial(look.turn, up=1),
        "view.down": partial(look.turn, up=-1),
        "view.roll_left": partial(look.lean, -1),
        "view.roll_right": partial(look.lean, +1),
        "view.zoom_in": partial(look.zoom, +1.0),
        "view.zoom_out": partial(look.zoom, -1.0),
        "view.zoom_reset": look.reset_zoom,
        "view.auto_quality": lambda: state.set_auto_quality(not state.has_auto_quality),
        "sound.check": look.sound_burst_ahead,
    }


def sound_commands(state: ViewerState) -> dict[str, Callable[[], object]]:
    """The actions of loudness."""
    return {
        "sound.louder": lambda: state.set_volume(state.volume + VOLUME_STEP, muted=False),
        "sound.softer": lambda: state.set_volume(state.volume - VOLUME_STEP),
        "sound.mute": lambda: state.set_volume(state.volume, muted=not state.is_muted),
        "sound.hold": lambda: state.set_held_sound(not state.has_held_sound),
    }


def theme_commands(theme: ThemeController) -> dict[str, Callable[[], object]]:
    """The actions of colours."""
    return {f"view.theme_{choice.value}": partial(theme.set_choice, choice) for choice in ThemeChoice}


def connect(actions: Mapping[str, QAction], commands: Mapping[str, Callable[[], object]]) -> None:
    """Connect every action of the table.

    Raises:
        ValueError: an action without a command, or a command without an action.
    """
    ids = {spec.id for spec in ACTIONS}
    if ids != set(commands):
        raise ValueError(f"actions and commands differ: {sorted(ids ^ set(commands))}")
    for action_id, command in commands.items():
        # The checked state that Qt sends along is not asked for: the state has it.
        actions[action_id].triggered.connect(partial(_run, command))


def _run(command: Callable[[], object], _checked: bool = False) -> None:
    command()
