"""`python -m kusto_magic`: the same as `kusto-image`."""

from __future__ import annotations

import sys

from kusto_magic.cli.main import main

if __name__ == "__main__":
    sys.exit(main())
