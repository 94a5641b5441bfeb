"""GPT-2's weights on demand: from a server of our own, since no test may need a network."""

import hashlib
import socket
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import pytest

from course_lib.data.gpt2_weights import FILES, SOURCE, fetch_gpt2

CONTENT = {"config.json": b'{"model_type": "gpt2"}', "model.safetensors": bytes(range(256)) * 40}


class QuietHandler(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None: ...


@pytest.fixture
def server(tmp_path):
    home = tmp_path / "served"
    home.mkdir()
    for name, content in CONTENT.items():
        (home / name).write_bytes(content)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(QuietHandler, directory=str(home)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield home, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


@pytest.fixture
def checksums():
    return {name: hashlib.sha256(content).hexdigest() for name, content in CONTENT.items()}


def test_all_files_arrive_and_are_found_again_without_the_server(server, checksums, tmp_path):
    home, source = server
    folder = fetch_gpt2(tmp_path / "cache", source, checksums)
    assert {path.name: path.read_bytes() for path in folder.iterdir()} == CONTENT
    for path in home.iterdir():
        path.unlink()
    assert fetch_gpt2(tmp_path / "cache", source, checksums) == folder


def test_a_damaged_file_is_fetched_again(server, checksums, tmp_path):
    folder = fetch_gpt2(tmp_path / "cache", server[1], checksums)
    (folder / "model.safetensors").write_bytes(b"cut off")
    fetch_gpt2(tmp_path / "cache", server[1], checksums)
    assert (folder / "model.safetensors").read_bytes() == CONTENT["model.safetensors"]


def test_another_file_under_the_name_is_refused_and_not_kept(server, checksums, tmp_path):
    (server[0] / "model.safetensors").write_bytes(b"something else")
    with pytest.raises(ValueError, match="model.safetensors .* is not the file that was published"):
        fetch_gpt2(tmp_path / "cache", server[1], checksums)
    assert not (tmp_path / "cache" / "model.safetensors").exists()


def test_a_file_that_is_not_there_and_no_network_say_what_to_do(server, checksums, tmp_path):
    (server[0] / "model.safetensors").unlink()
    with pytest.raises(ConnectionError, match="model.safetensors of GPT-2 could not be fetched .* needs a network, once, for 548 MB"):
        fetch_gpt2(tmp_path / "cache", server[1], checksums)
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
    with pytest.raises(ConnectionError, match="config.json of GPT-2 could not be fetched"):
        fetch_gpt2(tmp_path / "other", f"http://127.0.0.1:{port}", checksums)


def test_what_is_fetched_is_pinned_to_a_commit_and_to_checksums():
    assert len(SOURCE.rsplit("/", 1)[1]) == 40
    assert set(FILES) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert all(len(checksum) == 64 and int(checksum, 16) for checksum in FILES.values())
