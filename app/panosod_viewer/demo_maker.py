"""The demo clip on the empty page: made when it is first wanted, with its progress shown."""

from PySide6.QtCore import QObject, Qt, Signal

from panosod_viewer.panels.notice import Notice, Severity
from panosod_viewer.panels.welcome import WelcomePage
from panosod_viewer.workers.demo import DemoDone, DemoFailed, DemoProgress, DemoWorker
from panosod_viewer.workers.mailbox import Mailbox


class DemoMaker(QObject):
    """Makes the demo clip, once at a time.

    Signals:
        made (str): its path.
        notice (object): a Notice.
    """

    made = Signal(str)
    notice = Signal(object)
    _mail_came = Signal()

    def __init__(self, page: WelcomePage, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._page = page
        self._worker: DemoWorker | None = None
        self._mail = Mailbox()
        self._mail_came.connect(self._read_mail, Qt.ConnectionType.QueuedConnection)
        self._mail.attach(self._mail_came.emit)
        page.demo_requested.connect(self.start)
        page.demo_cancelled.connect(self.close)

    def start(self) -> None:
        """Make it, or open the one made before."""
        if self._worker is not None:
            return
        from panosod_core.synth.demo import default_demo_path  # the painter of the world: not while the window opens

        self._page.set_demo_progress(0.0)
        self._worker = DemoWorker(default_demo_path(), self._mail.post)
        self._worker.start()

    def close(self) -> None:
        """Stop making it."""
        worker, self._worker = self._worker, None
        if worker is not None:
            worker.close()
            self._page.set_demo_progress(None)
        self._mail.take()

    def _read_mail(self) -> None:
        for letter in self._mail.take():
            if self._worker is None:
                return
            if isinstance(letter, DemoProgress):
                self._page.set_demo_progress(letter.share)
            elif isinstance(letter, DemoDone):
                self.close()
                self.made.emit(str(letter.path))
            elif isinstance(letter, DemoFailed):
                self.close()
                self.notice.emit(Notice(letter.text, Severity.ERROR, key="demo"))
