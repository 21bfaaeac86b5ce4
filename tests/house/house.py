"""What the tests of the house share: the checks on the path, and files in a temporary tree."""

import sys
from pathlib import Path

# Importing this module puts the checks on the path.
ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT / "tools" / "lint"))


def write(root: Path, name: str, text: str) -> Path:
    path = root / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path
