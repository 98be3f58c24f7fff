"""gunicorn's threaded worker, told what to do when it has to stop."""

from types import FrameType

from gunicorn.workers.gthread import ThreadWorker  # type: ignore[import-untyped]

from tgi_service.app import OVERSEER


class DrainingWorker(ThreadWorker):  # type: ignore[misc]
    """Refuses connections from the moment it is told to stop, and ends waits for retries.

    Jobs that TGI is working on run on, for gunicorn's ``graceful_timeout`` at most.
    """

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        """Begins to stop, on SIGTERM."""
        if self.booted:
            self.wsgi.extensions[OVERSEER].stop_waiting()
        super().handle_exit(sig, frame)

    def handle_quit(self, sig: int, frame: FrameType | None) -> None:
        """Ends at once, when Ctrl-C was pressed: jobs would keep the process from ending."""
        if self.booted:
            self.wsgi.extensions[OVERSEER].abandon_all()
        super().handle_quit(sig, frame)

    def set_accept_enabled(self, enabled: bool) -> None:
        """Starts or stops accepting connections."""
        super().set_accept_enabled(enabled)
        if not self.alive:
            # While a listening socket is open the kernel accepts connections on it, and their
            # callers would wait for the last job to end only to be turned away.
            for listener in self.sockets:
                listener.close()
