"""A studio whose worker processes are stood in for, so that its tests need no other process."""

import asyncio
import warnings

import pytest

from seisdream.studio.access import Access
from seisdream.studio.app import create_app
from seisdream.studio.settings import StudioSettings
from seisdream.studio.studio import Studio

with warnings.catch_warnings():
    # It asks for a successor of httpx.
    warnings.simplefilter("ignore")
    from starlette.testclient import TestClient

TOKEN = "token-of-the-tests"


class StandIn:
    """A worker that answers with functions of this process.

    Parameters
    ----------
    tasks : dict of str to function
        Each takes the arguments and the observer of events.
    words : list of str
        Control words are added to it.
    """

    def __init__(self, tasks, words):
        self.tasks, self.words, self.is_alive = tasks, words, True

    async def start(self):
        pass

    async def close(self):
        self.is_alive = False

    async def end(self):
        self.is_alive = False

    def kill(self):
        self.is_alive = False

    def control(self, word):
        self.words.append(word)

    async def call(self, task, arguments, observe=lambda name, data: None, *, timeout_s=None):
        self.is_alive = True
        answer = self.tasks[task](arguments, observe)
        return await answer if asyncio.iscoroutine(answer) else answer


@pytest.fixture
def data_dir(tmp_path):
    """An empty folder of data."""
    folder = tmp_path / "data"
    folder.mkdir()
    return folder


@pytest.fixture
def tasks():
    """What the stand-ins do, by the name of the task."""
    return {"warm": lambda arguments, observe: None, "network": lambda arguments, observe: arguments}


@pytest.fixture
def words():
    """Control words that the stand-ins have received."""
    return []


@pytest.fixture
def studio(tmp_path, data_dir, tasks, words, monkeypatch):
    """A studio with stand-ins for its workers."""
    monkeypatch.setattr("seisdream.studio.studio.Worker", lambda role, options: StandIn(tasks, words))
    return Studio(StudioSettings(data_dir=str(data_dir), networks=("mine:make",), uploads=3), tmp_path / "home")


@pytest.fixture
def access():
    """The secrets of the studio."""
    return Access("127.0.0.1", 8765, password="dune", token=TOKEN)


@pytest.fixture
def stranger(studio, access):
    """A client that knows no secret."""
    app = create_app(studio, access)
    with TestClient(app, base_url="http://127.0.0.1:8765", follow_redirects=False) as client:
        yield client


@pytest.fixture
def client(stranger):
    """A client with the token."""
    stranger.headers["authorization"] = f"Bearer {TOKEN}"
    return stranger
