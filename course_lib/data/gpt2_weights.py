"""The published GPT-2 of 124 million weights, fetched on demand: the only thing in the course that wants a network.

Radford et al. 2019, "Language Models are Unsupervised Multitask Learners"; weights under the MIT licence, as kept at
huggingface.co/openai-community/gpt2 in the state of one fixed commit. Nothing in the lessons depends on it.
"""

import logging
from pathlib import Path

COMMIT = "607a30d783dfa663caf39e06633721c8d4cfcd7e"
SOURCE = f"https://huggingface.co/openai-community/gpt2/resolve/{COMMIT}"
FILES = {  # name: SHA-256 of its content
    "config.json": "0daed7749b4f02b8f76240d5444551d7b08712dab4d0adb8239c56ba823bb7b4",
    "tokenizer.json": "8414cab924d8b9b33013f0d221c5862f365ee9be39c5c2bfae8a5a9e970478a6",
    "model.safetensors": "248dfc3911869ec493c76e65bf2fcf7f615828b0254c12b473182f0f81d3a707",
}


def fetch_gpt2(folder: str | Path | None = None, source: str = SOURCE, files: dict[str, str] = FILES) -> Path:
    """The folder with configuration, tokenizer and weights (548 MB), for `from_pretrained`; fetched once, then found there.

    Without `folder` they go where the system keeps caches. Each file is checked against its SHA-256; a damaged one is fetched again.
    Raises ConnectionError where a file cannot be fetched, and ValueError where what came is not the file that was meant; then nothing is kept of it.
    """
    import pooch
    import requests

    folder = Path(folder) if folder is not None else Path(pooch.os_cache("course_lib")) / "gpt2"
    pooch.get_logger().setLevel(logging.WARNING)  # its remarks on hashes would alarm a reader
    for name, checksum in files.items():
        try:
            pooch.retrieve(f"{source}/{name}", known_hash=f"sha256:{checksum}", fname=name, path=folder, progressbar=name.endswith(".safetensors"))
        except requests.exceptions.RequestException as error:
            raise ConnectionError(
                f"{name} of GPT-2 could not be fetched from {source} ({type(error).__name__}). This part of the lesson needs a network, "
                f"once, for 548 MB; all others do not. Files that you have from elsewhere can be put into {folder}."
            ) from None
        except ValueError as error:
            raise ValueError(f"{name} from {source} is not the file that was published: its SHA-256 differs from {checksum}. It was not kept.") from error
    return folder
