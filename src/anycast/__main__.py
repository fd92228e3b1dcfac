"""The demo: ``python -m anycast``."""

import sys

from anycast._demo import main

sys.exit(main())
