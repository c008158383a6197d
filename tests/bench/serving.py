# SPDX-License-Identifier: Apache-2.0
"""Starts a server for a measurement or a test, and ends it again."""
import os
import signal
import socket
import subprocess
import time

READY_S = 20
END_S = 10


class ServerError(Exception):
    """The server did not do what it is started for."""


class Server:
    """A server process on one loopback port, its output in a file."""

    def __init__(self, command, port, log, env=None, cpu=None, cwd=None,
                 fast=False):
        self.command = [str(word) for word in command]
        self.port = port
        self.log = log
        self.env = env
        self.cpu = cpu
        self.cwd = cwd
        self.pause = 0.0002 if fast else 0.01
        self.began = None
        self.process = None

    @staticmethod
    def free_port(first=7430, last=7999):
        """A port nobody listens on; four digits, as W1's 341 bytes ask."""
        for port in range(first, last):
            with socket.socket() as s:
                s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    s.bind(("127.0.0.1", port))
                    return port
                except OSError:
                    continue
        raise ServerError(f"no free port between {first} and {last}")

    def __enter__(self):
        def pin():
            if self.cpu is not None:
                os.sched_setaffinity(0, {self.cpu})

        with open(self.log, "wb") as log:
            self.began = time.monotonic()
            try:
                self.process = subprocess.Popen(
                    self.command, stdin=subprocess.DEVNULL, stdout=log,
                    stderr=subprocess.STDOUT, env=self.env, cwd=self.cwd,
                    preexec_fn=pin)
            except OSError as error:
                raise ServerError(f"{self.command[0]}: {error.strerror}")
        try:
            self.await_ready()
        except ServerError:
            self.__exit__(None, None, None)
            raise
        return self

    def await_ready(self):
        """Waits until the port takes a connection."""
        until = time.monotonic() + READY_S
        while time.monotonic() < until:
            if not self.alive():
                raise ServerError(f"{self.command[0]} ended at its start: "
                                  f"{self.log_tail()}")
            try:
                socket.create_connection(("127.0.0.1", self.port), 1).close()
                return
            except OSError:
                time.sleep(self.pause)
        raise ServerError(f"{self.command[0]} does not listen on "
                          f"{self.port}: {self.log_tail()}")

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log_tail(self):
        with open(self.log, "rb") as f:
            return f.read()[-2000:].decode(errors="replace").strip()

    def __exit__(self, *_):
        if self.process is None:
            return
        self.process.send_signal(signal.SIGTERM)
        try:
            self.process.wait(END_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
