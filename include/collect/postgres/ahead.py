"""Make the next item in a thread while the one before is being used: reading goes on while a batch is landed."""

import threading
from collections.abc import Generator
from contextlib import closing
from typing import Generic, TypeVar

T = TypeVar("T")


class Ahead(Generic[T]):
    """At most one item lies ready; whoever makes the items sees `stopped` when no more of them are wanted."""

    def __init__(self) -> None:
        self.stopped = False
        self._changed = threading.Condition()
        self._ready: list[T] = []
        self._asking = self._ended = False
        self._failure: BaseException | None = None
        self._thread: threading.Thread | None = None

    def over(self, items: Generator[T, None, None]) -> Generator[T, None, None]:
        """The items, in order; what their making raises is raised here, after the items before it.

        When this generator ends or is closed, the thread has ended.
        """
        self._thread = threading.Thread(target=self._make, args=(items,), name="reading ahead", daemon=True)
        self._thread.start()
        try:
            while True:
                with self._changed:
                    self._asking = True
                    self._changed.notify_all()
                    self._changed.wait_for(lambda: self._ready or self._ended)
                    self._asking = False
                    if not self._ready:
                        break
                    item = self._ready.pop()
                    self._changed.notify_all()
                yield item
            if self._failure is not None:
                raise self._failure
        finally:
            self.stop()

    def stop(self) -> None:
        """Let no more items be made, and wait until the thread has ended. Safe to call again."""
        with self._changed:
            self.stopped = True
            self._changed.notify_all()
        if self._thread is not None:
            self._thread.join()

    def wait_until_used(self) -> None:
        """For the thread: wait until every item made so far has been used, which the next one's asking tells."""
        with self._changed:
            self._changed.wait_for(lambda: self.stopped or (self._asking and not self._ready))

    def _make(self, items: Generator[T, None, None]) -> None:
        try:
            with closing(items):
                for item in items:
                    with self._changed:
                        self._ready.append(item)
                        self._changed.notify_all()
                        self._changed.wait_for(lambda: self.stopped or not self._ready)
                    if self.stopped:
                        return
        except BaseException as error:
            self._failure = error
        finally:
            with self._changed:
                self._ended = True
                self._changed.notify_all()
