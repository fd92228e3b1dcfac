"""The demo: ``python -m anycast``."""

import sys

from anycast._demo import main

if __name__ == "__main__":
    sys.exit(main())
