"""The models of this machine: which is used, what each is made of, names, files, and two of them over the picture."""

from collections.abc import Sequence

from PySide6.QtCore import QSignalBlocker, Qt, Signal
from PySide6.QtGui import QFont
from PySide6.QtWidgets import (
    QAbstractItemView,
    QDialog,
    QHBoxLayout,
    QHeaderView,
    QLabel,
    QSplitter,
    QTreeWidget,
    QTreeWidgetItem,
    QVBoxLayout,
    QWidget,
)

from panosod_viewer.theme import SPACING_PX
from panosod_viewer.tools.model_cards import ModelCard
from panosod_viewer.widgets.buttons import TextButton
from panosod_viewer.widgets.labels import set_role

_COLUMNS = ("Name", "In use", "Since", "Trained from", "F before → after")
_ID = Qt.ItemDataRole.UserRole
SIZE = (720, 480)


class ModelsDialog(QDialog):
    """State in, intents out; touches no file. Models are named by their ids, "" is the one that comes with panosod.

    Args:
        parent: window that it belongs to.

    Signals:
        use_requested (str): make it the default.
        rename_requested (str, str): id and new name.
        delete_requested (str): after the person has said so twice.
        import_requested (): choose a file and take it in.
        export_requested (str): choose a file and copy it there.
        compare_requested (object, object): the cards of two models, for the picture.
        shown_changed (bool): it is on the screen.
    """

    use_requested = Signal(str)
    rename_requested = Signal(str, str)
    delete_requested = Signal(str)
    import_requested = Signal()
    export_requested = Signal(str)
    compare_requested = Signal(object, object)
    shown_changed = Signal(bool)

    def __init__(self, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self.setWindowTitle("Models")
        self.setModal(False)
        self._cards: dict[str, ModelCard] = {}
        self._wants_gone = ""
        column = QVBoxLayout(self)
        column.setSpacing(SPACING_PX)
        self.models, self.details = self._make_models(), self._make_details()
        parts = QSplitter(Qt.Orientation.Vertical)
        parts.addWidget(self.models)
        parts.addWidget(self.details)
        parts.setStretchFactor(0, 3)
        parts.setStretchFactor(1, 2)
        parts.setChildrenCollapsible(False)
        column.addWidget(parts, 1)
        self.word = QLabel()
        self.word.setWordWrap(True)
        self.word.hide()
        column.addWidget(self.word)
        column.addLayout(self._make_buttons())
        self.resize(*SIZE)
        self._selected()

    # --- state in

    def set_cards(self, cards: Sequence[ModelCard]) -> None:
        """What there is; what was selected stays so where it is still there."""
        if tuple(self._cards.values()) == tuple(cards):
            return
        chosen = {card.model_id for card in self.chosen} or {c.model_id for c in cards if c.is_default}
        self._cards = {card.model_id: card for card in cards}
        with QSignalBlocker(self.models):
            self.models.clear()
            for card in cards:
                self._add(card).setSelected(card.model_id in chosen)
        self._selected()

    def say(self, text: str, *, is_fault: bool = False) -> None:
        """What was done, or why something was not; "" takes it back."""
        self.word.setText(text)
        set_role(self.word, "error" if is_fault else "dim")
        self.word.setVisible(bool(text))

    @property
    def chosen(self) -> tuple[ModelCard, ...]:
        """The selected models, in the order of the list."""
        picked = {item.data(0, _ID) for item in self.models.selectedItems()}
        return tuple(card for card in self._cards.values() if card.model_id in picked)

    # --- making

    def _make_models(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("Models")
        tree.setRootIsDecorated(False)
        tree.setColumnCount(len(_COLUMNS))
        tree.setHeaderLabels(list(_COLUMNS))
        tree.setSelectionMode(QAbstractItemView.SelectionMode.ExtendedSelection)
        tree.setEditTriggers(QAbstractItemView.EditTrigger.EditKeyPressed)
        tree.header().setStretchLastSection(False)
        tree.header().setSectionResizeMode(QHeaderView.ResizeMode.ResizeToContents)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.Stretch)
        tree.itemSelectionChanged.connect(self._selected)
        tree.itemChanged.connect(self._renamed)
        return tree

    def _make_details(self) -> QTreeWidget:
        tree = QTreeWidget()
        tree.setAccessibleName("What is known of the model")
        tree.setRootIsDecorated(False)
        tree.setHeaderHidden(True)
        tree.setColumnCount(2)
        tree.setSelectionMode(QAbstractItemView.SelectionMode.NoSelection)
        tree.header().setSectionResizeMode(0, QHeaderView.ResizeMode.ResizeToContents)
        tree.setTextElideMode(Qt.TextElideMode.ElideMiddle)
        return tree

    def _make_buttons(self) -> QHBoxLayout:
        line = QHBoxLayout()
        self.add, self.export, self.rename, self.delete = (
            TextButton("Import…"), TextButton("Export…"), TextButton("Rename"), TextButton("Delete"),
        )  # fmt: skip
        self.compare, self.use = TextButton("Compare in the picture"), TextButton("Use it")
        tips = {
            self.add: "Take a model file into the library",
            self.export: "Copy the model to a file, with its record beside it",
            self.rename: "Give it another name",
            self.delete: "Remove it from this machine",
            self.compare: "Select two models: both are laid over the picture, a line between them",
            self.use: "The window and all commands use it where no model is named",
        }
        for button, tip in tips.items():
            button.setToolTip(tip)
            if button is self.compare:
                line.addStretch()
            line.addWidget(button)
        self.add.clicked.connect(self.import_requested)
        self.export.clicked.connect(lambda: self.export_requested.emit(self.chosen[0].model_id))
        self.rename.clicked.connect(self._edit_name)
        self.delete.clicked.connect(self._delete)
        self.compare.clicked.connect(lambda: self.compare_requested.emit(*self.chosen))
        self.use.clicked.connect(lambda: self.use_requested.emit(self.chosen[0].model_id))
        return line

    # --- showing

    def _add(self, card: ModelCard) -> QTreeWidgetItem:
        item = QTreeWidgetItem(
            self.models, [card.name, "in use" if card.is_default else "", card.made, card.parent, card.score]
        )
        item.setData(0, _ID, card.model_id)
        item.setToolTip(0, card.model_id or card.name)
        if not card.is_shipped:
            item.setFlags(item.flags() | Qt.ItemFlag.ItemIsEditable)
        if card.is_default:
            font = QFont(self.models.font())
            font.setBold(True)
            item.setFont(0, font)
        return item

    def _selected(self) -> None:
        self._ask_again()
        chosen = self.chosen
        one = chosen[0] if len(chosen) == 1 else None
        is_own = one is not None and not one.is_shipped
        self.details.clear()
        for what, value in one.details if one is not None else ():
            line = QTreeWidgetItem(self.details, [what, value])
            line.setToolTip(1, value)
        self.use.setEnabled(one is not None and not one.is_default and one.path is not None)
        self.export.setEnabled(is_own)
        self.rename.setEnabled(is_own)
        self.delete.setEnabled(one is not None and is_own and not one.is_default)
        self.compare.setEnabled(len(chosen) == 2 and all(card.path is not None for card in chosen))

    def _edit_name(self) -> None:
        items = self.models.selectedItems()
        if items:
            self.models.setFocus()
            self.models.editItem(items[0], 0)

    def _renamed(self, item: QTreeWidgetItem, column: int) -> None:
        card = self._cards.get(item.data(0, _ID))
        if column or card is None or item.text(0) == card.name:
            return
        name = item.text(0)
        with QSignalBlocker(self.models):
            item.setText(0, card.name)  # until it is done
        self.rename_requested.emit(card.model_id, name)

    def _delete(self) -> None:
        card = self.chosen[0]
        if self._wants_gone == card.model_id:
            self._ask_again()
            self.delete_requested.emit(card.model_id)
            return
        self._wants_gone = card.model_id
        self.delete.setText("Delete for good")
        self.say(f"{card.name} cannot be brought back: press once more to delete it")

    def _ask_again(self) -> None:
        if self._wants_gone:
            self._wants_gone = ""
            self.delete.setText("Delete")
            self.say("")

    def setVisible(self, visible: bool) -> None:  # noqa: N802 - Qt's name
        """Tell that it is shown or hidden."""
        super().setVisible(visible)
        self.shown_changed.emit(visible)
