"""Commands for operators: ``python -m anycast.redis --help``."""

import sys

from anycast.redis._cli import main

sys.exit(main())
