"""Which version of the SDK this is: that of the gateway it came with, and of all other SDKs."""

from __future__ import annotations

from typing import Final

VERSION: Final = "0.1.0"
SDK: Final = f"sluice-python/{VERSION}"
"""What it calls itself to gateways."""
