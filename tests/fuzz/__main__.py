"""Fuzz one harness: python -m tests.fuzz NAME FOLDER [libFuzzer's options].

FOLDER takes the seeds, the corpus that grows from them, and the inputs that were found wanting.
"""

import importlib
import sys
from pathlib import Path

import atheris

OPTIONS = (
    "-timeout=20",  # seconds for one input: the slowest that are known take a tenth of one
    "-rss_limit_mb=1024",
    "-max_len=16384",
    "-print_final_stats=1",
)


def main() -> None:
    """Hand over to libFuzzer, which does not return."""
    name, folder, *options = sys.argv[1:]
    with atheris.instrument_imports(include=["ghcr_signer.core"]):
        harness = importlib.import_module(f"tests.fuzz.{name}")
    corpus, seeds = Path(folder, "corpus"), Path(folder, "seeds")
    for place in (corpus, seeds):
        place.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(harness.seeds()):
        (seeds / f"{number:03}").write_bytes(seed)
    prefix = f"-artifact_prefix={folder}/"
    atheris.Setup(
        [sys.argv[0], *OPTIONS, prefix, *options, str(corpus), str(seeds)],
        harness.run,
        custom_mutator=getattr(harness, "mutate", None),
    )
    atheris.Fuzz()


if __name__ == "__main__":
    main()
